# SPDX-License-Identifier: EUPL-1.2
"""The gate: what passes goes sealed to its holder, what doesn't leaves a receipt and nothing else."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.cases import CaseFact
from contracts.exchange_bus import EvidenceRequest
from contracts.http import Exchange
from contracts.receipts import Asker
from exchange_bus.errors import ClocksDontFit, DuplicateRequest, NoOfficeKey
from kit import aliases
from kit.db import Idem
from kit.errors import InvalidRequest, KeyReused, NotFound, ServiceError
from kit.jose import PrivateKey
from kit.receipts import body_hash

from .conftest import CASE, COOK, HEALTH_CHECK, LAND, MARKET, NOW, OWNER, TAX, TITLE, House


async def test_a_good_question_goes_sealed_to_its_holder_with_its_receipt(house: House) -> None:
    body, exchange = house.question(), Exchange.new()
    answer = await house.ask(body, exchange=exchange)
    request = EvidenceRequest.model_validate_json(answer.body)
    assert (answer.status, request.state, request.holder) == (202, "waiting", LAND)
    ask = await house.open_ask(request)
    assert ask.aliases is not None
    key = house.answering[LAND]
    assert aliases.open_alias({key.kid: key}, LAND, ask.aliases.holder) == OWNER
    assert ask.deadline < body.deadline
    [leaf] = await house.receipts()
    assert (leaf["side"], leaf["decision"], leaf["exchangeId"]) == ("gate", "pending", exchange.exchange_id)
    assert leaf["requestHash"] == ask.request_hash == body_hash(exchange.salt, body.wire_bytes())
    assert await house.journal() == [("request-sent", None)]


REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("a field that the grant lacks", TITLE, {"fields": ["number"]}, "NO_GRANT"),
    ("another purpose", TITLE, {"purpose": "curiosity"}, "PURPOSE_NOT_GRANTED"),
    ("another legal basis", TITLE, {"legalBasis": {"kind": "law"}}, "NO_LEGAL_BASIS"),
    ("an unknown entry", TITLE, {"entry": "P-9999"}, "REFERENCE_UNKNOWN"),
    ("a release that is yet to come", TITLE, {"release": 2}, "REFERENCE_UNKNOWN"),
    ("an unknown version of the type", TITLE, {"typeVersion": 2}, "REFERENCE_UNKNOWN"),
    ("an entry that is about another type", TITLE, {"entry": "P-0205"}, "NO_LEGAL_BASIS"),
    ("another step", TITLE, {"step": "food-licence/f2"}, "NO_LEGAL_BASIS"),
    ("another case", TITLE, {"caseId": "01a20cc1-5d3e-7632-8da3-5edc4b46fab9"}, "CASE_PROOF_INVALID"),
    ("no proof worth the name", TITLE, {"caseProof": "a.b.c"}, "CASE_PROOF_INVALID"),
]


@pytest.mark.parametrize(("about", "changes", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
async def test_what_the_lists_do_not_allow_is_refused_with_a_receipt(
    house: House, about: dict[str, Any], changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(ServiceError) as refused:
        await house.ask(house.question(about, **changes))
    assert refused.value.code == code
    assert [(leaf["decision"], leaf["code"]) for leaf in await house.receipts()] == [("refused", code)]
    assert await house.journal() == [("request-refused", code)]
    assert await house.events(f"evidence.ask.{LAND}.v1") == []


async def test_an_office_with_an_entry_but_without_a_grant_is_refused(house: House) -> None:
    question = house.question({**HEALTH_CHECK, "entry": "P-0901", "purpose": "tax-registration"}, asker=None)
    with pytest.raises(ServiceError) as refused:
        await house.ask(question, office=TAX)
    assert refused.value.code == "NO_GRANT"


async def test_an_office_without_power_over_the_service_is_refused(house: House) -> None:
    with pytest.raises(ServiceError) as refused:
        await house.ask(house.question(), office=TAX)
    assert refused.value.code == "NOT_IN_POWER_LIST"


@pytest.mark.parametrize(
    "changes",
    [{"office": TAX}, {"service": "tax-registration"}, {"step": "food-licence/f2"}, {"key": PrivateKey.generate()}],
    ids=lambda c: next(iter(c)),
)
async def test_a_proof_of_something_else_proves_nothing(house: House, changes: dict[str, Any]) -> None:
    question = house.question()
    forged = house.proof([], **changes)
    with pytest.raises(ServiceError) as refused:
        await house.ask(question.model_copy(update={"case_proof": forged}))
    assert refused.value.code == "CASE_PROOF_INVALID"


async def test_another_persons_alias_beside_a_good_proof_is_refused(house: House) -> None:
    own, other = house.question(TITLE), house.question({**TITLE, "person": COOK})
    with pytest.raises(ServiceError) as refused:
        await house.ask(own.model_copy(update={"subject": other.subject}))
    assert refused.value.code == "CASE_PROOF_INVALID"


async def test_aliases_of_two_persons_in_one_case_do_not_mix(house: House) -> None:
    title, health = house.question(TITLE), house.question({**TITLE, "person": COOK})
    assert title.subject.person is not None
    assert health.subject.person is not None
    mixed = title.subject.person.model_copy(update={"holders": health.subject.person.holders})
    needs = [
        {
            "type": "title",
            "platform": aliases.digest(one.platform),
            "holders": {office: aliases.digest(alias) for office, alias in one.holders.items()},
        }
        for one in (title.subject.person, health.subject.person)
    ]
    question = title.model_copy(
        update={"case_proof": house.proof(needs), "subject": title.subject.model_copy(update={"person": mixed})}
    )
    with pytest.raises(ServiceError) as refused:
        await house.ask(question)
    assert refused.value.code == "CASE_PROOF_INVALID"


async def test_a_closed_case_is_closed_for_every_question(house: House) -> None:
    waiting = await house.asked()
    async with house.db.transaction() as tx:
        fact = CaseFact(case_id=CASE, life_event="food-licence", state="completed", proof_until=NOW + timedelta(days=5))
        await house.closing.on_cases_closed(tx, [fact])
    with pytest.raises(ServiceError) as refused:
        await house.ask(house.question(HEALTH_CHECK))
    assert refused.value.code == "CASE_NOT_LIVE"
    assert (await house.asking.read(MARKET, waiting.request_id)).state == "withdrawn"


async def test_the_citizens_own_request_must_be_in_the_proof_where_it_is_the_basis(house: House) -> None:
    question = house.question()
    person = question.subject.person
    assert person is not None
    need = {
        "type": "title",
        "platform": aliases.digest(person.platform),
        "holders": {office: aliases.digest(alias) for office, alias in person.holders.items()},
    }
    silent = house.proof([need], explicitRequest={"notNeeded": "law"})
    with pytest.raises(ServiceError) as refused:
        await house.ask(question.model_copy(update={"case_proof": silent}))
    assert refused.value.code == "EXPLICIT_REQUEST_MISSING"


@pytest.mark.parametrize("moved", [timedelta(seconds=-1), timedelta(days=31)])
async def test_a_deadline_that_is_over_or_too_far_is_refused(house: House, moved: timedelta) -> None:
    with pytest.raises(ClocksDontFit):
        await house.ask(house.question(deadline=NOW + moved))


async def test_nothing_is_sent_in_the_clear_when_the_holder_has_no_key(house: House) -> None:
    question = house.question()
    house.answering.clear()
    with pytest.raises(NoOfficeKey):
        await house.ask(question)
    assert await house.receipts() == []


async def test_the_same_key_is_one_request_and_another_body_is_refused(house: House) -> None:
    body = house.question()
    first, again = await house.ask(body), await house.ask(body)
    assert first.body == again.body
    other = house.question()
    with pytest.raises(KeyReused):
        await house.asking.ask(
            _asker(), other, other.wire_bytes(), Exchange.new(), Idem("cases", "k", other.wire_bytes())
        )


def _asker() -> Asker:
    return Asker(office=MARKET, system="cases")


async def test_an_exchange_has_one_open_request(house: House) -> None:
    exchange = Exchange.new()
    await house.ask(house.question(), key="1", exchange=exchange)
    with pytest.raises(DuplicateRequest):
        await house.ask(house.question(), key="2", exchange=exchange)


async def test_fields_and_predicate_exclude_each_other(house: House) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await house.ask(house.question(predicate="age-over-18"))
    assert [e.pointer for e in refused.value.errors] == ["/fields"]


async def test_another_offices_request_looks_like_none(house: House) -> None:
    request = await house.asked()
    for request_id in (request.request_id, CASE):
        with pytest.raises(NotFound):
            await house.asking.read(TAX, request_id)


async def test_an_overdue_request_expires_once(house: House) -> None:
    request = await house.asked()
    house.now = NOW + timedelta(hours=1, seconds=1)
    assert (await house.closing.expire(), await house.closing.expire()) == (1, 0)
    ended = await house.asking.read(MARKET, request.request_id)
    assert (ended.state, ended.code) == ("expired", "EVIDENCE_TIMEOUT")
    assert [seq for _, seq, _ in await house.events("evidence.request.v1")] == [1, 2]
