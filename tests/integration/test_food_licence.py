# SPDX-License-Identifier: EUPL-1.2
"""One food licence, four offices, no paper: the demo's seven points through public doors."""

import asyncio

import pytest

from contracts.certificates.api import Holder
from contracts.envelopes import LegalBasis, Share, Task
from contracts.exchange_bus import AskEvidence, PersonSubject, Subject
from contracts.ledger import AccessView
from tongban import Citizen, Office, Opened, Problem

from .conftest import FIT, HEALTH, LAND, MARKET, TAX, TODAY, World, until


async def settled(citizen: Citizen, sides: int) -> AccessView:
    """Read a person's receipts once at least so many are there and each is verified."""

    async def complete() -> AccessView | None:
        view = await citizen.all_receipts()
        return view if len(view.receipts) >= sides and all(r.verified for r in view.receipts) else None

    return await until(complete, f"{sides} receipts, all verified")


async def shares(world: World, office: Office, case_id: str) -> list[Share]:
    found: list[Share] = []

    async def there() -> list[Share] | None:
        async for delivery in office.inbox(once=True):
            opened = await office.open(delivery)
            if isinstance(opened.body, Share):
                found.append(opened.body)
        return found or None

    return await until(there, "a share in the inbox")


async def test_one_application_no_upload_and_a_licence(world: World) -> None:
    await world.registers()
    opened = await world.apply()
    case, said = await world.decide(opened.case_id)
    [step] = case.steps
    assert (case.state, case.uploads, step.state, step.needs, step.answered) == ("completed", 0, "done", 2, 2)
    assert any("staff-health verified offline" in line for line in said)
    assert any("title verified offline" in line for line in said)


async def test_cases_never_sees_what_an_office_answers(world: World) -> None:
    await world.registers()
    await world.decide((await world.apply()).case_id)
    for row in await world.query("cases", "SELECT payload FROM outbox"):
        assert b"Canal Street" not in row["payload"]
    for table in ("case_file", "step", "need", "alias", "inbox", "parked"):
        text = await world.query("cases", TEXT_OF[table])
        assert not any("Canal Street" in row["line"] for row in text), table


TEXT_OF = {
    table: f"SELECT t::text AS line FROM {table} t"  # noqa: S608 - names from the line below
    for table in ("case_file", "step", "need", "alias", "inbox", "parked")
}


async def test_tax_finds_the_licence_minimised_and_sees_it_suspended_and_reinstated(world: World) -> None:
    await world.registers()
    tax, market = await world.office("tax-office"), await world.office("licensing")
    await world.read_inbox("tax-office")  # of earlier tests
    case, _ = await world.decide((await world.apply()).case_id)
    certificate = case.steps[0].certificate_id
    assert certificate is not None
    [issued] = await shares(world, tax, case.case_id)
    assert (issued.fact, issued.status, issued.office) == ("issued", "01", MARKET)
    assert issued.presentation is not None
    facts = tax.verify_offline(issued.presentation)
    assert facts.claims.keys() == {"number", "place"}
    assert certificate not in issued.model_dump_json()
    suspended = await market.suspend(certificate, 1, reason="cold chain broken")
    await market.reinstate(certificate, suspended.version, reason="cold chain mended")
    seen: list[Share] = []
    while len(seen) < 2:
        seen += await shares(world, tax, case.case_id)
    assert [(s.fact, s.status) for s in seen] == [("suspended", "02"), ("reinstated", "01")]
    assert len({s.share_id for s in [issued, *seen]}) == 1


async def test_a_paper_that_an_office_holds_is_not_asked_of_the_applicant(world: World) -> None:
    await world.registers()
    case, said = await world.decide((await world.apply()).case_id, habit="premises-use")
    assert case.state == "completed"
    [refusal] = [line for line in said if "asking for" in line]
    assert refusal.endswith("asking for premises-use refused, HELD_BY_OFFICE (409)")


async def a_task(world: World, office: Office) -> Task:
    async def there() -> Task | None:
        for delivery in await office.fetch():
            opened: Opened = await office.open(delivery)
            if isinstance(opened.body, Task):
                return opened.body
        return None

    return await until(there, "a task in the inbox")


