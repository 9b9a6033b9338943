# SPDX-License-Identifier: EUPL-1.2
"""A session of the window: a citizen's token that a clerk uses for her, and says so (RFC 8693, section 4.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.roles import Role
from kit.registry import Registry
from kit.tokens import Claims, TokenRefused


@dataclass(frozen=True, slots=True)
class Window:
    """Who acts for the citizen: the office, its system, and what the office calls its clerk."""

    office: str
    system: str
    clerk: str

    def claim(self) -> dict[str, str]:
        """Give the claim `act`."""
        return {"sub": self.system, "office": self.office, "clerk": self.clerk}


def window_of(claims: Claims, registry: Registry) -> Window | None:
    """Read who acts by a citizen's token; None where she acts herself.

    The system's record must stand and hold the office now, whatever the token says: a revoked system's windows close
    at once. Raises TokenRefused.
    """
    if "act" not in claims.data:
        return None
    acting = _read(claims.data["act"])
    if acting is None or claims.text("client_id") != acting.system:
        raise TokenRefused("act")
    record = registry.system(acting.system)
    if record is None or record.role != Role.OFFICE.value or acting.office not in record.offices:
        raise TokenRefused("system")
    return acting


def _read(act: object) -> Window | None:
    """Read `act`: exactly three texts, so that no chain of actors gets in."""
    said: Mapping[str, Any] = act if isinstance(act, dict) else {}
    if said.keys() != {"sub", "office", "clerk"} or not all(isinstance(value, str) for value in said.values()):
        return None
    return Window(said["office"], said["sub"], said["clerk"])
