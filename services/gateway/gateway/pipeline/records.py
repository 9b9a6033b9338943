# SPDX-License-Identifier: EUPL-1.2
"""The gateway's own door: signed records of catalogue and keys, for SDK and apps.

Public, and nothing to trust: each record carries its signature, or its digest stands in a signed release.
"""

import re
from bisect import bisect_right
from collections.abc import Mapping

from contracts import topics
from contracts.records import Records, SignedRecord
from gateway.pipeline.match import check_query
from kit.errors import FieldError, InvalidRequest, NotFound, Unavailable
from kit.events import Record
from kit.replica import Replica

PREFIX = "/v1/records/"
TOPICS = (topics.CATALOGUE_ENTRY, topics.OFFICE, topics.SYSTEM)
PAGE = 1000
_NUMBER = re.compile(r"-1|[0-9]{1,19}", re.ASCII)


class RecordsDoor:
    """Answers `GET /v1/records/{topic}?after=&limit=` from replicas."""

    def __init__(self, replicas: Mapping[str, Replica[Record]]) -> None:
        self._replicas = replicas
        self._sorted: dict[str, tuple[int, list[Record]]] = {}

    def answer(self, path: str, query: bytes) -> Records:
        """Give a page of records after an offset. Raises NotFound, InvalidRequest, Unavailable while loading."""
        replica = self._replicas.get(path.removeprefix(PREFIX))
        if replica is None:
            raise NotFound
        if not replica.ready:
            raise Unavailable
        given = check_query(query, ("after", "limit"))
        after, limit = _number(given, "after", -1, 2**62), _number(given, "limit", PAGE, PAGE)
        ordered = self._ordered(path, replica)
        begin = bisect_right(ordered, after, key=lambda record: record.offset)
        page = ordered[begin : begin + limit]
        return Records(
            records=[SignedRecord(key=r.key, value=(r.data or b"").decode(), offset=r.offset) for r in page],
            next=page[-1].offset if page else after,
            complete=begin + len(page) == len(ordered),
        )

    def _ordered(self, name: str, replica: Replica[Record]) -> list[Record]:
        """Give a replica's records by offset; sorted once for each change of the replica, not for each caller."""
        version, ordered = self._sorted.get(name, (-1, []))
        if version != replica.version:
            version, ordered = replica.version, sorted(replica.items().values(), key=lambda record: record.offset)
            self._sorted[name] = (version, ordered)
        return ordered


def _number(given: Mapping[str, str], name: str, default: int, largest: int) -> int:
    text = given.get(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or not -1 <= int(text) <= largest:
        raise InvalidRequest([FieldError(name, "NOT_A_NUMBER_IN_RANGE", where="query")])
    return int(text)
