# SPDX-License-Identifier: EUPL-1.2
"""A case from its opening to its end, on a real PostgreSQL."""

from datetime import timedelta

import pytest

from cases.consumers import CertificateFacts
from cases.errors import CaseInputInvalid, CaseUnknown, LifeEventUnknown, TaskNotOpen, TaskUnknown
from contracts import signing
from contracts.cases import CaseProof, DemandOnApplicant, OpenCase, RefuseTask
from contracts.certificates.api import Fact
from contracts.envelopes import EnvelopeClaims, Task
from contracts.exchange_bus import AskEvidence
from contracts.http import Exchange
from contracts.identity import SystemRecord
from contracts.ids import uuid7
from kit import aliases, jose, strictjson, tokens
from kit.consumer import Bad
from kit.db import Idem
from kit.errors import KeyReused, Kind, UpstreamError
from kit.events import Record

from .conftest import COOK, MARKET, NOW, OWNER, House


async def gathered(house: House, key: str = "k1", **wish: object) -> str:
    case = await house.open(key, **wish)
    await house.gathering.prepare_steps()
    await house.gathering.send_asks()
    return case.case_id


async def tasked(house: House) -> tuple[str, Task]:
    case_id = await gathered(house)
    await house.answer_all()
    assert await house.sealing.seal_tasks() == 1
    return case_id, await opened_task(house)


async def opened_task(house: House) -> Task:
    [(_, _, envelope)] = await house.events(f"envelope.{MARKET}.v1")
    inbox = house.keys.private(MARKET, "inbox")
    signed = jose.read_jws(jose.open_sealed(envelope.decode(), {inbox.kid: inbox}).decode(), typ=signing.ENVELOPE)
    claims = EnvelopeClaims.model_validate_json(jose.verify_jws(signed, house.key.public))
    assert (claims.iss, claims.aud, claims.kind) == ("cases", MARKET, "task")
    return Task.model_validate_json(strictjson.dumps(claims.body))


def fact(task: Task, **changes: object) -> Fact:
    said: dict[str, object] = {
        "certificateId": str(uuid7()),
        "version": 1,
        "office": MARKET,
        "type": "food-licence",
        "typeCode": f"{MARKET}002",
        "status": "01",
        "caseId": task.case_id,
        "taskId": task.task_id,
    }
    return Fact.model_validate({**said, **changes})


async def test_opening_needs_nobody_else(house: House) -> None:
    house.identity.away = True
    case = await house.open()
    assert (case.state, case.uploads, [s.state for s in case.steps]) == ("open", 0, ["waiting"])
    assert [kind for kind, _, _ in await house.events("cases.case.v1")] == ["cases.case.opened.v1"]


async def test_the_same_key_opens_one_case_and_another_body_is_refused(house: House) -> None:
    first, again = await house.open(), await house.open()
    assert first.case_id == again.case_id
    with pytest.raises(KeyReused):
        await house.opening.open(OWNER, _wish(house), Idem(OWNER, "k1", b"another"))


def _wish(house: House, **changes: object) -> OpenCase:
    body = {"lifeEvent": "food-licence", "subjects": {"staff": [house.handle()]}, "input": {"tradeName": "Noodles"}}
    return OpenCase.model_validate({**body, **changes})


async def test_every_fault_of_an_application_is_named_at_once(house: House) -> None:
    wish = _wish(house, subjects={"staff": ["a.b.c.d.e"], "cat": []}, input={"tradeName": "x" * 61, "colour": "red"})
    with pytest.raises(CaseInputInvalid) as refused:
        await house.opening.open(OWNER, wish, Idem(OWNER, "k", b"f"))
    named = {(e.pointer, e.code) for e in refused.value.errors}
    assert named == {
        ("/subjects/staff/0", "HANDLE_INVALID"),
        ("/subjects/cat", "UNKNOWN_SUBJECT"),
        ("/input/tradeName", "TOO_LONG"),
        ("/input/colour", "UNKNOWN_FIELD"),
    }


async def test_an_unknown_life_event_is_refused(house: House) -> None:
    with pytest.raises(LifeEventUnknown):
        await house.opening.open(OWNER, _wish(house, lifeEvent="open-casino"), Idem(OWNER, "k", b"f"))


