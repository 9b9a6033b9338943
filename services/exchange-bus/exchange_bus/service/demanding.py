# SPDX-License-Identifier: EUPL-1.2
"""Demands on the applicant: each passes the proof gate, and leaves a receipt and a public figure."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from contracts.catalogue import Catalogue, Grant, Proof
from contracts.exchange_bus import DemandAccepted, DemandProof
from contracts.http import Exchange
from contracts.ids import uuid7
from contracts.receipts import Asker
from contracts.roles import PLATFORM
from exchange_bus import events
from exchange_bus.domain.proofs import Demand, ListEntry, Verdict, judge
from exchange_bus.domain.records import ProofDemand
from exchange_bus.errors import PROOF_REFUSALS, ProofRefused
from exchange_bus.store import journal as store
from kit.aliases import AliasRefused, open_alias
from kit.clock import Clock
from kit.db import Answer, Database, Idem, Transaction
from kit.jose import PrivateKey
from kit.receipts import Subject


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
        verdict = judge(
            _demand(wish),
            [_listed(one) for one in catalogue.entries if isinstance(one, Proof)],
            has_power=catalogue.has_power(wish.asked_by, wish.service, now.date()),
            on=now.date(),
        )
        kept = _kept(wish, verdict, catalogue.release)
        receipt = events.demand_judged(
            asker, wish, exchange.exchange_id, verdict, catalogue.release, self._subject(wish)
        )
        if not verdict.accepted or verdict.entry is None:
            async with self._db.transaction() as tx:
                await store.insert_demand(tx, kept, now)
                tx.receipt(receipt)
            raise _refusal(wish, verdict, catalogue.release, _grant_for(catalogue, verdict, now.date()))
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


def _demand(wish: DemandProof) -> Demand:
    return Demand(
        asked_by=wish.asked_by,
        service=wish.service,
        step=wish.step,
        proves=wish.proves,
        cites=wish.cites,
        demanded_from=wish.demanded_from,
        paper_needs=tuple(wish.paper_needs),
        case_has=tuple(wish.case_has),
    )


def _listed(entry: Proof) -> ListEntry:
    sources = tuple((source.office, source.type) for source in entry.sources)
    return ListEntry(
        entry.id,
        entry.service,
        entry.step,
        entry.asked_by,
        entry.proves,
        entry.route,
        sources,
        entry.law,
        entry.from_,
        entry.to,
    )


def _kept(wish: DemandProof, verdict: Verdict, release: int) -> ProofDemand:
    return ProofDemand(
        demand_id=str(uuid7()),
        asked_by=wish.asked_by,
        service=wish.service,
        step=wish.step,
        proves=wish.proves,
        cites=wish.cites,
        case_id=wish.case_id,
        code=verdict.code,
        entry=verdict.entry.id if verdict.entry else None,
        release=release,
    )


def _grant_for(catalogue: Catalogue, verdict: Verdict, on: date) -> Grant | None:
    """Find the grant by which the office may fetch the fact instead."""
    if verdict.entry is None or not verdict.entry.sources:
        return None
    office, kind = verdict.entry.sources[0]
    granted = catalogue.grants(on, mode="onRequest", type_name=kind, provider=office, consumer=verdict.entry.asked_by)
    return next(iter(granted), None)


def _refusal(wish: DemandProof, verdict: Verdict, release: int, grant: Grant | None) -> ProofRefused:
    """Say why, and what happens instead."""
    entry = verdict.entry
    facts: dict[str, Any] = {"asked_by": wish.asked_by, "release": release}
    facts |= {name: said for name, said in (("case_id", wish.case_id), ("step", wish.step)) if said is not None}
    if entry is not None:
        # Only what the list knows is said again: a word that came from outside alone isn't.
        facts |= {"proves": wish.proves, "entry": entry.id, "law": entry.law}
        if entry.sources:
            office, kind = entry.sources[0]
            facts["instead"] = {"office": office, "type": kind} | ({"grantId": grant.id} if grant else {})
    return PROOF_REFUSALS[verdict.code]("This is not to be asked of the applicant.", **facts)
