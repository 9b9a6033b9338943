# SPDX-License-Identifier: EUPL-1.2
"""Idempotent POSTs: one effect and one stored answer for a client's key (reliability: the write path)."""

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from kit.db.errors import UniqueViolation
from kit.db.queries import Queries, Row
from kit.errors import KeyReused, StillRunning
from kit.strictjson import dumps, loads

KEPT: Final = timedelta(days=1)
"""How long an answer is kept for repeats."""


@dataclass(frozen=True)
class Idem:
    """Who asked, under which key, and what (`fingerprint` of method, path and body)."""

    client: str
    key: str
    fingerprint: bytes


@dataclass(frozen=True)
class Answer:
    """An HTTP answer as it was first given."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class TwinCommitted(Exception):
    """A request with the same key committed while we worked; ours is rolled back."""


def fingerprint(*parts: bytes) -> bytes:
    """Hash *parts* (SHA-256); each with its length, so that no two lists of parts look alike."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(struct.pack(">Q", len(part)))
        digest.update(part)
    return digest.digest()


_COLUMNS = "fingerprint, status, response, headers"


async def stored(db: Queries, idem: Idem) -> Answer | None:
    """Give the stored answer, None if there is none. Raises KeyReused (`IDEMPOTENCY_KEY_REUSED`)."""
    row = await db.fetchrow(
        f"SELECT {_COLUMNS} FROM idem WHERE client_id = $1 AND key = $2 AND expires_at > now()",  # noqa: S608
        idem.client,
        idem.key,
    )
    return read_answer(idem, row) if row else None


async def claim(tx: Queries, idem: Idem) -> Answer | None:
    """Take the key for this transaction and give the stored answer, if any.

    Lock and look are one statement: it may miss a twin that commits at that moment, which `store` then meets.
    Raises StillRunning (`REQUEST_STILL_RUNNING`), KeyReused (`IDEMPOTENCY_KEY_REUSED`).
    """
    row = await tx.fetchrow(
        """SELECT l.got, i.fingerprint, i.status, i.response, i.headers
           FROM (SELECT pg_try_advisory_xact_lock($3) AS got) l
           LEFT JOIN idem i ON i.client_id = $1 AND i.key = $2 AND i.expires_at > now()""",
        idem.client,
        idem.key,
        lock_number(idem),
    )
    if row is None or not row["got"]:
        raise StillRunning
    return read_answer(idem, row) if row["status"] is not None else None


async def store(tx: Queries, idem: Idem, answer: Answer) -> None:
    """Keep the answer in the transaction of its effect. Raises TwinCommitted."""
    try:
        kept = await tx.fetchval(
            """INSERT INTO idem AS i (client_id, key, fingerprint, status, response, headers, expires_at)
               VALUES ($1, $2, $3, $4, $5, $6, now() + $7)
               ON CONFLICT (client_id, key) DO UPDATE
               SET fingerprint = excluded.fingerprint, status = excluded.status, response = excluded.response,
                   headers = excluded.headers, expires_at = excluded.expires_at
               WHERE i.expires_at <= now() RETURNING true""",
            idem.client,
            idem.key,
            idem.fingerprint,
            answer.status,
            answer.body,
            dumps(dict(answer.headers)) if answer.headers else None,
            KEPT,
        )
    except UniqueViolation as why:
        raise TwinCommitted from why
    if not kept:
        raise TwinCommitted


def read_answer(idem: Idem, row: Row) -> Answer:
    """Read a stored answer. Raises KeyReused where it belongs to another request."""
    if row["fingerprint"] != idem.fingerprint:
        raise KeyReused
    headers = loads(row["headers"]) if row["headers"] else {}
    return Answer(row["status"], row["response"] or b"", {str(k): str(v) for k, v in headers.items()})


def lock_number(idem: Idem) -> int:
    """Give the number of the advisory lock for this client and key."""
    digest = fingerprint(idem.client.encode(), idem.key.encode())
    return int.from_bytes(digest[:8], "big", signed=True)
