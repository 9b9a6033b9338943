# SPDX-License-Identifier: EUPL-1.2
"""A request on its way through the door. Pure data: every stage adds what it found out."""

from collections.abc import Sequence
from dataclasses import dataclass

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Asked:
    """What arrived: path as sent (already checked to be in normal form), query without `?`, whole body."""

    method: str
    path: str
    query: bytes
    headers: Headers
    body: bytes

    def header(self, name: str) -> str | None:
        """Give the one value of a header; None where it is absent or stated twice."""
        wanted = name.lower().encode()
        values = [value for known, value in self.headers if known == wanted]
        return values[0].decode("latin-1") if len(values) == 1 else None


@dataclass(frozen=True)
class Clerk:
    """Who acts for a citizen at a window: the office, its system, and what the office calls its clerk."""

    office: str
    system: str
    name: str


@dataclass(frozen=True)
class Principal:
    """Who asks, as the token says. office only for systems, subject only for citizens; clerk if one acts for her."""

    token: str
    client: str
    audience: str
    system: str | None = None
    office: str | None = None
    subject: str | None = None
    clerk: Clerk | None = None


@dataclass(frozen=True)
class Errand:
    """For what: purpose and kind of legal basis; case and step where the caller named them."""

    purpose: str
    basis: str
    case_id: str | None = None
    step: str | None = None
