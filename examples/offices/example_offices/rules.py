# SPDX-License-Identifier: EUPL-1.2
"""What an office's rule gets to see, and what it may answer: papers, or a refusal with its reason."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from contracts.envelopes import IssueOrder, NeedAnswer, Task
from contracts.identifiers import TEST_AREA, organisation_check_character, uscc_check_character
from tongban import Facts

SELF = "self"
"""What a certificate's claims say of its holder: no name. Who it is stands in the holder's alias, sealed."""
_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_ENTERPRISE = "91"
"""Registered by market regulation (9), an enterprise (1)."""


class Refused(Exception):
    """The rule says no. code, reason: what the applicant reads."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


@dataclass(frozen=True)
class Paper:
    """One certificate to issue. organisation: the USCC of one that it founds. conditions: of one given on a promise.

    or_new: where a change is asked for and there is nothing to change, claims (all fields) make the first. ruling: the
    decision that allows it after one that ended.
    """

    claims: dict[str, Any]
    valid_to: date | None = None
    organisation: str | None = None
    conditions: tuple[str, ...] = ()
    or_new: bool = False
    ruling: str | None = None


@dataclass(frozen=True)
class Proven:
    """One need of a task, answered and verified. of: the subject's name in the life event."""

    need: NeedAnswer
    facts: Facts

    @property
    def of(self) -> str:
        """Whom it is about."""
        return self.need.of

    @property
    def claims(self) -> Mapping[str, Any]:
        """The granted fields."""
        return self.facts.claims


@dataclass(frozen=True)
class Evidence(Sequence[Proven]):
    """All that a task rests on, in the order of its needs."""

    proven: tuple[Proven, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.proven)

    def __getitem__(self, place: Any) -> Any:
        return self.proven[place]

    def __iter__(self) -> Iterator[Proven]:
        return iter(self.proven)

    def of_type(self, *types: str) -> list[Proven]:
        """Give what is of one of these types; may be empty."""
        return [one for one in self.proven if one.facts.type in types]

    def about(self, subject: str, *types: str) -> list[Proven]:
        """Give what is about one subject of the life event, of any type or one of these."""
        return [one for one in self.proven if one.of == subject and (not types or one.facts.type in types)]

    def first(self, *types: str, code: str, reason: str) -> Mapping[str, Any]:
        """Give the claims of the first of these types. Raises Refused with *code* and *reason* where there is none."""
        found = self.of_type(*types)
        if not found:
            raise Refused(code, reason)
        return found[0].claims


Rule = Callable[[Task, Evidence, date], list[Paper]]
"""Gives one paper for each of the task's issue orders, in their order, or raises Refused. The day: of the decision."""


def all_answered(task: Task) -> None:
    """Check that every need was answered; of the two rights to premises, one is enough. Raises Refused."""
    answered = {(need.of, need.index) for need in task.needs if need.outcome == "answered" and need.type in EITHER}
    missing = {
        need.type
        for need in task.needs
        if need.outcome != "answered" and not (need.type in EITHER and (need.of, need.index) in answered)
    }
    if missing:
        raise Refused("EVIDENCE_MISSING", f"no office could attest: {', '.join(sorted(missing))}")


EITHER = frozenset({"title", "lease"})
"""The right to premises: whoever owns them has no lease, and who has a lease doesn't own them."""


def premises(evidence: Evidence) -> Mapping[str, Any]:
    """Give the claims of the title or lease. Raises Refused (`PREMISES_UNPROVEN`)."""
    return evidence.first(*EITHER, code="PREMISES_UNPROVEN", reason="nobody attests a right to the premises")


def business(evidence: Evidence) -> Mapping[str, Any]:
    """Give the claims of the business licence. Raises Refused (`NO_BUSINESS_LICENCE`)."""
    return evidence.first("business-licence", code="NO_BUSINESS_LICENCE", reason="there is no business licence")


def promised(task: Task, name: str, *, code: str, reason: str) -> None:
    """Check that the applicant said yes to this. Raises Refused with *code* and *reason*."""
    if task.input.get(name) is not True:
        raise Refused(code, reason)


def new_address(task: Task, evidence: Evidence) -> str:
    """Give where the mover lives now, from the household register. Raises Refused."""
    all_answered(task)
    household = evidence.first("household", code="ADDRESS_UNPROVEN", reason="nobody attests the new address")
    return str(household["address"])


def consented(task: Task, evidence: Evidence, day: date) -> list[Paper]:
    """Give the rule of an offer that the citizen took, and that leads to no paper."""
    all_answered(task)
    return []


def numbered(prefix: str, task: Task, order: IssueOrder | None = None) -> str:
    """Give the number of what a task leads to: always the same, so that a repeat issues no second one."""
    text = task.task_id if order is None else f"{task.task_id}/{order.type}/{order.to}"
    return f"{prefix}{int(hashlib.sha256(text.encode()).hexdigest(), 16) % 10**14:014d}"


def mint_uscc(task_id: str) -> str:
    """Give the code of the organisation that a task founds: fictional (area 999900), valid, the same on a repeat.

    Source: GB 32100 with GB 11714 inside.
    """
    left = int(hashlib.sha256(f"uscc/{task_id}".encode()).hexdigest(), 16)
    body = ""
    for _ in range(8):
        left, place = divmod(left, len(_USCC_ALPHABET))
        body += _USCC_ALPHABET[place]
    first = f"{_ENTERPRISE}{TEST_AREA}{body}{organisation_check_character(body)}"
    return first + uscc_check_character(first)


def text_input(task: Task, name: str) -> str:
    """Give a text of the new input; empty where the applicant gave none."""
    return str(task.input.get(name, ""))


def file_input(task: Task, name: str) -> Mapping[str, Any]:
    """Give a file of the new input. Raises Refused (`INPUT_MISSING`)."""
    given = task.input.get(name)
    if not isinstance(given, dict) or not given.get("content"):
        raise Refused("INPUT_MISSING", f"the application holds no {name}")
    return given


def years_on(day: date, years: int) -> date:
    """Give the last day of a validity of so many years; a leap day counts as the 28th."""
    return date(day.year + years, day.month, min(day.day, 28))
