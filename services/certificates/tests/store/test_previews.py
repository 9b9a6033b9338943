# SPDX-License-Identifier: EUPL-1.2
"""Previews: what a person is shown before it goes, and what her decision lets go."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from contracts.base import rfc3339
from contracts.cases import ProofNeed
from contracts.certificates import formats
from contracts.ids import uuid7
from kit import aliases, envelopes

Body = Callable[..., dict[str, Any]]


def bare(answer: Any) -> str:
    """Give a problem document without what names this very call."""
    text, body = answer.text, answer.json()
    for own in (body.get("traceId"), body.get("instance"), body.get("requestId"), answer.headers.get("request-id")):
        text = text.replace(str(own), "") if own else text
    return str(text)


# ------------------------------------------------------------------------------------------------ before the look
async def test_the_asker_learns_where_she_looks_and_nothing_of_what_is_there(ann: Any, names: Any) -> None:
    house, ask = ann.house, ann.wished()
    preview_id = await ann.begun(ask)
    [event] = await house.said(f"envelope.{names.market}.v1")
    opens = rfc3339(names.now + timedelta(minutes=15))
    told = {"exchangeid": ann.exchange, "outcome": "previewing", "previewid": preview_id, "previewuntil": opens}
    assert (event["key"], event["keyseq"], told.items() - event["headers"].items()) == (ask.request_id, 1, set())
    [(_, answer)] = await ann.answers()
    assert (answer.outcome, answer.code, answer.presentation) == ("previewing", None, None)
    # Nothing has gone yet, so no receipt says that something did; the journal knows of the request.
    assert await house.receipts() == []
    assert await ann.journal() == ["request-received"]


async def test_she_sees_what_waits_for_her_in_one_list_the_oldest_first(ann: Any, names: Any) -> None:
    first = await ann.begun()
    ann.house.world.now += timedelta(minutes=2)
    second = await ann.begun()
    await ann.begun(ann.wished("bob"))
    [one, two] = await ann.waiting()
    assert [one["previewId"], two["previewId"]] == [first, second]
    assert one == {
        "previewId": first, "state": "waiting", "office": names.land, "asker": names.market, "type": "title",
        "purpose": "premises-check", "legalBasis": "request", "caseId": names.case, "step": names.step,
        "until": rfc3339(names.now + timedelta(minutes=15)),
    }  # fmt: skip
    assert await ann.sides() == []


@pytest.mark.parametrize(
    ("rule", "wish", "due"),
    [
        (None, True, True),  # the basis is her own request, so the list offers it
        (None, False, False),
        ("offered", True, True),
        ("offered", False, False),
        ("required", False, True),
    ],
)
async def test_a_preview_comes_where_the_list_has_it(
    ann: Any, names: Any, rule: str | None, wish: bool, due: bool
) -> None:
    house = ann.house
    if rule is not None:
        house.world.publish(lambda entry: entry | {"preview": rule} if entry["id"] == "P-0204" else entry)
    await house.consume(house.world.record(ann.wished(preview=wish, release=house.world.catalogue.release)))
    [(_, answer)] = await ann.answers()
    assert answer.outcome == ("previewing" if due else "answered")
    assert len(await ann.waiting()) == int(due)


async def test_what_law_alone_asks_for_goes_unseen_even_where_somebody_wishes_otherwise(ann: Any, names: Any) -> None:
    house = ann.house
    issued = await house.post(
        names.health, "/certificates",
        {"office": names.health, "type": "staff-health", "holder": {"subject": names.pseudonym(names.health, "ann")},
         "claims": {"result": "fit", "examinedOn": "2026-01-02"}, "validFrom": "2026-01-02"},
    )  # fmt: skip
    assert issued.status_code == 201, issued.text
    await house.consume(house.world.record(house.world.ask(office=names.health, preview=True), office=names.health))
    [(_, answer)] = await ann.answers()
    assert answer.outcome == "answered"


async def test_an_organisation_has_nobody_who_could_look(ann: Any, title: Body, names: Any) -> None:
    house = ann.house
    assert (
        await house.post(names.land, "/certificates", title(holder={"organisation": names.tax}), key="o")
    ).status_code == 201
    house.world.publish(lambda entry: entry | {"preview": "required"} if entry["id"] == "P-0204" else entry)
    digest = aliases.digest(names.tax)
    need = ProofNeed(type="title", platform=digest, holders={names.land: digest})
    proof = house.world.case_proof(needs=[need])
    await house.consume(house.world.record(ann.wished(aliases=None, organisation=names.tax, case_proof=proof)))
    [(_, answer)] = await ann.answers()
    assert answer.outcome == "answered"


async def test_there_is_no_preview_of_nothing(ann: Any) -> None:
    refused = [ann.wished("eve"), ann.wished(fields=["place", "number"])]
    await ann.house.consume(*(ann.house.world.record(ask) for ask in refused))
    assert {answer.code for _, answer in await ann.answers()} == {"NOT_MATCHED", "NO_GRANT"}
    assert await ann.house.rows("SELECT id FROM preview") == []


# ------------------------------------------------------------------------------------------------ looking
async def test_a_look_shows_what_would_go_and_every_look_is_a_receipt(ann: Any, names: Any) -> None:
    preview_id = await ann.begun()
    ann.house.world.now += timedelta(minutes=10)
    answer = await ann.look(preview_id)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body["items"] == [{"id": "place", "value": "3 Hill Road"}, {"id": "use", "value": "shop"}]
    assert (body["state"], body["until"]) == ("opened", rfc3339(names.now + timedelta(minutes=50)))
    assert (await ann.look(preview_id)).json() == body
    receipts = await ann.house.receipts()
    assert [(leaf.side, leaf.decision, leaf.fields) for leaf, _ in receipts] == [
        ("view", "released", ["place", "use"])
    ] * 2
    leaf, sealed = receipts[0]
    assert (leaf.exchange_id, leaf.provider, leaf.type, leaf.asker) == (ann.exchange, names.land, "title", None)
    assert (sealed.case_id, sealed.step, sealed.certificate_version) == (names.case, names.step, 1)
    key = ann.house.world.answering["platform"]
    assert aliases.open_alias({key.kid: key}, "platform", sealed.person) == names.pseudonym("platform", "ann")
    assert await ann.journal() == ["request-received", "preview-opened", "preview-opened"]
    assert len(await ann.answers()) == 1


async def test_no_receipt_no_look(ann: Any) -> None:
    preview_id = await ann.begun()
    del ann.house.world.systems.held["ledger"]
    answer = await ann.look(preview_id)
    assert (answer.status_code, answer.json()["code"]) == (503, "NO_LEDGER_KEY")
    assert "Hill Road" not in answer.text
    assert [one["state"] for one in await ann.waiting()] == ["waiting"]


async def test_another_persons_preview_and_no_preview_answer_alike(ann: Any, names: Any) -> None:
    preview_id = await ann.begun()
    assert (await ann.look(preview_id)).status_code == 200
    bob, unknown = ann.other("bob"), str(uuid7())
    looks = [await bob.look(which) for which in (preview_id, unknown)]
    decisions = [await bob.decide(which, place=True, use=True) for which in (preview_id, unknown)]
    for one, other in (looks, decisions):
        assert (one.status_code, one.json()["code"]) == (404, "NOT_FOUND")
        assert bare(one) == bare(other)
        assert one.headers.keys() == other.headers.keys()
    assert await bob.waiting() == []
    assert await ann.journal() == ["request-received", "preview-opened"]


async def test_only_a_person_by_a_token_for_this_deployment_may_look(ann: Any, names: Any) -> None:
    preview_id = await ann.begun()
    path, world = f"/v1/previews/{preview_id}", ann.house.world
    office = await ann.house.client.get(path, headers=world.headers(names.land))
    assert (office.status_code, office.json()["code"]) == (403, "FORBIDDEN")
    platform = await ann.house.client.get(path, headers=world.citizen(ann.subject, audience="platform"))
    assert platform.status_code == 401
    assert await ann.sides() == []


# ------------------------------------------------------------------------------------------------ deciding
async def test_only_the_pieces_that_she_accepts_reach_the_asker(ann: Any, names: Any) -> None:
    ask = ann.wished()
    preview_id = await ann.begun(ask)
    await ann.look(preview_id)
    decided = await ann.decide(preview_id, place=True, use=False)
    assert decided.status_code == 201, decided.text
    assert decided.json() == {"previewId": preview_id, "state": "released", "released": ["place"]}
    [_, (keyseq, answer)] = await ann.answers()
    assert (keyseq, answer.request_id, answer.outcome, answer.code) == (2, ask.request_id, "answered", None)
    assert formats.disclosed(answer.presentation.credential) == {"place"}
    assert "shop" not in answer.presentation.credential
    event = (await ann.house.said(f"envelope.{names.market}.v1"))[1]
    assert (event["headers"]["exchangeid"], event["headers"]["outcome"]) == (ann.exchange, "answered")
    assert "previewid" not in event["headers"]
    # The holder's receipt comes once, with the release, and says what went.
    assert await ann.sides() == [("view", "released"), ("holder", "released")]
    leaf, sealed = (await ann.house.receipts())[1]
    assert (leaf.fields, leaf.code, leaf.exchange_id) == (["place"], None, ann.exchange)
    assert (leaf.envelope_digest, sealed.deadline) == (envelopes.digest(event["payload"].decode()), ask.deadline)
    rows = await ann.house.rows(
        "SELECT type, request_id::text, evidence_id::text, digest FROM evidence_event ORDER BY id"
    )
    assert [row["type"] for row in rows] == ["request-received", "preview-opened", "preview-decided", "answer-sent"]
    assert rows[3]["digest"] == answer.presentation.evidence_digest
    assert {row["request_id"] for row in rows} == {ask.request_id}
    # It is over: nothing waits, nothing is shown, and what was asked isn't kept.
    assert await ann.waiting() == []
    after = (await ann.look(preview_id)).json()
    assert (after["state"], after["items"]) == ("released", [])
    assert await ann.house.rows("SELECT ask, state FROM preview") == [{"ask": None, "state": "released"}]


async def test_what_she_declines_whole_is_refused_without_a_byte_of_it(ann: Any, names: Any) -> None:
    preview_id = await ann.begun()
    await ann.look(preview_id)
    decided = await ann.decide(preview_id, place=False, use=False)
    assert (decided.status_code, decided.json()["state"], decided.json()["released"]) == (201, "declined", [])
    [_, (keyseq, answer)] = await ann.answers()
    assert (keyseq, answer.outcome, answer.code) == (2, "refused", "DECLINED_BY_CITIZEN")
    assert answer.presentation is None
    event = (await ann.house.said(f"envelope.{names.market}.v1"))[1]
    assert event["headers"]["code"] == "DECLINED_BY_CITIZEN"
    leaf, _ = (await ann.house.receipts())[1]
    assert (leaf.side, leaf.decision, leaf.code, leaf.fields) == (
        "holder",
        "refused",
        "DECLINED_BY_CITIZEN",
        ["place", "use"],
    )
    [row] = await ann.house.rows("SELECT code, rule, digest FROM evidence_event WHERE type = 'error-sent'")
    assert row == {"code": "DECLINED_BY_CITIZEN", "rule": "preview.decision", "digest": None}


async def test_a_decision_counts_once(ann: Any, names: Any) -> None:
    preview_id = await ann.begun()
    await ann.look(preview_id)
    first = await ann.decide(preview_id, place=True, use=True)
    again = await ann.decide(preview_id, place=True, use=True)
    assert (again.status_code, again.content) == (201, first.content)
    second = await ann.decide(preview_id, "another", place=True, use=True)
    assert (second.status_code, second.json()["code"]) == (409, "PREVIEW_OVER")
    reused = await ann.decide(preview_id, place=True, use=False)
    assert (reused.status_code, reused.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert len(await ann.answers()) == 2
    assert await ann.sides() == [("view", "released"), ("holder", "released")]


async def test_of_two_decisions_at_once_one_counts(ann: Any) -> None:
    preview_id = await ann.begun()
    await ann.look(preview_id)
    both = await asyncio.gather(
        ann.decide(preview_id, "yes", place=True, use=True), ann.decide(preview_id, "no", place=False, use=False)
    )
    assert sorted(one.status_code for one in both) == [201, 409]
    [counted] = [one.json()["state"] for one in both if one.status_code == 201]
    [_, (_, answer)] = await ann.answers()
    assert answer.outcome == {"released": "answered", "declined": "refused"}[counted]


async def test_nobody_decides_unseen(ann: Any, names: Any) -> None:
    preview_id = await ann.begun()
    answer = await ann.decide(preview_id, place=True, use=True)
    assert (answer.status_code, answer.json()["code"]) == (409, "PREVIEW_NOT_OPENED")
    assert len(await ann.answers()) == 1


async def test_every_piece_is_decided_once_and_no_other(ann: Any, names: Any) -> None:
    preview_id = await ann.begun()
    await ann.look(preview_id)
    for pieces in ({"place": True}, {"place": True, "use": True, "number": True}):
        answer = await ann.decide(preview_id, **pieces)
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")
    assert len(await ann.answers()) == 1
    assert (await ann.decide(preview_id, place=True, use=True)).status_code == 201


async def test_what_changed_since_she_looked_does_not_go_until_she_looks_again(ann: Any, names: Any) -> None:
    preview_id = await ann.begun()
    await ann.look(preview_id)
    path = f"/certificates/{await ann.title()}/amendments"
    said = {
        "claims": {"place": "9 Hill Road", "use": "shop", "number": "T-1"},
        "validFrom": "2026-01-01",
        "reason": "x",
    }
    changed = await ann.house.post(names.land, path, said, key="a", if_match='"1"')
    assert changed.status_code == 201, changed.text
    answer = await ann.decide(preview_id, place=True, use=False)
    assert (answer.status_code, answer.json()["code"]) == (409, "PREVIEW_OUTDATED")
    assert len(await ann.answers()) == 1
    assert (await ann.look(preview_id)).json()["items"][0]["value"] == "9 Hill Road"
    assert (await ann.decide(preview_id, place=True, use=False)).status_code == 201
    assert len(await ann.answers()) == 2


async def test_what_changes_between_sealing_and_commit_does_not_go(
    ann: Any, names: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    preview_id = await ann.begun()
    await ann.look(preview_id)
    certificate, once = await ann.title(), ann.house.db.once

    async def once_it_changed(idem: Any, work: Any) -> Any:
        monkeypatch.setattr(ann.house.db, "once", once)
        for path in ("suspensions", "reinstatements"):  # it stands as before, and isn't the one that was judged
            where, version = f"/certificates/{certificate}/{path}", '"1"'
            done = await ann.house.post(names.land, where, {"reason": "x"}, key=path, if_match=version)
            assert done.status_code == 201, done.text
        return await once(idem, work)

    monkeypatch.setattr(ann.house.db, "once", once_it_changed)
    answer = await ann.decide(preview_id, place=True, use=True)
    assert (answer.status_code, answer.json()["code"]) == (409, "PREVIEW_OUTDATED")
    assert len(await ann.answers()) == 1


async def test_what_is_no_longer_there_is_no_match_at_her_next_look(ann: Any, names: Any) -> None:
    preview_id = await ann.begun()
    await ann.look(preview_id)
    path = f"/certificates/{await ann.title()}/suspensions"
    assert (await ann.house.post(names.land, path, {"reason": "x"}, key="s", if_match='"1"')).status_code == 201
    answer = await ann.decide(preview_id, place=True, use=True)
    assert (answer.status_code, answer.json()["code"]) == (409, "PREVIEW_OUTDATED")
    over = (await ann.look(preview_id)).json()
    assert (over["state"], over["items"]) == ("expired", [])
    assert [(keyseq, one.code) for keyseq, one in await ann.answers()] == [(1, None), (2, "NOT_MATCHED")]
    assert await ann.sides() == [("view", "released"), ("holder", "empty")]


@pytest.mark.parametrize("looks_again", [True, False])
async def test_a_grant_that_ended_meanwhile_gives_nothing_whatever_she_decides(
    ann: Any, names: Any, looks_again: bool
) -> None:
    preview_id = await ann.begun()
    await ann.look(preview_id)
    ann.house.world.publish(lambda entry: None if entry["id"] == "G-0204" else entry)
    if looks_again:
        assert (await ann.look(preview_id)).json()["state"] == "expired"
    answer = await ann.decide(preview_id, place=True, use=True)
    assert (answer.status_code, answer.json()["code"]) == (409, "PREVIEW_OVER")
    assert [(keyseq, one.code) for keyseq, one in await ann.answers()] == [(1, None), (2, "NO_GRANT")]
