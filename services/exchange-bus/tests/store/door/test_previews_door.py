# SPDX-License-Identifier: EUPL-1.2
"""A person looks at the holder before anything goes: the wish at the gate, the request's state, and its end."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from contracts import topics
from contracts.base import rfc3339
from contracts.cases import AsksWithdrawn, ProofNeed
from contracts.catalogue import Catalogue, Proof
from contracts.catalogue.entries import PreviewRule
from contracts.envelopes import Ask
from contracts.exchange_bus import EvidenceRequest
from contracts.ids import uuid7
from contracts.topics import ask_topic
from kit import aliases
from kit.consumer.work import BatchWorker
from kit.events import Record
from kit.kafka import Raw

from .conftest import HEALTH, LAND, Client, House
from .test_asking_door import PATH, post
from .test_closing_door import closed
from .test_inbox_door import pull

PREVIEW = "0197a3c2-0000-7000-8000-00000000000a"


def rule(house: House, entry: str, preview: PreviewRule) -> None:
    """Bring a release into force in which an entry says this about previews."""
    current = house.lists.current()
    changed = [
        one.model_copy(update={"preview": preview}) if isinstance(one, Proof) and one.id == entry else one
        for one in current.entries
    ]
    house.lists._current = Catalogue(current.release, changed)


def first(house: House, request: dict[str, Any], **changes: str) -> Record:
    """Give the holder's first answer: the person looks, for a quarter of an hour from now."""
    said = {"previewid": PREVIEW, "previewuntil": rfc3339(until(house)), "outcome": "previewing", **changes}
    kept: dict[str, Any] = {name: value for name, value in said.items() if value}
    return house.envelope("answer", request["requestId"], exchange_id=request["exchangeId"], **kept)


def until(house: House) -> datetime:
    return house.now.replace(microsecond=0) + timedelta(minutes=15)


def second(house: House, request: dict[str, Any], code: str | None = None) -> Record:
    record = house.answer(request, code=code)
    return Record(**{**record.__dict__, "keyseq": 2})


def left(house: House, request: dict[str, Any], *, sender: str = "cases") -> Record:
    """Give the word of cases that an ask's answer counts no more."""
    body = AsksWithdrawn(case_id=request["caseId"], exchange_ids=[request["exchangeId"], str(uuid7())])
    return house.record(topics.CASE, body.case_id, "cases.asks.withdrawn.v1", body.wire_bytes(), sender=sender)


async def shown(client: Client, house: House, request: dict[str, Any]) -> dict[str, Any]:
    answer = await client.get(f"{PATH}/{request['requestId']}", headers=house.office())
    found: dict[str, Any] = answer.json()
    return found


async def states(house: House) -> list[tuple[str, int]]:
    return [(kind.split(".")[2], keyseq) for kind, keyseq, _ in await house.events(topics.EVIDENCE_REQUEST)]


# ------------------------------------------------------------------------------------------------------- the wish
@pytest.mark.parametrize("wished", [True, False])
async def test_where_the_entry_offers_it_the_wish_goes_to_the_holder(house: House, wished: bool) -> None:
    async with house.client() as client:
        await house.asked(client, preview=wished)
    body = (await house.sent_ask()).body
    assert isinstance(body, Ask)
    assert body.preview is wished


async def test_where_the_entry_requires_it_no_wish_is_needed(house: House) -> None:
    rule(house, "P-0204", "required")
    async with house.client() as client:
        await house.asked(client)
    body = (await house.sent_ask()).body
    assert isinstance(body, Ask)
    assert body.preview


async def test_a_wish_where_the_entry_offers_none_is_refused_with_a_receipt(house: House) -> None:
    async with house.client() as client:
        answer = await post(client, house, house.ask(title=False, preview=True))
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")
    assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [("/preview", "NOT_OFFERED")]
    [leaf] = await house.receipts()
    assert (leaf["side"], leaf["decision"], leaf["code"]) == ("gate", "refused", "INVALID_REQUEST")
    assert await house.journal() == [("request-refused", "INVALID_REQUEST")]
    assert await house.asks_to(HEALTH) == []


@pytest.mark.parametrize(("wished", "status"), [(True, 400), (False, 202)])
async def test_an_organisation_has_nobody_who_could_look(house: House, wished: bool, status: int) -> None:
    rule(house, "P-0204", "required" if not wished else "offered")
    firm, case_id = "91999900000000166H", str(uuid7())
    need = ProofNeed(type="title", platform=aliases.digest(firm), holders={LAND: aliases.digest(firm)})
    wish = house.ask(
        caseId=case_id, caseProof=house.proof([need], case_id), subject={"organisation": firm}, preview=wished
    )
    async with house.client() as client:
        answer = await post(client, house, wish)
    assert answer.status_code == status
    if status == 202:
        body = (await house.sent_ask()).body
        assert isinstance(body, Ask)
        assert not body.preview


