# SPDX-License-Identifier: EUPL-1.2
"""Demands on the applicant: each passes the proof gate, and leaves a receipt and a public figure."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final
from uuid import UUID, uuid5

from contracts.catalogue import Catalogue, Grant
from contracts.exchange_bus import DemandAccepted, DemandProof
from contracts.http import Exchange
from contracts.ids import uuid7
from contracts.receipts import Asker
from contracts.roles import PLATFORM
from exchange_bus import events
from exchange_bus.domain.records import ProofDemand
from exchange_bus.errors import PROOF_REFUSALS, ProofRefused
from exchange_bus.store import journal as store
from kit import proof_gate
from kit.aliases import AliasRefused, open_alias
from kit.clock import Clock
from kit.db import Answer, Database, Idem, Transaction
from kit.jose import PrivateKey
from kit.proof_gate import Verdict
from kit.receipts import Subject

APPEALS: Final = "/v1/appeals"
_SAME_REFUSAL: Final = UUID("6f1d5bd0-3a52-5a3e-9d3c-0b7a51c3c2aa")
"""Namespace of the ids of refused demands: one for each call of cases, however often it is repeated."""
_BY_ROUTE: Final = {
    "register": "fetch",
    "licence": "verify",
    "check": "check",
    "other": "useCase",
    "contract": "contract",
    "commitment": "commitment",
    "applicant": "askApplicant",
}
"""How the list proves a fact -> what the office does instead of asking for a paper."""


class Demanding:
    """Use case of cases, for an office. platform_keys: private, by kid."""

    def __init__(
        self, db: Database, catalogue: Callable[[], Catalogue], platform_keys: Mapping[str, PrivateKey], clock: Clock
    ) -> None:
        self._db, self._catalogue, self._platform_keys, self._clock = db, catalogue, platform_keys, clock

    async def demand(self, asker: Asker, wish: DemandProof, exchange: Exchange, idem: Idem) -> Answer:
        """Judge a demand; one commit {demand, receipt} either way. Raises ProofRefused with the gate's code."""
        stored = await self._db.stored(idem)
        if stored is not None:
            return stored
        catalogue, now = self._catalogue(), self._clock()
        verdict = proof_gate.judge(catalogue, proof_gate.Demand.of(wish), now.date())
        receipt = events.demand_judged(asker, wish, exchange.exchange_id, verdict, catalogue, self._subject(wish))
        if not verdict.accepted or verdict.entry is None:
            async with self._db.transaction() as tx:
                # A repeat of the same call is the same refusal: it counts once, and has its receipt.
                if await store.insert_demand(tx, _kept(wish, verdict, catalogue, _refusal_id(idem, verdict)), now):
                    tx.receipt(receipt)
            raise _refusal(wish, verdict, catalogue, now.date())
        kept = _kept(wish, verdict, catalogue, str(uuid7()))
        accepted = DemandAccepted(demand_id=kept.demand_id, entry=verdict.entry.id, release=catalogue.release)

        async def work(tx: Transaction) -> tuple[int, DemandAccepted]:
            await store.insert_demand(tx, kept, now)
            tx.receipt(receipt)
            return 201, accepted

        return await self._db.once(idem, work)

    def _subject(self, wish: DemandProof) -> Subject | None:
        if wish.person is None:
            return None
        try:
            person = open_alias(self._platform_keys, PLATFORM, wish.person)
        except AliasRefused:
            return None
        return Subject(f"{wish.asked_by}/{person}", wish.person)


def _refusal_id(idem: Idem, verdict: Verdict) -> str:
    return str(uuid5(_SAME_REFUSAL, f"{idem.client} {idem.key} {idem.fingerprint.hex()} {verdict.code}"))


def _kept(wish: DemandProof, verdict: Verdict, catalogue: Catalogue, demand_id: str) -> ProofDemand:
    return ProofDemand(
        demand_id=demand_id,
        asked_by=wish.asked_by,
        service=wish.service,
        step=wish.step,
        proves=wish.proves,
        cites=wish.cites,
        case_id=wish.case_id,
        code=verdict.code,
        entry=verdict.entry.id if verdict.entry else None,
        release=catalogue.release,
    )


def _refusal(wish: DemandProof, verdict: Verdict, catalogue: Catalogue, on: date) -> ProofRefused:
    """Say why, what happens instead, and where to appeal."""
    entry = verdict.entry
    facts: dict[str, Any] = {"asked_by": wish.asked_by, "release": catalogue.release, "appeal": APPEALS}
    facts |= {name: said for name, said in (("case_id", wish.case_id), ("step", wish.step)) if said is not None}
    if entry is not None:
        # Only what the list knows is said again: a word that came from outside alone isn't.
        facts |= {"proves": entry.proves, "entry": entry.id, "law": entry.law}
    facts["instead"] = _instead(wish, verdict, _grant_for(catalogue, wish, verdict, on))
    return PROOF_REFUSALS[verdict.code](_DETAILS[verdict.code], **facts)


def _instead(wish: DemandProof, verdict: Verdict, grant: Grant | None) -> dict[str, str]:
    """Say what the office does now. It is never 'ask the citizen', but for what she alone can give."""
    entry = verdict.entry
    if entry is None or verdict.code == "LIST_EXPIRED":
        return {"action": "none"}
    if verdict.code == "REPEATED_IN_CASE":
        return {"action": "useCase"}
    if verdict.code == "NO_LEGAL_BASIS":
        return {"action": "cite", "entry": entry.id}
    found = {"action": _BY_ROUTE[entry.route]}
    if entry.sources:
        found |= {"office": entry.sources[0].office, "type": entry.sources[0].type}
    return found | ({"grantId": grant.id} if grant else {})


def _grant_for(catalogue: Catalogue, wish: DemandProof, verdict: Verdict, on: date) -> Grant | None:
    """Find the grant by which the office may fetch the fact instead, one for this very step first."""
    if verdict.entry is None or not verdict.entry.sources:
        return None
    source = verdict.entry.sources[0]
    granted = catalogue.grants(
        on, mode="onRequest", type_name=source.type, provider=source.office, consumer=verdict.entry.asked_by
    )
    return min(granted, key=lambda grant: wish.step not in grant.steps, default=None)


_DETAILS: Final = {
    "NOT_IN_POWER_LIST": "The office has no power over this service.",
    "LIST_EXPIRED": "The cited entry is not in force: nothing takes its place.",
    "NO_LEGAL_BASIS": "No entry that the demand cites lets the office ask the applicant for this.",
    "REPEATED_IN_CASE": "The case has it already.",
    "CIRCULAR": "The paper could be had only after the decision that it is wanted for.",
    "ISSUER_CANNOT_KNOW": "Whoever should write the paper is in no position to know.",
    "HELD_BY_OFFICE": "An office holds it: fetch it there.",
    "COVERED_BY_LICENCE": "A licence proves it: verify that.",
    "VERIFY_ONLINE": "A check answers it on the day.",
    "COVERED_BY_OTHER": "Other material of the case says it.",
    "USE_CONTRACT": "The contract between the parties settles it.",
    "USE_COMMITMENT": "The applicant's written commitment takes the paper's place.",
}
"""Code -> the sentence that the office reads."""
