# SPDX-License-Identifier: EUPL-1.2
"""Questions and decisions that no case, list or grant carries."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from .forging import STRANGER, claims_of, jws, seconds
from .knocking import MARK, Knock
from .scene import HEALTH, LAND, TAX, Scene, key_of, until

pytestmark = pytest.mark.asyncio(loop_scope="package")

Make = Callable[[Scene], Knock]


def proof(scene: Scene, *, by: str = "cases", key: Any = None, **changes: Any) -> str:
    """Sign the live case's proof anew, changed, with somebody's key. by: whose key it is said to be."""
    own = key or key_of(scene.stack, by)
    claims = {**claims_of(scene.live.case_proof), "iss": by, **changes}
    return jws({"alg": "ES256", "kid": own.kid, "typ": "case-proof+jwt"}, claims, own)


def _proven(scene: Scene, text: str) -> Knock:
    return scene.ask().saying("/caseProof", text)


def _turned(scene: Scene) -> str:
    head, payload, signature = scene.live.case_proof.split(".")
    return ".".join([head, payload, ("B" if signature[0] == "A" else "A") + signature[1:]])


def _for(scene: Scene, kind: str, member: str) -> Any:
    return scene.asks[kind]["subject"]["person"][member]


PROOFS: dict[str, tuple[Make, str]] = {
    "a proof with one bit turned": (lambda s: _proven(s, _turned(s)), "CASE_PROOF_INVALID"),
    "a proof signed by nobody": (lambda s: _proven(s, proof(s, key=STRANGER)), "CASE_PROOF_INVALID"),
    "a proof signed by the asking office": (lambda s: _proven(s, proof(s, by="licensing")), "CASE_PROOF_INVALID"),
    "a proof signed by exchange-bus": (lambda s: _proven(s, proof(s, by="exchange-bus")), "CASE_PROOF_INVALID"),
    "a proof by an office in the name of cases": (
        lambda s: _proven(s, proof(s, key=key_of(s.stack, "licensing"))),
        "CASE_PROOF_INVALID",
    ),
    "a proof of another case": (lambda s: _proven(s, s.closed.case_proof), "CASE_PROOF_INVALID"),
    "a proof for another office": (lambda s: _proven(s, proof(s, office=TAX)), "CASE_PROOF_INVALID"),
    "a proof for another step": (lambda s: _proven(s, proof(s, step="food-licence/f2")), "CASE_PROOF_INVALID"),
    "a proof for another service": (lambda s: _proven(s, proof(s, service="tax-registration")), "CASE_PROOF_INVALID"),
    "a proof without any need": (lambda s: _proven(s, proof(s, needs=[])), "CASE_PROOF_INVALID"),
    "a proof that has ended": (
        lambda s: _proven(s, proof(s, iat=seconds(days=-2), exp=seconds(days=-1))),
        "CASE_NOT_LIVE",
    ),
    "a case that is closed": (lambda s: s.ask(of=s.closed_asks["staff-health"]), "CASE_NOT_LIVE"),
    "another case's number beside the proof": (
        lambda s: s.ask().saying("/caseId", str(uuid4())).but(headers={"Tongban-Case": None}),
        "CASE_PROOF_INVALID",
    ),
    "another person of the same case": (
        lambda s: s.ask().saying(
            "/subject",
            {
                "person": {
                    "platform": _for(s, "title", "platform"),
                    "holders": {HEALTH: _for(s, "staff-health", "holders")[HEALTH]},
                }
            },
        ),
        "CASE_PROOF_INVALID",
    ),
    "the person of another case": (
        lambda s: s.ask().saying("/subject", s.closed_asks["staff-health"]["subject"]),
        "CASE_PROOF_INVALID",
    ),
    "an alias that nobody proved": (
        lambda s: s.ask().saying(f"/subject/person/holders/{HEALTH}", s.live.subject),
        "CASE_PROOF_INVALID",
    ),
    "an organisation in a person's place": (
        lambda s: s.ask().saying("/subject", {"organisation": TAX}),
        "CASE_PROOF_INVALID",
    ),
    "an office that nobody named as holder": (
        lambda s: s.ask().saying(f"/subject/person/holders/{LAND}", s.live.subject),
        "CASE_PROOF_INVALID",
    ),
    "a purpose that isn't granted": (
        lambda s: s.ask().saying("/purpose", "marketing").but(headers={"Tongban-Purpose": "marketing"}),
        "PURPOSE_NOT_GRANTED",
    ),
    "another legal basis than the list's": (
        lambda s: s.ask().saying("/legalBasis", {"kind": "consent"}).but(headers={"Tongban-Legal-Basis": "consent"}),
        "NO_LEGAL_BASIS",
    ),
    "a field beyond the grant": (lambda s: s.ask().saying("/fields", ["holder", "result"]), "NO_GRANT"),
    "the entry of another office": (lambda s: s.ask().saying("/entry", "P-0901"), "NOT_IN_POWER_LIST"),
    "a type beyond the entry": (
        lambda s: s.ask().saying("/type", "title").saying("/fields", ["place"]),
        "NO_LEGAL_BASIS",
    ),
    "somebody else's question": (lambda s: s.ask().but(who="tax-office"), "NOT_IN_POWER_LIST"),
    "another step of the life event": (
        lambda s: s.ask().saying("/step", "food-licence/f2").but(headers={"Tongban-Step": None}),
        "NO_LEGAL_BASIS",
    ),
    "a list entry without a grant": (
        lambda s: (
            s.ask()
            .but(who="tax-office", headers={"Tongban-Purpose": "tax-registration"})
            .saying("/entry", "P-0901")
            .saying("/purpose", "tax-registration")
        ),
        "NO_GRANT",
    ),
}


@pytest.mark.parametrize("name", PROOFS)
async def test_the_gate_stays_shut_for(scene: Scene, name: str) -> None:
    make, code = PROOFS[name]
    await scene.refuses(make(scene), 403, code)


UNKNOWN: dict[str, tuple[Make, int, str]] = {
    "an unknown list entry": (lambda s: s.ask().saying("/entry", MARK), 404, "REFERENCE_UNKNOWN"),
    "an unknown type": (lambda s: s.ask().saying("/type", MARK), 404, "REFERENCE_UNKNOWN"),
    "an unknown version of a type": (lambda s: s.ask().saying("/typeVersion", 99), 404, "REFERENCE_UNKNOWN"),
    "a release that isn't out yet": (lambda s: s.ask().saying("/release", 999), 404, "REFERENCE_UNKNOWN"),
    "an unknown life event": (
        lambda s: s.open_case().saying("/lifeEvent", MARK),
        404,
        "LIFE_EVENT_UNKNOWN",
    ),
    "an unknown case": (
        lambda _: Knock("GET", f"/v1/cases/{uuid4()}", who="neighbour"),
        404,
        "CASE_UNKNOWN",
    ),
    "an unknown request": (lambda _: Knock("GET", f"/v1/evidence-requests/{uuid4()}"), 404, "NOT_FOUND"),
    "an unknown type to issue": (lambda s: s.attest().saying("/type", MARK), 404, "REFERENCE_UNKNOWN"),
    "a type of another office": (lambda s: s.attest().saying("/type", "food-licence"), 403, "NOT_IN_POWER_LIST"),
    "an unknown office to issue for": (lambda s: s.attest().saying("/office", "119999000000099999"), 403, "FORBIDDEN"),
    "another office to issue for": (lambda s: s.attest().saying("/office", LAND), 403, "FORBIDDEN"),
    "an office that this deployment doesn't serve": (
        lambda s: s.attest().but(who="tax-office", audience="certificates-1"),
        403,
        "FORBIDDEN",
    ),
}


@pytest.mark.parametrize("name", UNKNOWN)
async def test_nobody_knows(scene: Scene, name: str) -> None:
    make, status, code = UNKNOWN[name]
    await scene.refuses(make(scene), status, code)


REFUSALS = "SELECT count(*) FROM receipt WHERE side = '{side}' AND decision = 'refused' AND leaf LIKE '%{code}%'"


@pytest.mark.parametrize("missing", ["Tongban-Purpose", "Tongban-Legal-Basis"])
async def test_personal_data_without_a_purpose_is_refused_and_that_is_a_receipt(scene: Scene, missing: str) -> None:
    sql = (
        "SELECT count(*) FROM receipt WHERE side = 'gateway' AND decision = 'refused' AND leaf LIKE '%PURPOSE_MISSING%'"
    )
    [before] = await scene.world.query("ledger", sql)
    await scene.refuses(scene.ask().but(headers={missing: None}), 403, "PURPOSE_MISSING")

    async def written() -> bool:
        [after] = await scene.world.query("ledger", sql)
        return bool(after[0] == before[0] + 1)

    await until(written, "the receipt of the refusal")
    look = Knock("GET", f"/v1/certificates/{uuid4()}", audience="certificates-2")
    await scene.refuses(look, 403, "PURPOSE_MISSING")


async def test_a_refusal_by_the_gate_is_a_receipt_too(scene: Scene) -> None:
    sql = REFUSALS.format(side="gate", code="PURPOSE_NOT_GRANTED")
    [before] = await scene.world.query("ledger", sql)
    bad = scene.ask().saying("/purpose", "marketing").but(headers={"Tongban-Purpose": "marketing"})
    await scene.refuses(bad, 403, "PURPOSE_NOT_GRANTED")

    async def written() -> bool:
        [after] = await scene.world.query("ledger", sql)
        return bool(after[0] > before[0])

    await until(written, "the gate's receipt")


CONTEXT = {
    "Tongban-Purpose": "marketing",
    "Tongban-Legal-Basis": "request",
    "Tongban-Case": "00000000-0000-7000-8000-000000000000",
    "Tongban-Step": "food-licence/f9",
}


@pytest.mark.parametrize("header", CONTEXT)
async def test_headers_and_body_must_say_the_same(scene: Scene, header: str) -> None:
    await scene.refuses(scene.ask().but(headers={header: CONTEXT[header]}), 400, "CONTEXT_MISMATCH")


@pytest.mark.parametrize("header", CONTEXT)
async def test_a_context_header_of_another_form_is_refused(scene: Scene, header: str) -> None:
    await scene.refuses(scene.ask().but(headers={header: f"{MARK} ${{x}}"}), 400, "INVALID_REQUEST")


async def test_the_question_itself_was_good(scene: Scene) -> None:
    """The rows above fail for their one fault, and for nothing else."""
    reply = await scene.knock(scene.ask().but(headers={"Prefer": "wait=10"}))
    assert (reply.status, reply.document["state"]) == (200, "answered"), reply.body
    scene.counted = await scene.quiet()


# ------------------------------------------------------------------------------------------------ decisions
def _task(scene: Scene, member: str, value: Any) -> Knock:
    return scene.issue().saying(f"/task/{member}", value)


ISSUES: dict[str, tuple[Make, int, str]] = {
    "a proof by nobody": (lambda s: _task(s, "caseProof", proof(s, key=STRANGER)), 403, "CASE_PROOF_INVALID"),
    "a proof by the office itself": (
        lambda s: _task(s, "caseProof", proof(s, by="licensing")),
        403,
        "CASE_PROOF_INVALID",
    ),
    "a proof of another case": (lambda s: _task(s, "caseProof", s.closed.case_proof), 403, "CASE_PROOF_INVALID"),
    "a proof for another office": (lambda s: _task(s, "caseProof", proof(s, office=TAX)), 403, "CASE_PROOF_INVALID"),
    "a proof that asks for nothing": (lambda s: _task(s, "caseProof", proof(s, issues=[])), 403, "CASE_PROOF_INVALID"),
    "another step": (lambda s: _task(s, "step", "food-licence/f2"), 403, "CASE_PROOF_INVALID"),
    "another case": (lambda s: _task(s, "caseId", str(uuid4())), 403, "CASE_PROOF_INVALID"),
    "another person": (lambda s: s.issue().saying("/holder", {"subject": "A" * 43}), 403, "CASE_PROOF_INVALID"),
    "the person of another case": (
        lambda s: s.issue().saying("/holder/alias", s.closed.issues[0].holder),
        403,
        "CASE_PROOF_INVALID",
    ),
    "an alias for another key": (lambda s: s.issue().saying("/holder/alias", s.live.subject), 400, "INVALID_REQUEST"),
    "an organisation that is none": (
        lambda s: s.issue().saying("/holder", {"organisation": "11999900000000035Y"}),
        400,
        "INVALID_REQUEST",
    ),
}


@pytest.mark.parametrize("name", ISSUES)
async def test_no_licence_is_issued_on(scene: Scene, name: str) -> None:
    make, status, code = ISSUES[name]
    await scene.refuses(make(scene), status, code)


async def test_a_task_is_not_completed_by_a_note_where_a_licence_is_due(scene: Scene) -> None:
    knock = Knock("POST", f"/v1/tasks/{scene.live.task_id}/completion", {}, headers={"Idempotency-Key": uuid4().hex})
    await scene.refuses(knock, 409, "TASK_ISSUES")


async def test_a_task_that_is_done_stays_done(scene: Scene) -> None:
    knock = Knock(
        "POST",
        f"/v1/tasks/{scene.closed.task_id}/refusal",
        {"code": "LATE", "reason": MARK},
        headers={"Idempotency-Key": uuid4().hex},
    )
    await scene.refuses(knock, 409, "TASK_NOT_OPEN")


async def test_a_second_licence_for_a_task_is_refused(scene: Scene) -> None:
    task = scene.closed
    ref = {"taskId": task.task_id, "caseId": task.case_id, "step": task.step, "caseProof": task.case_proof}
    again = scene.issue().saying("/task", ref).saying("/holder/alias", task.issues[0].holder)
    await scene.refuses(again, 409, "TASK_ALREADY_ISSUED")


async def test_what_an_office_holds_is_not_demanded_of_the_applicant(scene: Scene) -> None:
    path = f"/v1/tasks/{scene.live.task_id}/demands"
    for proves, code, status in (("premises-use", "HELD_BY_OFFICE", 409), (MARK, "NO_LEGAL_BASIS", 409)):
        knock = Knock("POST", path, {"proves": proves}, headers={"Idempotency-Key": uuid4().hex})
        await scene.refuses(knock, status, code)