# ------------------------------------------------------------------------------------------------------- the state
async def test_a_first_answer_says_where_she_looks_and_lands_in_no_inbox(house: House) -> None:
    async with house.client() as client:
        request = await house.asked(client, preview=True)
        before = await house.receipts()
        assert await house.hear(house.envelopes, first(house, request)) == []
        assert await pull(client, house) == []
        found = await shown(client, house, request)
    where = {"previewId": PREVIEW, "deployment": "certificates-1", "openUntil": rfc3339(until(house))}
    assert (found["state"], found["preview"]) == ("previewing", where)
    assert await states(house) == [("waiting", 1), ("previewing", 2)]
    told = EvidenceRequest.model_validate_json((await house.events(topics.EVIDENCE_REQUEST))[-1][2])
    assert told.preview is not None
    assert told.preview.wire() == where
    assert await house.receipts() == before
    assert await house.journal() == [("request-sent", None), ("answer-received", "PREVIEWING")]


@pytest.mark.parametrize(
    ("code", "state", "said"), [(None, "answered", "released"), ("DECLINED_BY_CITIZEN", "refused", "refused")]
)
async def test_the_second_answer_ends_the_request_and_is_delivered(
    house: House, code: str | None, state: str, said: str
) -> None:
    async with house.client() as client:
        request = await house.asked(client, preview=True)
        await house.hear(house.envelopes, first(house, request))
        assert await house.hear(house.envelopes, second(house, request, code)) == []
        [delivery] = await pull(client, house)
        found = await shown(client, house, request)
    assert (delivery["key"], delivery["keyseq"], delivery["seq"]) == (request["requestId"], 2, 1)
    assert (found["state"], found.get("code"), found.get("preview")) == (state, code, None)
    assert await states(house) == [("waiting", 1), ("previewing", 2), (state, 3)]
    leaves = [leaf for leaf in await house.receipts() if leaf["side"] == "delivery"]
    assert [(leaf["decision"], leaf.get("code")) for leaf in leaves] == [(said, code)]


async def test_both_answers_of_one_batch_are_told_in_their_order(house: House) -> None:
    async with house.client() as client:
        request = await house.asked(client, preview=True)
        await house.hear(house.envelopes, first(house, request), second(house, request))
        assert [one["keyseq"] for one in await pull(client, house)] == [2]
    assert await states(house) == [("waiting", 1), ("previewing", 2), ("answered", 3)]


async def test_a_first_answer_after_the_end_is_journalled_and_dropped(house: House) -> None:
    async with house.client() as client:
        request = await house.asked(client, preview=True)
        await house.hear(house.envelopes, first(house, request), second(house, request))
        receipts = await house.receipts()
        await house.hear(house.envelopes, first(house, request))
        assert len(await pull(client, house)) == 1
        assert (await shown(client, house, request))["state"] == "answered"
    assert (await house.journal())[-1] == ("answer-rejected", "EVIDENCE_TIMEOUT")
    assert await house.receipts() == receipts


@pytest.mark.parametrize(
    "wrong",
    [{"previewid": ""}, {"previewid": "../../x"}, {"previewuntil": ""}, {"previewuntil": "2026-11-24T09:00:00"}],
    ids=str,
)
async def test_a_first_answer_that_says_not_where_is_dropped_and_the_request_still_ends(
    house: House, wrong: dict[str, str]
) -> None:
    async with house.client() as client:
        request = await house.asked(client, preview=True)
        assert await house.hear(house.envelopes, first(house, request, **wrong)) == []
        assert (await shown(client, house, request))["state"] == "waiting"
        await house.hear(house.envelopes, second(house, request))
        assert (await shown(client, house, request))["state"] == "answered"
    assert ("answer-rejected", "PREVIEW_INVALID") in await house.journal()


async def test_where_she_looks_is_said_once(house: House) -> None:
    async with house.client() as client:
        request = await house.asked(client, preview=True)
        await house.hear(house.envelopes, first(house, request), first(house, request, previewid=str(uuid7())))
        assert (await shown(client, house, request))["preview"]["previewId"] == PREVIEW
    assert await states(house) == [("waiting", 1), ("previewing", 2)]


async def test_only_the_holder_says_that_she_looks(house: House) -> None:
    async with house.client() as client:
        request = await house.asked(client, preview=True)
        record = first(house, request)
        stranger = Record(**{**record.__dict__, "source": record.source.replace("certificates-1", "certificates-2")})
        await house.hear(house.envelopes, stranger)
        assert (await shown(client, house, request))["state"] == "waiting"


def raw(record: Record, offset: int) -> Raw:
    """Give a record as it lies on the bus."""
    said = {
        "specversion": "1.0", "id": str(record.id), "type": record.type, "source": record.source,
        "time": rfc3339(record.time), "keyseq": str(record.keyseq), **record.attributes,
    }  # fmt: skip
    headers = [(f"ce_{name}", value.encode()) for name, value in said.items()]
    return Raw(record.topic, 0, offset, 0, record.key.encode(), record.data, headers)