async def test_the_asks_are_what_lists_and_grants_say_and_the_proof_binds_them(house: House) -> None:
    case_id = await gathered(house)
    asks = {a.type: a for a in (AskEvidence.model_validate_json(body) for body, _ in house.bus.asks.values())}
    assert asks.keys() == {"title", "staff-health"}
    assert (asks["title"].legal_basis.kind, asks["staff-health"].legal_basis.kind) == ("request", "law")
    assert asks["title"].explicit_request is not None
    assert asks["staff-health"].explicit_request is None
    claims = tokens.verify(
        asks["title"].case_proof, signing.CASE_PROOF, key_of=lambda _i, _k: house.key.public, audience=None, now=NOW
    )
    proof = CaseProof.model_validate_json(strictjson.dumps(claims.data))
    assert (proof.case_id, proof.office, proof.step) == (case_id, MARKET, "food-licence/f1")
    for need in proof.needs:
        person = asks[need.type].subject.person
        assert person is not None
        assert need.platform == aliases.digest(person.platform)
        assert need.holders == {office: aliases.digest(alias) for office, alias in person.holders.items()}


async def test_each_ask_has_its_receipt_before_it_leaves(house: House) -> None:
    await house.open()
    await house.gathering.prepare_steps()
    leaves = await house.receipts()
    assert sorted((leaf["side"], leaf["decision"], leaf["type"]) for leaf in leaves) == [
        ("asker", "pending", "staff-health"),
        ("asker", "pending", "title"),
    ]
    assert house.bus.asks == {}


async def test_a_step_is_started_once_however_often_the_job_runs(house: House) -> None:
    await house.open()
    assert await house.gathering.prepare_steps() == 1
    assert await house.gathering.prepare_steps() == 0
    assert len(await house.receipts()) == 2


async def test_while_identity_is_away_the_case_waits_and_then_goes_on(house: House) -> None:
    house.identity.away = True
    case = await house.open()
    assert await house.gathering.prepare_steps() == 0
    house.identity.away = False
    assert await house.gathering.prepare_steps() == 1
    assert (await house.view(case.case_id)).steps[0].state == "gathering"


async def test_identity_is_asked_once_per_person_party_and_use(house: House) -> None:
    await gathered(house)
    asked = len(house.identity.calls)
    await gathered(house, key="k2")
    assert len(house.identity.calls) == asked


async def test_a_handle_of_nobody_gives_a_task_with_a_refused_need(house: House) -> None:
    await gathered(house, subjects={"staff": [house.handle("n" * 43)]})
    await house.answer_all()
    await house.sealing.seal_tasks()
    task = await opened_task(house)
    assert {(n.type, n.outcome, n.code) for n in task.needs} == {
        ("title", "answered", None),
        ("staff-health", "refused", "NOT_MATCHED"),
    }


async def test_the_task_goes_sealed_to_its_office_with_a_receipt(house: House) -> None:
    _, task = await tasked(house)
    assert [issue.type for issue in task.issues] == ["food-licence"]
    key = house.keys.private(MARKET, "answering")
    assert aliases.open_alias({key.kid: key}, MARKET, task.issues[0].holder or "")
    sealed = [leaf for leaf in await house.receipts() if leaf["decision"] == "released"]
    assert [(leaf["side"], "envelopeDigest" in leaf) for leaf in sealed] == [("asker", True)]


async def test_without_the_offices_key_a_task_waits(house: House) -> None:
    await gathered(house)
    await house.answer_all()
    house.keys.gone.add((MARKET, "inbox"))
    assert await house.sealing.seal_tasks() == 0
    house.keys.gone.clear()
    assert await house.sealing.seal_tasks() == 1


async def test_the_issued_certificate_completes_the_case_once(house: House) -> None:
    case_id, task = await tasked(house)
    for _ in range(2):
        await house.hear(fact(task))
    view = await house.view(case_id)
    assert (view.state, view.steps[0].state) == ("completed", "done")
    closed = [seq for kind, seq, _ in await house.events("cases.case.v1") if kind == "cases.case.closed.v1"]
    assert closed == [2]
    assert [seq for _, seq, _ in await house.events("cases.step.v1")] == [1, 2, 3]


@pytest.mark.parametrize("changes", [{"office": "11999900000000035X"}, {"type": "title"}])
async def test_another_offices_or_another_types_fact_completes_nothing(house: House, changes: dict[str, str]) -> None:
    case_id, task = await tasked(house)
    await house.hear(fact(task, **changes))
    assert (await house.view(case_id)).state == "open"


