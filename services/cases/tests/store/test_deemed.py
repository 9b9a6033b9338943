# SPDX-License-Identifier: EUPL-1.2
"""What the office and the applicant see once silence has passed a step."""

from dataclasses import replace
from datetime import timedelta

from cases.domain.clocks import Pulse
from cases.service import Clocks
from contracts import signing
from contracts.cases import CaseProof, MoveClock
from contracts.catalogue import Catalogue
from contracts.catalogue.check import check
from contracts.envelopes import EnvelopeClaims, Task
from kit import aliases, jose, strictjson, tokens
from kit.db import Idem
from tongban.catalogue_files import load_entries

from .conftest import MARKET, NOW, ROOT, House
from .test_cases import fact, tasked


def _silence_is_consent(house: House) -> None:
    changes = {"onSilence": "deemed", "risk": "low", "within": {"workingDays": 5}}
    entries = [
        {**e, **changes} if e["kind"] == "responsibility" and e["step"] == "food-licence/f1" else e
        for e in load_entries(ROOT / "catalogue")
    ]
    read, faults = check(entries, test_area=True)
    assert not faults
    house.catalogue = Catalogue(8, read)


async def _silent(house: House) -> tuple[str, Task]:
    """Open a case whose office says nothing for five working days."""
    _silence_is_consent(house)
    house.parts = replace(house.parts, sandbox=True)
    case_id, task = await tasked(house)
    clocks = Clocks(house.parts, _answers, Pulse(timedelta(minutes=1), timedelta()))
    async with house.db.transaction() as tx:
        await tx.execute("DELETE FROM outbox_todo")  # the bus has it all
    await clocks.move(MoveClock(working_days=5), Idem("bootstrap", "k", b"f"))
    assert await clocks.beat()
    assert await clocks.judge_silence() == 1
    return case_id, task


async def _answers() -> bool:
    return True


async def _envelopes(house: House) -> list[tuple[int, Task]]:
    inbox = house.keys.private(MARKET, "inbox")
    found = []
    for _, keyseq, envelope in await house.events(f"envelope.{MARKET}.v1"):
        signed = jose.read_jws(jose.open_sealed(envelope.decode(), {inbox.kid: inbox}).decode(), typ=signing.ENVELOPE)
        claims = EnvelopeClaims.model_validate_json(jose.verify_jws(signed, house.key.public))
        found.append((keyseq, Task.model_validate_json(strictjson.dumps(claims.body))))
    return found


async def test_the_office_gets_its_task_again_and_owes_the_certificate(house: House) -> None:
    await _silent(house)
    assert await house.sealing.seal_tasks() == 1
    assert await house.sealing.seal_tasks() == 0
    (first_seq, first), (again_seq, again) = await _envelopes(house)
    assert (first_seq, first.deemed, again_seq, again.deemed) == (1, False, 2, True)
    assert (again.task_id, again.issues) == (first.task_id, first.issues)
    claims = tokens.verify(
        again.case_proof, signing.CASE_PROOF, key_of=lambda _i, _k: house.key.public, audience=None, now=NOW
    )
    proof = CaseProof.model_validate(dict(claims.data))
    assert [issue.holder for issue in proof.issues] == [aliases.digest(again.issues[0].holder or "")]
    assert proof.exp > again.deadline.timestamp()


async def test_the_applicant_sees_that_silence_passed_it_and_who_is_liable(house: House) -> None:
    case_id, _ = await _silent(house)
    seen = await house.view(case_id)
    [step] = seen.steps
    assert (step.state, step.deemed, step.accountable, step.certificate_id) == ("done", True, MARKET, None)
    assert seen.report.deemed_steps == 1


async def test_the_certificate_that_follows_is_attached_to_the_step(house: House) -> None:
    case_id, task = await _silent(house)
    await house.sealing.seal_tasks()
    late = fact(task)
    await house.hear(late)
    [step] = (await house.view(case_id)).steps
    assert (step.state, step.deemed, step.certificate_id) == ("done", True, late.certificate_id)