async def test_the_order_of_both_answers_is_kept_by_their_numbers_and_repeats_change_nothing(house: House) -> None:
    worker = BatchWorker(house.db, "exchange-bus.envelopes", house.envelopes, "strict")
    async with house.client() as client:
        request = await house.asked(client, preview=True)
        one, two = first(house, request), second(house, request)
        await worker.handle([raw(one, 0)], {})
        await worker.handle([raw(one, 1)], {})
        assert (await shown(client, house, request))["state"] == "previewing"
        await worker.handle([raw(two, 2)], {})
        await worker.handle([raw(one, 3), raw(two, 4)], {})
        assert [one["keyseq"] for one in await pull(client, house)] == [2]
    assert await states(house) == [("waiting", 1), ("previewing", 2), ("answered", 3)]
    assert await house.rows("SELECT reason FROM parked") == []


# ------------------------------------------------------------------------------------------------------- the ends
async def test_a_waiting_call_is_told_at_once_that_she_looks_first(house: House) -> None:
    async with house.client() as client:
        asking = asyncio.create_task(post(client, house, house.ask(preview=True), prefer="wait=25"))
        await house.sent_to(LAND)
        [row] = await house.rows("SELECT request_id, exchange_id FROM evidence_request")
        request = {"requestId": str(row["request_id"]), "exchangeId": str(row["exchange_id"])}
        await house.hear(house.envelopes, first(house, request))
        answer = await asyncio.wait_for(asking, 5)
        next_one = await post(client, house, house.ask(preview=True), prefer="wait=1")
    assert (answer.status_code, answer.json()["state"]) == (202, "previewing")
    assert answer.json()["preview"]["previewId"] == PREVIEW
    assert answer.headers["Location"] == f"{PATH}/{request['requestId']}"
    assert "reason" not in next_one.json()  # a holder that lets somebody look isn't away


async def test_a_call_that_comes_again_is_told_that_she_declined(house: House) -> None:
    wish = house.ask(preview=True)
    async with house.client() as client:
        request = (await post(client, house, wish, key="once")).json()
        await house.hear(house.envelopes, first(house, request), second(house, request, "DECLINED_BY_CITIZEN"))
        again = await post(client, house, wish, key="once", prefer="wait=5")
    assert (again.status_code, again.json()["code"]) == (403, "DECLINED_BY_CITIZEN")


async def test_a_preview_that_nobody_ends_ends_with_the_request(house: House) -> None:
    async with house.client() as client:
        request = await house.asked(client, preview=True)
        await house.hear(house.envelopes, first(house, request))
        house.later(minutes=6)
        assert await house.uses.closing.expire() == 1
        found = await shown(client, house, request)
    assert (found["state"], found["code"], found.get("preview")) == ("expired", "EVIDENCE_TIMEOUT", None)


@pytest.mark.parametrize("previewing", [True, False])
async def test_the_holder_is_told_when_a_case_closes_while_its_request_is_open(house: House, previewing: bool) -> None:
    async with house.client() as client:
        request = await house.asked(client, preview=True)
        other = await house.asked(client)
        if previewing:
            await house.hear(house.envelopes, first(house, request))
        await house.hear(house.closed_cases, closed(house, request["caseId"]))
        assert (await shown(client, house, request))["state"] == "withdrawn"
    rows = await house.rows(
        "SELECT key, type, keyseq, payload FROM outbox WHERE topic = $1 ORDER BY id", ask_topic(LAND)
    )
    told = [(row["key"], row["keyseq"], row["payload"]) for row in rows if row["type"] == "evidence.ask.withdrawn.v1"]
    assert told == [(request["requestId"], 2, b"{}")]
    assert other["requestId"] in {row["key"] for row in rows}


@pytest.mark.parametrize("previewing", [True, False])
async def test_what_cases_leaves_is_withdrawn_at_the_holder_and_its_case_goes_on(
    house: House, previewing: bool
) -> None:
    async with house.client() as client:
        request = await house.asked(client, preview=True)
        other = await house.asked(client, caseId=request["caseId"])
        if previewing:
            await house.hear(house.envelopes, first(house, request))
        assert await house.hear(house.closed_cases, left(house, request)) == []
        assert await house.hear(house.closed_cases, left(house, request)) == []  # said again: nothing more
        assert (await shown(client, house, request))["state"] == "withdrawn"
        assert (await shown(client, house, other))["state"] == "waiting"
        assert await house.asked(client, caseId=request["caseId"])
    told = [kind for kind, _, _ in await house.events(ask_topic(LAND))]
    assert told.count("evidence.ask.withdrawn.v1") == 1
    assert [(leaf["decision"], leaf.get("code")) for leaf in await house.receipts()].count(
        ("refused", "CASE_NOT_LIVE")
    ) == 1


async def test_only_cases_leaves_what_it_asked(house: House) -> None:
    async with house.client() as client:
        request = await house.asked(client, preview=True)
        assert await house.hear(house.closed_cases, left(house, request, sender="gateway")) == ["ROLE_WRONG"]
        assert (await shown(client, house, request))["state"] == "waiting"


async def test_what_has_ended_is_told_to_nobody_when_its_case_closes(house: House) -> None:
    async with house.client() as client:
        request = await house.asked(client, preview=True)
        await house.hear(house.envelopes, house.answer(request))
        await house.hear(house.closed_cases, closed(house, request["caseId"]))
    assert [kind for kind, _, _ in await house.events(ask_topic(LAND))] == ["evidence.ask.v1"]
