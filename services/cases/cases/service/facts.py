# SPDX-License-Identifier: EUPL-1.2
"""Facts of certificates: they complete steps, found organisations, and undo what was taken back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from cases import domain, store
from cases.domain import Case, Step, StepCertificate
from cases.service.moves import write_moves
from cases.service.parts import Parts
from contracts.certificates.api import Fact
from kit.db import Transaction
from kit.telemetry import get_logger

log = get_logger()

RESCINDED = "03"
BARRED_FOR = timedelta(days=2 * 365)
"""How long nobody's promise counts after one that was false."""


@dataclass(frozen=True)
class Heard:
    """A fact and its kind: `issued`, `amended` or `revoked`."""

    kind: Literal["issued", "amended", "revoked"]
    fact: Fact


class Facts:
    """Use case of the consumer: certificates that tasks led to, and what became of them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def on_facts(self, tx: Transaction, heard: Sequence[Heard]) -> None:
        """Complete or undo the steps that facts are about. What is of no case of ours changes nothing."""
        hits = [(step, one) for one in heard for step in await _steps_of(tx, one)]
        found = sorted(((s.case_id, one, s.step_id) for s, one in hits), key=lambda hit: hit[0])
        for case_id, one, step_id in found:
            case = await store.lock_case(tx, case_id)
            steps = await store.steps_of_case(tx, case_id)
            step = next((s for s in steps if s.step_id == step_id), None)
            if case is None or step is None or one.fact.office != step.office:
                continue
            if one.kind == "revoked":
                await self._on_ended(tx, case, steps, step, one.fact)
            elif one.fact.case_id in (None, case_id) and _ordered(step, one):  # else another case's proof led to it
                await self._on_issued(tx, case, step, one.fact)

    async def _on_issued(self, tx: Transaction, case: Case, step: Step, fact: Fact) -> None:
        late = step.state in ("cancelled", "refused", "undone")
        # A step that went back may be told what was decided just before: that stands, and counts once its turn comes.
        if not (late or step.state in (*domain.DECIDABLE, "waiting", "gathering") or step.deemed):
            return
        if not late and not await self._bind(tx, case, step, fact):
            return
        held = StepCertificate(step.step_id, fact.certificate_id, fact.type, fact.version, fact.provisional)
        await store.attach(tx, held)
        now = self._parts.clock()
        orders = [order.type for order in await store.orders_of(tx, step.step_id)]
        whole = domain.fulfilled_by(step, await store.certificates_of(tx, step.step_id), orders)
        after = step
        if whole or late or not step.deemed:  # what passed by silence owes its certificate until all is here
            after = replace(step, certificate_id=step.certificate_id or fact.certificate_id)
        if late or step.undo_at is not None:  # nobody waits for it any more: what came after the end is taken back
            after = replace(after, again="undo", undo_at=step.undo_at or now)
        elif step.state in domain.DECIDABLE and whole:
            after = replace(after, state="done")
        await write_moves(tx, case, [after], now)

    async def _bind(self, tx: Transaction, case: Case, step: Step, fact: Fact) -> bool:
        """Give a founded organisation its code. False: the certificate is for another one than the case is about."""
        if fact.organisation is None:
            return True
        subjects = await store.subjects_of(tx, case.case_id)
        founded = domain.founded_by(step, fact.type, subjects)
        if founded is not None:
            await store.bind_organisation(tx, case.case_id, founded.name, fact.organisation)
            return True
        if any(s.organisation == fact.organisation for s in subjects):
            return True
        log.warning("fact_of_another_organisation", case=case.case_id, step=step.step)
        return False

    async def _on_ended(self, tx: Transaction, case: Case, steps: Sequence[Step], step: Step, fact: Fact) -> None:
        await store.end_certificate(tx, step.step_id, fact.certificate_id, fact.status)
        held = await store.certificates_of(tx, step.step_id)
        now = self._parts.clock()
        broken = step.mode == "commitment" and fact.provisional and fact.status == RESCINDED
        if broken:  # whoever withdrew meanwhile has promised all the same
            await store.bar(tx, case.applicant, now.date() + BARRED_FOR, case.case_id)
        if step.state != "done":
            return
        if broken:
            await write_moves(tx, case, domain.promise_broken(step, steps, now), now)
        elif step.undo_at is not None and not domain.left_to_end(step, held):
            await write_moves(tx, case, [replace(step, state="undone", ended_at=now)], now)


async def _steps_of(tx: Transaction, one: Heard) -> Sequence[Step]:
    """Give the steps that a fact is about: a certificate's end is of every step that led to a version of it."""
    if one.kind == "revoked":
        return await store.steps_of_certificate(tx, one.fact.certificate_id)
    task_id = one.fact.task_id
    if task_id is None:
        return []
    step = await store.step_of_task(tx, task_id) or await store.step_of_former_task(tx, task_id)
    return [] if step is None else [step]


def _ordered(step: Step, one: Heard) -> bool:
    """Say whether the step asked for it: a new version counts only where one was asked for."""
    return any(issue.type == one.fact.type and (one.kind == "issued" or issue.amends) for issue in step.issues)
