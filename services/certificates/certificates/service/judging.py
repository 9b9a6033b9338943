# SPDX-License-Identifier: EUPL-1.2
"""Judging a request for evidence: by the lists, the case proof and the clock, then by what the register holds.

Judged when it arrives, and again before each look and each release: what was so a moment ago may have ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from certificates import store
from certificates.domain import Certificate
from certificates.service.breathing import breathing
from certificates.service.keys import Keys
from certificates.service.rulebook import Rulebook
from contracts.catalogue import Grant, Proof, clocks
from contracts.envelopes import Ask
from kit import aliases, gate
from kit.aliases import AliasRefused
from kit.db import Database
from kit.errors import Unavailable
from kit.tokens import KeyOf

NOT_MATCHED: Final = "NOT_MATCHED"
EVIDENCE_TIMEOUT: Final = "EVIDENCE_TIMEOUT"


@dataclass(frozen=True)
class Received:
    """A request as it was opened. office: whom it was sealed to. event_id: of the event that carried it."""

    office: str
    event_id: str
    exchange_id: str
    ask: Ask


@dataclass
class Judged:
    """What the rules say, step by step. code: why nothing is released; reason: what only we may know.

    opening, deciding: how long a person has for a preview of the type. kept: the fields that she lets go, where she was
    asked; None: all that were asked for.
    """

    received: Received
    entry: Proof | None = None
    opening: timedelta = clocks.OPENING
    deciding: timedelta = clocks.DECIDING
    grant: Grant | None = None
    holder: str | None = None
    subject: str | None = None
    code: str | None = None
    rule: str | None = None
    reason: str | None = None
    certificate: Certificate | None = None
    kept: Sequence[str] | None = None

    def refuse(self, code: str, *, rule: str | None = None, reason: str | None = None) -> "Judged":
        """Settle that nothing is released."""
        self.code, self.rule, self.reason = code, rule, reason
        return self

    @property
    def fields(self) -> Sequence[str] | None:
        """The fields that go, or that were asked for where nothing goes."""
        return self.received.ask.fields if self.kept is None or self.code is not None else self.kept

    @property
    def pieces(self) -> dict[str, Any]:
        """What would go: the asked fields of the certificate that was found."""
        claims = {} if self.certificate is None else self.certificate.claims
        return {name: claims[name] for name in self.received.ask.fields or [] if name in claims}

    @property
    def preview_due(self) -> bool:
        """Whether the person looks before anything goes, by our own replica of the lists."""
        if self.code is not None or self.entry is None:
            return False
        return self.entry.preview_due(person=self.subject is not None, wished=self.received.ask.preview)


class Judging:
    """Judges requests. case_keys: keys of systems with the role cases, and of nobody else."""

    def __init__(self, *, db: Database, rulebook: Rulebook, keys: Keys, case_keys: KeyOf) -> None:
        self._db = db
        self._rulebook = rulebook
        self._keys = keys
        self._case_keys = case_keys

    async def judge(self, received: Sequence[Received]) -> list[Judged]:
        """Judge each, then look up all at once: exactly one certificate that may be shown, or none.

        Raises Unavailable while our replica of the catalogue is older than a request.
        """
        judged = [await breathing(self._by_rules(one)) for one in received]
        await self._match([one for one in judged if one.code is None])
        return judged

    def lives(self, grant: Grant | None) -> bool:
        """Tell whether the grant, as it was judged by, is in force today by the release of now."""
        return grant is not None and self._rulebook.catalogue().get(Grant, grant.id, self._rulebook.today()) == grant

    def _by_rules(self, received: Received) -> Judged:
        ask, office, judged = received.ask, received.office, Judged(received)
        catalogue = self._rulebook.catalogue()
        if ask.release > catalogue.release:
            raise Unavailable("The catalogue here is older than the request")
        try:
            admitted = gate.admit(catalogue, _question(received), key_of=self._case_keys, recorded_at=ask.recorded_at)
        except gate.GateRefused as why:
            return judged.refuse(why.code, rule=why.rule)
        judged.entry, judged.grant = admitted.entry, admitted.grants[office]
        judged.opening, judged.deciding = clocks.opens_within(admitted.type), clocks.decides_within(admitted.type)
        self._open_subject(judged)
        # Judged as of the request's time above; a grant that ended since then gives nothing any more.
        if not self.lives(judged.grant) or judged.grant.id != ask.grant_id:
            return judged.refuse(gate.NoGrant.code, rule=gate.NoGrant.rule, reason="GRANT_ENDED_OR_ANOTHER")
        if self._rulebook.now() > ask.deadline:
            return judged.refuse(EVIDENCE_TIMEOUT, rule="clock.holder")
        if judged.holder is None:
            return judged.refuse(NOT_MATCHED, reason="ALIAS_UNREADABLE")
        return judged

    def _open_subject(self, judged: Judged) -> None:
        """Learn whom it is about. The proof has bound both aliases to one person, so the receipt may name her."""
        ask, office = judged.received.ask, judged.received.office
        if ask.aliases is None:
            judged.holder = ask.organisation
            return
        try:
            judged.subject = aliases.open_alias(self._keys.opening(office), office, ask.aliases.holder)
        except AliasRefused:
            return
        judged.holder = judged.subject

    async def _match(self, open_ones: Sequence[Judged]) -> None:
        if not open_ones:
            return
        wanted = [(one.received.office, one.received.ask.type, one.holder or "") for one in open_ones]
        async with self._db.read() as reader:
            found = await store.evidence.find_held(reader, wanted, self._rulebook.today())
        for one, held in zip(open_ones, found, strict=True):
            if len(held) == 1:
                one.certificate = held[0]
            else:
                one.refuse(NOT_MATCHED, reason="NONE" if not held else "SEVERAL")


def _question(received: Received) -> gate.Question:
    ask, office = received.ask, received.office
    if ask.aliases is not None:
        subject = gate.SubjectDigests.person(ask.aliases.platform, {office: ask.aliases.holder})
    else:
        subject = gate.SubjectDigests.organisation(ask.organisation or "", [office])
    return gate.Question(
        asker=ask.asker.office,
        holder=office,
        entry=ask.entry,
        release=ask.release,
        type=ask.type,
        type_version=ask.type_version,
        fields=None if ask.fields is None else tuple(ask.fields),
        predicate=ask.predicate,
        purpose=ask.purpose,
        basis=ask.legal_basis.kind,
        case_id=ask.case_id,
        step=ask.step,
        case_proof=ask.case_proof,
        subject=subject,
    )
