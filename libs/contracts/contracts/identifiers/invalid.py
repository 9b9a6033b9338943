# SPDX-License-Identifier: EUPL-1.2
"""The one way in which an identifier is refused."""

from typing import Literal

Fault = Literal["form", "check", "part", "date"]


class IdentifierInvalid(ValueError):
    """An identifier that isn't one. The value itself is never repeated: it may name a person.

    kind: what it should have been (`uscc`, `licenceId`, ...). fault: form, check (a check character is wrong), part
    (a code inside is wrong), date (no such day, or one that lies ahead).
    """

    def __init__(self, kind: str, fault: Fault) -> None:
        super().__init__(f"not a valid {kind}: {fault}")
        self.kind = kind
        self.fault = fault
