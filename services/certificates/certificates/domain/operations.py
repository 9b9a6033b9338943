# SPDX-License-Identifier: EUPL-1.2
"""The table of operations and states, as data: what may be done to a certificate when, and what becomes of it.

Status belongs to a version, and an operation acts on the latest version only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final, Literal

from certificates.errors import TransitionNotAllowed

Status = Literal["01", "02", "03", "04", "05", "06", "07", "99"]
"""01 valid, 02 suspended, 03 rescinded, 04 cancelled, 05 lapsed, 06 transferred out, 07 revoked, 99 other."""
FactType = Literal["issued", "amended", "suspended", "reinstated", "revoked", "expired"]


class Operation(StrEnum):
    """The ten operations of the ministries' interface; the four ways to end are operations of their own."""

    NEW = "new"
    RENEW = "renew"
    SUSPEND = "suspend"
    EXPIRE = "expire"
    CANCEL = "cancel"
    RESCIND = "rescind"
    REVOKE = "revoke"
    TRANSFER_OUT = "transferOut"
    REINSTATE = "reinstate"
    OTHER = "other"
    TRANSFER_IN = "transferIn"
    AMEND = "amend"
    UNDO_TRANSFER = "undoTransfer"


class Condition(StrEnum):
    """What must hold besides the status. The value is the reason for which it is refused otherwise."""

    RULING = "RULING_MISSING"
    IN_GRACE = "GRACE_OVER"
    NOT_OVER = "VALIDITY_OVER"
    OVER = "VALIDITY_NOT_OVER"
    LEFT = "NOT_TRANSFERRED_OUT"
    NOT_ARRIVED = "TRANSFER_COMPLETED"


@dataclass(frozen=True, slots=True)
class Cell:
    """A legal cell. left: the version's status after it; None where there was none. makes: the new version's status."""

    left: Status | None
    makes: Status | None = None
    only: Condition | None = None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What conditions are judged by.

    valid_to, grace_days: of the latest version and its type. ruling: a review or court decision is cited. left: the
    certificate that it comes from was transferred out. arrived: another office took it over.
    """

    today: date
    valid_to: date | None = None
    grace_days: int = 0
    ruling: bool = False
    left: bool = False
    arrived: bool = False


def _all(cell: Cell, *statuses: Status) -> dict[Status | None, Cell]:
    return dict.fromkeys(statuses, cell)


TABLE: Final[Mapping[Operation, Mapping[Status | None, Cell]]] = {
    # An ended version stays ended: the new certificate has an id and a serial of its own.
    Operation.NEW: {
        None: Cell(None, "01"),
        "03": Cell("03", "01", Condition.RULING),
        "04": Cell("04", "01", Condition.RULING),
        "07": Cell("07", "01", Condition.RULING),
    },
    Operation.RENEW: {"01": Cell("05", "01"), "05": Cell("05", "01", Condition.IN_GRACE)},
    Operation.SUSPEND: {"01": Cell("02")},
    Operation.EXPIRE: _all(Cell("05", None, Condition.OVER), "01", "02", "99"),
    Operation.CANCEL: _all(Cell("04"), "01", "02", "05", "99"),
    Operation.RESCIND: _all(Cell("03"), "01", "02", "05", "99"),
    Operation.REVOKE: _all(Cell("07"), "01", "02", "99"),
    Operation.TRANSFER_OUT: {"01": Cell("06")},
    Operation.REINSTATE: _all(Cell("01", None, Condition.NOT_OVER), "02", "99"),
    Operation.OTHER: _all(Cell("99"), "01", "02", "99"),
    Operation.TRANSFER_IN: {None: Cell(None, "01", Condition.LEFT)},
    Operation.AMEND: {"01": Cell("05", "01"), "02": Cell("05", "02")},
    Operation.UNDO_TRANSFER: {"06": Cell("01", None, Condition.NOT_ARRIVED)},
}
"""Operation -> status before -> what happens; a cell that isn't here is refused."""

FACTS: Final[Mapping[Operation, FactType]] = {
    Operation.NEW: "issued",
    Operation.TRANSFER_IN: "issued",
    Operation.RENEW: "amended",
    Operation.AMEND: "amended",
    Operation.SUSPEND: "suspended",
    Operation.OTHER: "suspended",
    Operation.REINSTATE: "reinstated",
    Operation.UNDO_TRANSFER: "reinstated",
    Operation.CANCEL: "revoked",
    Operation.RESCIND: "revoked",
    Operation.REVOKE: "revoked",
    Operation.TRANSFER_OUT: "revoked",
    Operation.EXPIRE: "expired",
}
"""Which fact an operation becomes on the bus."""

_STANDS: Final[Mapping[Status | None, str]] = {
    None: "NO_CERTIFICATE",
    "01": "IS_VALID",
    "02": "IS_SUSPENDED",
    "03": "IS_RESCINDED",
    "04": "IS_CANCELLED",
    "05": "HAS_LAPSED",
    "06": "IS_TRANSFERRED_OUT",
    "07": "IS_REVOKED",
    "99": "HAS_OTHER_STATUS",
}
"""Why a dot of the table refuses: what the certificate is."""

_MET: Final[Mapping[Condition, Callable[[Circumstances], bool]]] = {
    Condition.RULING: lambda now: now.ruling,
    Condition.IN_GRACE: lambda now: not _over(now, now.grace_days),
    Condition.NOT_OVER: lambda now: not _over(now, 0),
    Condition.OVER: lambda now: _over(now, 0),
    Condition.LEFT: lambda now: now.left,
    Condition.NOT_ARRIVED: lambda now: not now.arrived,
}


def decide(operation: Operation, status: Status | None, now: Circumstances) -> Cell:
    """Give what *operation* does. status: of the latest version, None when there is no certificate yet.

    Raises TransitionNotAllowed with `reason`: what the certificate is, or the condition that doesn't hold.
    """
    cell = TABLE[operation].get(status)
    if cell is None:
        raise TransitionNotAllowed(operation=operation.value, before=status, reason=_STANDS[status])
    if cell.only is not None and not _MET[cell.only](now):
        raise TransitionNotAllowed(operation=operation.value, before=status, reason=cell.only.value)
    return cell


def _over(now: Circumstances, grace_days: int) -> bool:
    return now.valid_to is not None and now.valid_to + timedelta(days=grace_days) < now.today
