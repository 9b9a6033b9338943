# SPDX-License-Identifier: EUPL-1.2
"""One operation applied to a certificate that is there."""

from dataclasses import dataclass, replace
from datetime import date

from certificates.domain.operations import FACTS, Circumstances, FactType, Operation, Status, decide
from certificates.errors import VersionChanged


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a certificate stands, read under its lock. organisation: its holder, where that is one."""

    id: str
    office: str
    type: str
    type_code: str
    version: int
    event_seq: int
    status: Status
    valid_to: date | None
    licence_id: str
    provisional: bool = False
    organisation: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One operation that happened: its fact, and where the certificate stands after it.

    left: the status in which the operation left the version before; of the same version it is `after.status`.
    case_id, task_id: where a task asked for it.
    """

    operation: Operation
    fact: FactType
    before: Status
    left: Status
    after: Standing
    case_id: str | None = None
    task_id: str | None = None


def change(
    standing: Standing,
    operation: Operation,
    now: Circumstances,
    *,
    successor: Standing | None = None,
    case_id: str | None = None,
    task_id: str | None = None,
) -> Change:
    """Apply *operation* to a locked certificate. successor: the next version, where the operation makes one.

    Raises TransitionNotAllowed.
    """
    cell = decide(operation, standing.status, replace(now, valid_to=standing.valid_to))
    left = standing.status if cell.left is None else cell.left
    after = replace(successor or standing, status=cell.makes or left, event_seq=standing.event_seq + 1)
    return Change(operation, FACTS[operation], standing.status, left, after, case_id, task_id)


def check_version(standing: Standing, wanted: int) -> None:
    """Demand that the caller means the latest version. Raises VersionChanged."""
    if standing.version != wanted:
        raise VersionChanged