def question(task: Task, world: World, *, kind: str, entry: str, purpose: str, basis: str, holder: str) -> AskEvidence:
    """Ask as an office's own system would; its aliases are nobody's, so that only the gate before them can answer."""
    alias = task.subject
    return AskEvidence.model_validate(
        {
            "caseId": task.case_id,
            "step": task.step,
            "caseProof": task.case_proof,
            "entry": entry,
            "release": 1,
            "type": kind,
            "typeVersion": 1,
            "fields": ["result"] if kind == "staff-health" else ["place"],
            "subject": Subject(person=PersonSubject(platform=alias, holders={holder: alias})),
            "purpose": purpose,
            "legalBasis": LegalBasis(kind=basis),  # type: ignore[arg-type]
            "deadline": "2027-01-01T00:00:00Z",
        }
    )


async def test_an_office_with_a_list_entry_but_no_grant_is_refused(world: World) -> None:
    await world.registers()
    case = await world.apply()
    market, tax = await world.office("licensing"), await world.office("tax-office")
    task = await a_task(world, market)
    ask = question(
        task, world, kind="staff-health", entry="P-0901", purpose="tax-registration", basis="law", holder=HEALTH
    )
    with pytest.raises(Problem) as refused:
        await tax.ask(ask, wait_s=5)
    assert (refused.value.status, refused.value.code) == (403, "NO_GRANT")
    await world.decide(case.case_id)


async def test_a_request_for_a_closed_case_is_refused(world: World) -> None:
    await world.registers()
    case = await world.apply()
    market = await world.office("licensing")
    task = await a_task(world, market)
    await world.decide(task.case_id)
    if task.case_id != case.case_id:
        await world.decide(case.case_id)
    ask = question(task, world, kind="title", entry="P-0204", purpose="premises-check", basis="request", holder=LAND)

    async def closed() -> Problem | None:
        try:
            await market.ask(ask, wait_s=1)
        except Problem as refused:
            return refused if refused.code == "CASE_NOT_LIVE" else None
        return None

    assert (await until(closed, "exchange-bus to hear that the case is closed")).status == 403


async def test_citizen_and_employee_each_read_every_look_at_their_data_verified(world: World) -> None:
    await world.registers()
    await world.decide((await world.apply()).case_id)
    owner = await settled(await world.citizen(), 4)
    cook = await settled(await world.citizen("cook"), 4)
    for view, kind, holder in ((owner, "title", LAND), (cook, "staff-health", HEALTH)):
        exchange = next(r.leaf.exchange_id for r in view.receipts if r.leaf.side == "holder" and r.leaf.type == kind)
        sides = [r.leaf for r in view.receipts if r.leaf.exchange_id == exchange]
        assert sorted(leaf.side for leaf in sides) == ["asker", "delivery", "gate", "holder"]
        assert {leaf.envelope_digest for leaf in sides if leaf.side in ("holder", "delivery")} != {None}
        assert len({leaf.request_hash for leaf in sides if leaf.request_hash is not None}) == 1
        held = next(leaf for leaf in sides if leaf.side == "holder")
        assert (held.provider, held.decision) == (holder, "released")
    assert "title" not in {r.leaf.type for r in cook.receipts}
    assert {r.leaf.side for r in owner.receipts} >= {"view", "identity", "asker", "gate", "holder", "delivery"}


async def test_fifty_licences_at_once_are_fifty_licences(world: World) -> None:
    office = await world.office("licensing")
    [subject] = await office.resolve(["999900199103140020"])

    async def issue(number: int) -> str:
        claims = {"holder": "self", "tradeName": "Stall", "place": "Market", "number": f"JY-FIFTY-{number:03d}"}
        issued = await office.issue(
            "food-licence", Holder(subject=subject), claims, valid_from=TODAY, key=f"fifty-{number}"
        )
        return issued.licence_id

    assert len(set(await asyncio.gather(*(issue(n) for n in range(50))))) == 50
    assert len(set(await asyncio.gather(*(issue(n) for n in range(50))))) == 50  # the same answers again
    [row] = await world.query(
        "certificates-2", "SELECT count(*) AS n FROM certificate WHERE natural_key LIKE 'JY-FIFTY-%'"
    )
    assert row["n"] == 50


async def test_another_offices_certificate_looks_like_none(world: World) -> None:
    issued = await world.attest("health-registry", "staff-health", "waitress", FIT)
    land = await world.office("land-registry")  # served by the same deployment
    with pytest.raises(Problem) as refused:
        await land.certificate(issued.certificate_id, purpose="premises-check")
    assert refused.value.status == 404
    assert TAX  # an office that only receives has no deployment: its system has nowhere to ask
