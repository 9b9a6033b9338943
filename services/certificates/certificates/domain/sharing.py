# SPDX-License-Identifier: EUPL-1.2
"""What is told to whom of each fact."""

from dataclasses import dataclass
from typing import Literal

from certificates.domain.operations import FactType, Status


@dataclass(frozen=True, slots=True)
class EventGrant:
    """A grant of mode onEvent: facts of a type flow to the consumer without a case."""

    id: str
    consumer: str
    provider: str
    type: str
    fields: tuple[str, ...]
    purpose: str
    basis: Literal["request", "law", "consent"]


@dataclass(frozen=True, slots=True)
class ShareTask:
    """One fact that is to reach one grantee, or the directory (grant_id None).

    stream: what order is kept by: the share id, or the certificate's id for the directory.
    """

    office: str
    stream: str
    grant_id: str | None
    certificate_id: str
    version: int
    event_seq: int
    fact: FactType
    status: Status
    id: int = 0