async def test_a_refused_ask_is_final_and_a_passing_one_is_sent_again_with_the_same_bytes(house: House) -> None:
    await house.open()
    await house.gathering.prepare_steps()
    house.bus.refusal = UpstreamError(Kind.UNAVAILABLE, "UNAVAILABLE")
    assert await house.gathering.send_asks() == 0
    async with house.db.read() as tx:
        before = {str(r["ask_id"]): r["body"] for r in await tx.fetch("SELECT ask_id, body FROM need")}
    house.bus.refusal = None
    assert await house.gathering.send_asks() == 2
    assert {ask_id: body for ask_id, (body, _) in house.bus.asks.items()} == before


async def test_an_office_refuses_its_task_once(house: House) -> None:
    case_id, task = await tasked(house)
    said = RefuseTask(code="KITCHEN_TOO_SMALL", reason="Ten square metres are due.")
    await house.deciding.refuse(MARKET, task.task_id, said, Idem(MARKET, "r", b"f"))
    view = await house.view(case_id)
    assert (view.state, view.steps[0].code) == ("refused", "KITCHEN_TOO_SMALL")
    with pytest.raises(TaskNotOpen):
        await house.deciding.refuse(MARKET, task.task_id, said, Idem(MARKET, "r2", b"f"))


async def test_another_offices_task_looks_like_none(house: House) -> None:
    _, task = await tasked(house)
    said = RefuseTask(code="NO", reason="no")
    for task_id in (task.task_id, str(uuid7())):
        with pytest.raises(TaskUnknown):
            await house.deciding.refuse("119999000000000941", task_id, said, Idem("x", task_id, b"f"))


async def test_another_citizens_case_looks_like_none(house: House) -> None:
    case = await house.open()
    for case_id in (case.case_id, str(uuid7())):
        with pytest.raises(CaseUnknown):
            await house.viewing.view(COOK, case_id)


async def test_a_demand_tells_the_gate_what_the_case_holds(house: House) -> None:
    _, task = await tasked(house)
    wish = DemandOnApplicant(proves="floor-plan", cites="P-0201")
    await house.deciding.demand(MARKET, task.task_id, wish, Idem(MARKET, "d", b"f"), Exchange.new())
    [demand] = house.bus.demands
    assert demand.case_id == task.case_id
    assert demand.person is not None
    assert "premises-right" in demand.case_has


async def test_an_answer_past_the_deadline_of_its_ask_is_a_refused_need(house: House) -> None:
    await gathered(house)
    house.now = NOW + timedelta(hours=2)
    await house.answer_all("expired", "EVIDENCE_TIMEOUT")
    await house.sealing.seal_tasks()
    assert {need.code for need in (await opened_task(house)).needs} == {"EVIDENCE_TIMEOUT"}


class Systems:
    """Who may say what: exchange-bus its states, each deployment its own offices' facts."""

    ready = True

    def system(self, system_id: str) -> SystemRecord | None:
        roles = {"exchange-bus": ("exchange-bus", []), "certificates-2": ("certificates", [MARKET])}
        if system_id not in roles:
            return None
        role, offices = roles[system_id]
        said = {"systemId": system_id, "operator": MARKET, "offices": offices, "role": role, "keys": []}
        return SystemRecord.model_validate(said)


@pytest.mark.parametrize(
    ("sender", "office", "refused"),
    [
        ("certificates-2", MARKET, None),
        ("certificates-2", "11999900000000035X", "NOT_ITS_OFFICE"),
        ("exchange-bus", MARKET, "ROLE_WRONG"),
        ("stranger", MARKET, "ROLE_WRONG"),
    ],
)
async def test_a_fact_counts_only_from_the_deployment_that_serves_its_office(
    house: House, sender: str, office: str, refused: str | None
) -> None:
    _, task = await tasked(house)
    body = fact(task, office=office).wire_bytes()
    record = Record(
        "certificates.certificate.v1", 0, 0, str(uuid7()), uuid7(), "certificates.certificate.issued.v1",
        f"/zz/{MARKET}/{sender}", NOW, 1, {"taskid": task.task_id}, body,
    )  # fmt: skip
    [item] = await CertificateFacts(house.facts, Systems()).prepare([record])
    assert (item.reason if isinstance(item, Bad) else None) == refused
