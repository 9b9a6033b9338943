# SPDX-License-Identifier: EUPL-1.2
"""Sealed aliases: one party names a person to another, without either learning the other's name."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date
from typing import Final

from contracts.catalogue import Catalogue, Grant, LifeEvent, Proof
from contracts.identity import Alias, Aliases, MintAliases
from contracts.ids import uuid7
from contracts.roles import PLATFORM
from identity import store
from identity.domain import Connections
from identity.errors import PartiesNotConnected
from identity.service.names import Names
from kit.clock import Clock
from kit.db import Database
from kit.errors import Forbidden, NotFound
from kit.receipts import Asker, ReceiptBasis, ReceiptDraft, Subject

MINT: Final = "mint-alias"


class AliasMint:
    """Mints aliases between parties that the catalogue connects.

    catalogue: gives the release in force; what it connects is worked out once a release and day. operator: the
    office that the platform is, as receipts name it.
    """

    def __init__(
        self, db: Database, names: Names, catalogue: Callable[[], Catalogue], *, operator: str, clock: Clock
    ) -> None:
        self._db = db
        self._names = names
        self._catalogue = catalogue
        self._operator = operator
        self._clock = clock
        self._known: tuple[int, date, Connections] | None = None

    async def mint(self, system: str, parties: frozenset[str], order: MintAliases, exchange_id: str | None) -> Aliases:
        """Mint what *order* lists, in its order, with a receipt each.

        system: who calls. parties: those in whose name it may: the platform for cases, its offices for certificates.
        Raises Forbidden, PartiesNotConnected (`PARTIES_NOT_CONNECTED`), NotFound for a pseudonym that `from` doesn't
        have, NoOfficeKey (`NO_OFFICE_KEY`), Unavailable while no receipt can be written.
        """
        if order.from_ not in parties:
            raise Forbidden
        connections = self._connections()
        if not all(connections.connected(order.from_, to.party) for to in order.to):
            raise PartiesNotConnected
        async with self._db.transaction() as tx:
            person_id = await store.person_named(tx, order.from_, order.subject)
            if person_id is None:
                raise NotFound
            parties_named = sorted({to.party for to in order.to})
            await store.remember_names(tx, [self._names.name(party, person_id) for party in parties_named])
            minted = [
                Alias(party=to.party, use=to.use, alias=self._names.alias(to.party, to.use, person_id))
                for to in order.to
            ]
            receipt = self._receipt(
                system, order.from_, self._names.receipt_subject(order.from_, person_id), exchange_id
            )
            for _alias in minted:
                tx.receipt(replace(receipt, receipt_id=uuid7()))
        return Aliases(aliases=minted)

    def _receipt(self, system: str, from_: str, person: Subject, exchange_id: str | None) -> ReceiptDraft:
        return ReceiptDraft(
            side="identity",
            exchange_id=exchange_id or str(uuid7()),
            decision="released",
            purpose=MINT,
            legal_basis=ReceiptBasis(kind="law"),
            asker=Asker(office=self._operator if from_ == PLATFORM else from_, system=system),
            person=person,
        )

    def _connections(self) -> Connections:
        catalogue, today = self._catalogue(), self._clock().astimezone(UTC).date()
        if self._known is None or self._known[:2] != (catalogue.release, today):
            self._known = catalogue.release, today, connections_of(catalogue, today)
        return self._known[2]


def connections_of(catalogue: Catalogue, today: date) -> Connections:
    """Work out which parties the entries in force connect (contracts, persons).

    The platform and an office: by a task of a life event, or by a proof entry of one of its steps. Two offices: by a
    grant, or by a proof entry that lets the one ask what the other holds.
    """
    steps = [(f"{event.id}/{step.id}", step) for event in catalogue.all(LifeEvent, today) for step in event.steps]
    names, services = {name for name, _step in steps}, {step.service for _name, step in steps}
    served = {office for _name, step in steps for office in step.tasks}
    pairs = {(grant.provider, grant.consumer) for grant in catalogue.all(Grant, today)}
    for proof in catalogue.all(Proof, today):
        sources = [source.office for source in proof.sources]
        pairs |= {(proof.asked_by, source) for source in sources}
        if proof.service in services and (proof.step is None or proof.step in names):
            served |= {proof.asked_by, *sources}
    return Connections.between(served, pairs)
