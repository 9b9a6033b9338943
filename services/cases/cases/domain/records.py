# SPDX-License-Identifier: EUPL-1.2
"""Cases, steps, needs and subjects as they are kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any


@dataclass(frozen=True)
class Case:
    """One application. applicant: the platform's pseudonym. Sequence numbers count the facts said so far.

    lead: the office that answers for the case as a whole. What the applicant gave is read apart (`store.input_of`).
    previews: she wishes to see what would go before it goes, where the lists offer that.
    """

    case_id: str
    life_event: str
    applicant: str
    state: str
    uploads: int
    text_version: str
    opened_at: datetime
    lead: str = ""
    previews: bool = False
    closed_at: datetime | None = None
    withdrawn_at: datetime | None = None
    proof_until: datetime | None = None
    event_seq: int = 0
    step_event_seq: int = 0


@dataclass(frozen=True)
class Issue:
    """A certificate type that an approval issues, and the subject's name in the life event.

    amends: a new version of the one that the subject has.
    """

    type: str
    to: str
    amends: bool = False


@dataclass(frozen=True)
class Order:
    """One certificate that a step's office is to issue: to a person by alias, or to an organisation by its USCC.

    Neither: the step founds the organisation.
    """

    type: str
    to: str
    position: int = 0
    alias: str | None = None
    organisation: str | None = None
    amends: bool = False


@dataclass(frozen=True)
class Want:
    """A need as the life event states it: (type, subject's name) in order of preference.

    each: of every person of a subject that is a list.
    """

    alternatives: tuple[tuple[str, str], ...]
    each: bool = False


@dataclass(frozen=True)
class Step:
    """One step of a case at one office. step: `{lifeEvent}/{id}`.

    States: waiting -> gathering -> ready (task row, not yet sealed) -> tasked -> done | refused. One of mode offer goes
    waiting -> offered -> waiting once it is taken. cancelled: it can't start any more, or the case was withdrawn.
    skipped: not chosen, or declined. undone: what it led to was taken back.

    optional: the case is whole without it. tasked_at: when the clock of its task began, or that of its offer.
    wants, input_fields: None where it was laid out by a release of cases that kept neither. accountable: who answers
    for it now. deemed: it passed by silence. again: what is to be sealed once more: `deemed` or `undo`. task_seq: how
    many envelopes its task has had. undo_at: when the office was told to take it back.
    """

    step_id: str
    case_id: str
    step: str
    office: str
    service: str
    mode: str
    after: tuple[str, ...]
    issues: tuple[Issue, ...]
    state: str = "waiting"
    wants: tuple[Want, ...] | None = ()
    accountable: str = ""
    input_fields: tuple[str, ...] | None = ()
    commitment: str | None = None
    visit: str | None = None
    visit_days: int | None = None
    visit_on: date | None = None
    on_refusal: str = "dependents"
    on_withdrawal: str = "keep"
    optional: bool = False
    accepted_at: datetime | None = None
    needs_count: int = 0
    deadline: datetime | None = None
    case_proof: str | None = None
    task_id: str | None = None
    task_exchange_id: str | None = None
    task_seq: int = 0
    tasked_at: datetime | None = None
    ended_at: datetime | None = None
    deemed: bool = False
    escalated_at: datetime | None = None
    again: str | None = None
    undo_at: datetime | None = None
    certificate_id: str | None = None
    code: str | None = None
    reason: str | None = None

    @property
    def name(self) -> str:
        """The step's id within its life event."""
        return self.step.partition("/")[2]


@dataclass(frozen=True)
class Subject:
    """Whom a case is about: name in the life event, position in its list (0 where there is one).

    person: the platform's pseudonym. organisation: its USCC. Neither: an organisation that a step will found.
    """

    name: str
    position: int
    person: str | None = None
    organisation: str | None = None

    @property
    def known(self) -> bool:
        """Whether evidence about it can be asked."""
        return self.person is not None or self.organisation is not None


@dataclass(frozen=True)
class Alternative:
    """One way to prove a need: the type, and whom it is about."""

    type: str
    name: str
    position: int


@dataclass(frozen=True)
class Look:
    """Where a person sees what would go: the preview's id, the deployment that shows it, until when it is opened."""

    preview_id: str
    deployment: str
    until: datetime


@dataclass(frozen=True)
class Need:
    """One thing that a step needs about one subject. body: the ask's exact bytes; None where nothing could be asked.

    States: unsent -> asked -> answered | refused; where another way is left, or its time was over before it was sent,
    `next` (to be asked anew) -> passed (it was).
    former: asked for a decision that counts no more.
    proves: the fact's name in the proof list. alternatives: ways not tried yet. holder: the office that is asked.
    look: where its person looks first, once the holder said so; the need stays `asked` meanwhile.
    """

    ask_id: str
    step_id: str
    position: int
    type: str
    subject_name: str
    subject_position: int
    exchange_id: str
    salt: str
    state: str
    proves: str | None = None
    body: bytes | None = field(default=None, repr=False)
    request_id: str | None = None
    code: str | None = None
    alternatives: tuple[Alternative, ...] = ()
    holder: str | None = None
    former: bool = False
    look: Look | None = None


@dataclass(frozen=True)
class Wanted:
    """A need bound to the subjects of a case: the ways to prove it, in order of preference."""

    ways: tuple[tuple[str, Subject], ...]


@dataclass(frozen=True)
class StepCertificate:
    """A certificate that a step led to. ended: the status that ended it, if one did."""

    step_id: str
    certificate_id: str
    type: str
    version: int
    provisional: bool = False
    ended: str | None = None


Input = Mapping[str, Any]
"""What the applicant gave, by the life event's names."""
