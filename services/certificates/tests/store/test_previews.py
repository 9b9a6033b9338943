# SPDX-License-Identifier: EUPL-1.2
"""Previews: what a person is shown before it goes, what her decision lets go, and what happens without one."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from contracts.base import rfc3339
from contracts.cases import ProofNeed
from contracts.certificates import formats
from contracts.ids import uuid7
from kit import aliases, crash, envelopes
from kit.consumer import Bad
from kit.events import Record

Body = Callable[..., dict[str, Any]]
EXCHANGE = "0197a0b0-0000-7000-8000-0000000000e1"


class Lady:
    """A person as the land office knows her, with a preview of hers."""

    def __init__(self, house: Any, names: Any, person: str = "ann") -> None:
        self.house = house
        self.names = names
        self.subject = names.pseudonym(names.land, person)

    async def get(self, path: str) -> Any:
        return await self.house.client.get(f"/v1{path}", headers=self.house.world.citizen(self.subject))

    async def look(self, preview_id: str) -> Any:
        return await self.get(f"/previews/{preview_id}")

    async def decide(self, preview_id: str, key: str = "k", /, **pieces: bool) -> Any:
        items = [{"id": name, "accept": accept} for name, accept in pieces.items()]
        headers = self.house.world.citizen(self.subject, **{"idempotency-key": key, "content-type": "application/json"})
        path = f"/v1/previews/{preview_id}/decision"
        return await self.house.client.post(path, content=json.dumps({"items": items}), headers=headers)

    async def waiting(self) -> list[dict[str, Any]]:
        return list((await self.get("/previews")).json()["previews"])


@pytest.fixture
async def register(house: Any, title: Body, names: Any) -> Any:
    """A deployment where Ann and Bob have a title each."""
    for person, number in (("ann", "T-1"), ("bob", "T-2")):
        claims = {"place": "3 Hill Road", "use": "shop", "number": number}
        answer = await house.post(names.land, "/certificates", title(person, claims=claims), key=number)
        assert answer.status_code == 201, answer.text
    return house


@pytest.fixture
def ann(register: Any, names: Any) -> Lady:
    """Ann, whom the requests of these tests are about."""
    return Lady(register, names)


def wished(house: Any, person: str = "ann", **more: Any) -> Any:
    """Ask for a title whose holder wishes to see first what would go."""
    return house.world.ask(person, **{"preview": True, "deadline": house.world.start + timedelta(minutes=57), **more})


async def answers(house: Any, names: Any) -> list[tuple[int, Any]]:
    """Give (keyseq, answer) of what went to the asking office."""
    rows = await house.said(f"envelope.{names.market}.v1")
    return [(row["keyseq"], house.opened(names.market, row).body) for row in rows]


async def begun(house: Any, ask: Any | None = None) -> str:
    """Let a request arrive that waits for its person; give the preview's id."""
    await house.consume(house.world.record(ask or wished(house), exchange_id=EXCHANGE))
    rows = await house.rows("SELECT id::text AS id FROM preview ORDER BY made_at DESC, id DESC LIMIT 1")
    return str(rows[0]["id"])


async def journal(house: Any) -> list[str]:
    return [row["type"] for row in await house.rows("SELECT type FROM evidence_event ORDER BY id")]


async def sides(house: Any) -> list[tuple[str, str]]:
    return [(leaf.side, leaf.decision) for leaf, _ in await house.receipts()]


async def title_of(house: Any) -> str:
    [row] = await house.rows("SELECT id::text AS id FROM certificate WHERE natural_key = 'T-1'")
    return str(row["id"])


def withdrawal(house: Any, ask: Any, **more: Any) -> Record:
    """Give the record by which exchange-bus takes a request back."""
    fields = {"type": "evidence.ask.withdrawn.v1", "keyseq": 2, "id": uuid7(), "data": b"{}", **more}
    return house.world.record(ask, **fields)  # type: ignore[no-any-return]


# ------------------------------------------------------------------------------------------------ before the look
async def test_the_asker_learns_where_she_looks_and_nothing_of_what_is_there(ann: Lady, names: Any) -> None:
    house, ask = ann.house, wished(ann.house)
    preview_id = await begun(house, ask)
    [event] = await house.said(f"envelope.{names.market}.v1")
    opens = rfc3339(names.now + timedelta(minutes=15))
    told = {"exchangeid": EXCHANGE, "outcome": "previewing", "previewid": preview_id, "previewuntil": opens}
    assert (event["key"], event["keyseq"], told.items() - event["headers"].items()) == (ask.request_id, 1, set())
    [(_, answer)] = await answers(house, names)
    assert (answer.outcome, answer.code, answer.presentation) == ("previewing", None, None)
    # Nothing has gone yet, so no receipt says that something did; the journal knows of the request.
    assert await house.receipts() == []
    assert await journal(house) == ["request-received"]


async def test_she_sees_what_waits_for_her_in_one_list_the_oldest_first(ann: Lady, names: Any) -> None:
    first = await begun(ann.house)
    ann.house.world.now += timedelta(minutes=2)
    second = await begun(ann.house)
    await begun(ann.house, wished(ann.house, "bob"))
    [one, two] = await ann.waiting()
    assert [one["previewId"], two["previewId"]] == [first, second]
    assert one == {
        "previewId": first, "state": "waiting", "office": names.land, "asker": names.market, "type": "title",
        "purpose": "premises-check", "legalBasis": "request", "caseId": names.case, "step": names.step,
        "until": rfc3339(names.now + timedelta(minutes=15)),
    }  # fmt: skip
    assert await sides(ann.house) == []


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
    ann: Lady, names: Any, rule: str | None, wish: bool, due: bool
) -> None:
    house = ann.house
    if rule is not None:
        house.world.publish(lambda entry: entry | {"preview": rule} if entry["id"] == "P-0204" else entry)
    await house.consume(house.world.record(wished(house, preview=wish, release=house.world.catalogue.release)))
    [(_, answer)] = await answers(house, names)
    assert answer.outcome == ("previewing" if due else "answered")
    assert len(await ann.waiting()) == int(due)


async def test_what_law_alone_asks_for_goes_unseen_even_where_somebody_wishes_otherwise(house: Any, names: Any) -> None:
    issued = await house.post(
        names.health, "/certificates",
        {"office": names.health, "type": "staff-health", "holder": {"subject": names.pseudonym(names.health, "ann")},
         "claims": {"result": "fit", "examinedOn": "2026-01-02"}, "validFrom": "2026-01-02"},
    )  # fmt: skip
    assert issued.status_code == 201, issued.text
    await house.consume(house.world.record(house.world.ask(office=names.health, preview=True), office=names.health))
    [(_, answer)] = await answers(house, names)
    assert answer.outcome == "answered"


async def test_an_organisation_has_nobody_who_could_look(house: Any, title: Body, names: Any) -> None:
    assert (await house.post(names.land, "/certificates", title(holder={"organisation": names.tax}))).status_code == 201
    house.world.publish(lambda entry: entry | {"preview": "required"} if entry["id"] == "P-0204" else entry)
    digest = aliases.digest(names.tax)
    need = ProofNeed(type="title", platform=digest, holders={names.land: digest})
    proof = house.world.case_proof(needs=[need])
    await house.consume(house.world.record(wished(house, aliases=None, organisation=names.tax, case_proof=proof)))
    [(_, answer)] = await answers(house, names)
    assert answer.outcome == "answered"


async def test_there_is_no_preview_of_nothing(register: Any, names: Any) -> None:
    refused = [wished(register, "eve"), wished(register, fields=["place", "number"])]
    await register.consume(*(register.world.record(ask) for ask in refused))
    assert {answer.code for _, answer in await answers(register, names)} == {"NOT_MATCHED", "NO_GRANT"}
    assert await register.rows("SELECT id FROM preview") == []


# ------------------------------------------------------------------------------------------------ looking
async def test_a_look_shows_what_would_go_and_every_look_is_a_receipt(ann: Lady, names: Any) -> None:
    preview_id = await begun(ann.house)
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
    assert (leaf.exchange_id, leaf.provider, leaf.type, leaf.asker) == (EXCHANGE, names.land, "title", None)
    assert (sealed.case_id, sealed.step, sealed.certificate_version) == (names.case, names.step, 1)
    key = ann.house.world.answering["platform"]
    assert aliases.open_alias({key.kid: key}, "platform", sealed.person) == names.pseudonym("platform", "ann")
    assert await journal(ann.house) == ["request-received", "preview-opened", "preview-opened"]
    assert len(await answers(ann.house, names)) == 1


async def test_no_receipt_no_look(ann: Lady) -> None:
    preview_id = await begun(ann.house)
    del ann.house.world.systems.held["ledger"]
    answer = await ann.look(preview_id)
    assert (answer.status_code, answer.json()["code"]) == (503, "NO_LEDGER_KEY")
    assert "Hill Road" not in answer.text
    assert [one["state"] for one in await ann.waiting()] == ["waiting"]


async def test_another_persons_preview_and_no_preview_answer_alike(ann: Lady, names: Any) -> None:
    preview_id = await begun(ann.house)
    assert (await ann.look(preview_id)).status_code == 200
    bob, unknown = Lady(ann.house, names, "bob"), str(uuid7())
    looks = [await bob.look(which) for which in (preview_id, unknown)]
    decisions = [await bob.decide(which, place=True, use=True) for which in (preview_id, unknown)]
    for one, other in (looks, decisions):
        assert (one.status_code, one.json()["code"]) == (404, "NOT_FOUND")
        assert bare(one) == bare(other)
        assert one.headers.keys() == other.headers.keys()
    assert await bob.waiting() == []
    assert await journal(ann.house) == ["request-received", "preview-opened"]


def bare(answer: Any) -> str:
    """Give a problem document without what names this very call."""
    text, body = answer.text, answer.json()
    for own in (body.get("traceId"), body.get("instance"), body.get("requestId"), answer.headers.get("request-id")):
        text = text.replace(str(own), "") if own else text
    return str(text)


async def test_only_a_person_by_a_token_for_this_deployment_may_look(ann: Lady, names: Any) -> None:
    preview_id = await begun(ann.house)
    path, world = f"/v1/previews/{preview_id}", ann.house.world
    office = await ann.house.client.get(path, headers=world.headers(names.land))
    assert (office.status_code, office.json()["code"]) == (403, "FORBIDDEN")
    platform = await ann.house.client.get(path, headers=world.citizen(ann.subject, audience="platform"))
    assert platform.status_code == 401
    assert await sides(ann.house) == []


# ------------------------------------------------------------------------------------------------ deciding
async def test_only_the_pieces_that_she_accepts_reach_the_asker(ann: Lady, names: Any) -> None:
    ask = wished(ann.house)
    preview_id = await begun(ann.house, ask)
    await ann.look(preview_id)
    decided = await ann.decide(preview_id, place=True, use=False)
    assert decided.status_code == 201, decided.text
    assert decided.json() == {"previewId": preview_id, "state": "released", "released": ["place"]}
    [_, (keyseq, answer)] = await answers(ann.house, names)
    assert (keyseq, answer.request_id, answer.outcome, answer.code) == (2, ask.request_id, "answered", None)
    assert formats.disclosed(answer.presentation.credential) == {"place"}
    assert "shop" not in answer.presentation.credential
    event = (await ann.house.said(f"envelope.{names.market}.v1"))[1]
    assert (event["headers"]["exchangeid"], event["headers"]["outcome"]) == (EXCHANGE, "answered")
    assert "previewid" not in event["headers"]
    # The holder's receipt comes once, with the release, and says what went.
    assert await sides(ann.house) == [("view", "released"), ("holder", "released")]
    leaf, sealed = (await ann.house.receipts())[1]
    assert (leaf.fields, leaf.code, leaf.exchange_id) == (["place"], None, EXCHANGE)
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


async def test_what_she_declines_whole_is_refused_without_a_byte_of_it(ann: Lady, names: Any) -> None:
    preview_id = await begun(ann.house)
    await ann.look(preview_id)
    decided = await ann.decide(preview_id, place=False, use=False)
    assert (decided.status_code, decided.json()["state"], decided.json()["released"]) == (201, "declined", [])
    [_, (keyseq, answer)] = await answers(ann.house, names)
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


async def test_a_decision_counts_once(ann: Lady, names: Any) -> None:
    preview_id = await begun(ann.house)
    await ann.look(preview_id)
    first = await ann.decide(preview_id, place=True, use=True)
    again = await ann.decide(preview_id, place=True, use=True)
    assert (again.status_code, again.content) == (201, first.content)
    second = await ann.decide(preview_id, "another", place=True, use=True)
    assert (second.status_code, second.json()["code"]) == (409, "PREVIEW_OVER")
    reused = await ann.decide(preview_id, place=True, use=False)
    assert (reused.status_code, reused.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert len(await answers(ann.house, names)) == 2
    assert await sides(ann.house) == [("view", "released"), ("holder", "released")]


async def test_nobody_decides_unseen(ann: Lady, names: Any) -> None:
    preview_id = await begun(ann.house)
    answer = await ann.decide(preview_id, place=True, use=True)
    assert (answer.status_code, answer.json()["code"]) == (409, "PREVIEW_NOT_OPENED")
    assert len(await answers(ann.house, names)) == 1


async def test_every_piece_is_decided_once_and_no_other(ann: Lady, names: Any) -> None:
    preview_id = await begun(ann.house)
    await ann.look(preview_id)
    for pieces in ({"place": True}, {"place": True, "use": True, "number": True}):
        answer = await ann.decide(preview_id, **pieces)
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")
    assert len(await answers(ann.house, names)) == 1
    assert (await ann.decide(preview_id, place=True, use=True)).status_code == 201


async def test_what_changed_since_she_looked_does_not_go_until_she_looks_again(ann: Lady, names: Any) -> None:
    preview_id = await begun(ann.house)
    await ann.look(preview_id)
    path = f"/certificates/{await title_of(ann.house)}/amendments"
    said = {
        "claims": {"place": "9 Hill Road", "use": "shop", "number": "T-1"},
        "validFrom": "2026-01-01",
        "reason": "x",
    }
    changed = await ann.house.post(names.land, path, said, key="a", if_match='"1"')
    assert changed.status_code == 201, changed.text
    answer = await ann.decide(preview_id, place=True, use=False)
    assert (answer.status_code, answer.json()["code"]) == (409, "PREVIEW_OUTDATED")
    assert len(await answers(ann.house, names)) == 1
    assert (await ann.look(preview_id)).json()["items"][0]["value"] == "9 Hill Road"
    assert (await ann.decide(preview_id, place=True, use=False)).status_code == 201
    assert len(await answers(ann.house, names)) == 2


async def test_what_changes_between_sealing_and_commit_does_not_go(
    ann: Lady, names: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    preview_id = await begun(ann.house)
    await ann.look(preview_id)
    certificate, once = await title_of(ann.house), ann.house.db.once

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
    assert len(await answers(ann.house, names)) == 1


async def test_what_is_no_longer_there_is_no_match_at_her_next_look(ann: Lady, names: Any) -> None:
    preview_id = await begun(ann.house)
    await ann.look(preview_id)
    path = f"/certificates/{await title_of(ann.house)}/suspensions"
    assert (await ann.house.post(names.land, path, {"reason": "x"}, key="s", if_match='"1"')).status_code == 201
    answer = await ann.decide(preview_id, place=True, use=True)
    assert (answer.status_code, answer.json()["code"]) == (409, "PREVIEW_OUTDATED")
    over = (await ann.look(preview_id)).json()
    assert (over["state"], over["items"]) == ("expired", [])
    assert [(keyseq, one.code) for keyseq, one in await answers(ann.house, names)] == [(1, None), (2, "NOT_MATCHED")]
    assert await sides(ann.house) == [("view", "released"), ("holder", "empty")]


@pytest.mark.parametrize("looks_again", [True, False])
async def test_a_grant_that_ended_meanwhile_gives_nothing_whatever_she_decides(
    ann: Lady, names: Any, looks_again: bool
) -> None:
    preview_id = await begun(ann.house)
    await ann.look(preview_id)
    ann.house.world.publish(lambda entry: None if entry["id"] == "G-0204" else entry)
    if looks_again:
        assert (await ann.look(preview_id)).json()["state"] == "expired"
    answer = await ann.decide(preview_id, place=True, use=True)
    assert (answer.status_code, answer.json()["code"]) == (409, "PREVIEW_OVER")
    assert [(keyseq, one.code) for keyseq, one in await answers(ann.house, names)] == [(1, None), (2, "NO_GRANT")]


# ------------------------------------------------------------------------------------------------ clocks
@pytest.mark.parametrize(
    ("looks", "minutes", "reason"), [(False, 15, "NOT_OPENED"), (True, 40, "NOT_DECIDED")], ids=["T2", "T3"]
)
async def test_without_her_the_request_times_out_and_a_late_decision_is_refused(
    ann: Lady, names: Any, looks: bool, minutes: int, reason: str
) -> None:
    preview_id = await begun(ann.house)
    if looks:
        await ann.look(preview_id)
    ann.house.world.now += timedelta(minutes=minutes)
    assert await ann.house.uses.previewing.expire() == 0
    ann.house.world.now += timedelta(seconds=1)
    # Late is late, swept or not.
    late = await ann.decide(preview_id, place=True, use=True)
    assert (late.status_code, late.json()["code"]) == (409, "PREVIEW_OVER")
    shown = (await ann.look(preview_id)).json()
    assert (shown["state"], shown["items"]) == ("expired", [])
    assert await ann.waiting() == []
    assert await ann.house.uses.previewing.expire() == 1
    assert await ann.house.uses.previewing.expire() == 0
    [_, (keyseq, answer)] = await answers(ann.house, names)
    assert (keyseq, answer.outcome, answer.code) == (2, "refused", "EVIDENCE_TIMEOUT")
    leaf, sealed = (await ann.house.receipts())[-1]
    assert (leaf.side, leaf.decision, leaf.code) == ("holder", "refused", "EVIDENCE_TIMEOUT")
    assert sealed.person is not None
    [row] = await ann.house.rows("SELECT code, reason FROM evidence_event WHERE type = 'error-sent'")
    assert row == {"code": "EVIDENCE_TIMEOUT", "reason": reason}
    assert (await ann.decide(preview_id, place=True, use=True)).json()["code"] == "PREVIEW_OVER"


async def test_no_look_or_decision_goes_past_the_askers_last_moment(ann: Lady, names: Any) -> None:
    preview_id = await begun(ann.house, wished(ann.house, deadline=names.now + timedelta(minutes=10)))
    [head] = await ann.waiting()
    assert head["until"] == rfc3339(names.now + timedelta(minutes=10))
    assert (await ann.look(preview_id)).json()["until"] == head["until"]
    ann.house.world.now += timedelta(minutes=10, seconds=1)
    assert (await ann.decide(preview_id, place=True, use=True)).json()["code"] == "PREVIEW_OVER"
    assert await ann.house.uses.previewing.expire() == 1
    [row] = await ann.house.rows("SELECT reason, rule FROM evidence_event WHERE type = 'error-sent'")
    assert row == {"reason": "PAST_DEADLINE", "rule": "clock.holder"}


async def test_the_lists_may_give_a_person_less_or_more_time(ann: Lady, names: Any) -> None:
    clocks = {"opening": "PT2M", "deciding": "PT3M"}
    ann.house.world.publish(lambda entry: entry | {"clocks": clocks} if entry["id"] == "title" else entry)
    preview_id = await begun(ann.house)
    assert (await ann.waiting())[0]["until"] == rfc3339(names.now + timedelta(minutes=2))
    assert (await ann.look(preview_id)).json()["until"] == rfc3339(names.now + timedelta(minutes=3))


async def test_one_that_can_not_be_answered_holds_up_no_other(ann: Lady, names: Any) -> None:
    bad = await begun(ann.house)
    ann.house.world.now += timedelta(seconds=1)
    await begun(ann.house, wished(ann.house, "bob"))
    async with ann.house.db.transaction() as tx:
        await tx.execute("UPDATE preview SET ask = 'no request' WHERE id = $1", bad)
    ann.house.world.now += timedelta(minutes=16)
    assert await ann.house.uses.previewing.expire() == 1
    states = await ann.house.rows("SELECT state, put_off IS NULL AS due FROM preview ORDER BY made_at")
    assert states == [{"state": "waiting", "due": False}, {"state": "expired", "due": True}]
    # It isn't tried at every turn.
    assert await ann.house.rows("SELECT id FROM preview WHERE put_off > $1", ann.house.world.now) != []


async def test_an_asker_whose_key_is_gone_is_answered_when_it_is_back(ann: Lady, names: Any) -> None:
    preview_id = await begun(ann.house)
    await ann.look(preview_id)
    held = ann.house.world.offices.held[names.market]
    ann.house.world.drop_key(names.market, "inbox")
    away = await ann.decide(preview_id, place=True, use=True)
    assert away.status_code == 503
    ann.house.world.now += timedelta(minutes=41)
    assert await ann.house.uses.previewing.expire() == 0
    ann.house.world.offices.held[names.market] = held
    ann.house.world.now += timedelta(minutes=2)
    assert await ann.house.uses.previewing.expire() == 1


# ------------------------------------------------------------------------------------------------ withdrawal, crashes
async def test_a_withdrawn_request_lets_nothing_go_any_more(ann: Lady, names: Any) -> None:
    ask = wished(ann.house)
    preview_id = await begun(ann.house, ask)
    await ann.look(preview_id)
    await ann.house.consume(withdrawal(ann.house, ask))
    assert (await ann.decide(preview_id, place=True, use=True)).json()["code"] == "PREVIEW_OVER"
    assert (await ann.look(preview_id)).json()["state"] == "expired"
    assert await ann.waiting() == []
    ann.house.world.now += timedelta(hours=2)
    assert await ann.house.uses.previewing.expire() == 0
    assert len(await answers(ann.house, names)) == 1
    assert await sides(ann.house) == [("view", "released")]
    [row] = await ann.house.rows("SELECT state, code, ask FROM preview")
    assert row == {"state": "expired", "code": "CASE_NOT_LIVE", "ask": None}
    assert (await journal(ann.house))[-1] == "request-refused"


async def test_a_request_and_its_withdrawal_may_come_in_one_batch(ann: Lady, names: Any) -> None:
    ask = wished(ann.house)
    await ann.house.consume(ann.house.world.record(ask), withdrawal(ann.house, ask))
    assert await ann.waiting() == []
    [row] = await ann.house.rows("SELECT code FROM preview")
    assert row == {"code": "CASE_NOT_LIVE"}


async def test_a_withdrawal_of_what_was_answered_changes_nothing(ann: Lady, names: Any) -> None:
    plain, decided = ann.house.world.ask(), wished(ann.house)
    await ann.house.consume(ann.house.world.record(plain))
    preview_id = await begun(ann.house, decided)
    await ann.look(preview_id)
    assert (await ann.decide(preview_id, place=True, use=True)).status_code == 201
    before = await journal(ann.house)
    await ann.house.consume(withdrawal(ann.house, plain), withdrawal(ann.house, decided))
    assert await journal(ann.house) == before
    assert (await ann.look(preview_id)).json()["state"] == "released"


async def test_only_the_exchange_bus_withdraws(ann: Lady, names: Any) -> None:
    ask = wished(ann.house)
    await begun(ann.house, ask)
    for source in (f"/zz/{names.data_office}/cases", f"/zz/{names.data_office}/nobody"):
        [item] = await ann.house.handler.prepare([withdrawal(ann.house, ask, source=source)])
        assert item == Bad("ROLE_WRONG")


async def test_a_death_between_sealing_and_commit_releases_nothing_and_she_may_decide_again(
    ann: Lady, names: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    preview_id = await begun(ann.house)
    await ann.look(preview_id)

    class Died(BaseException):
        """As SIGKILL: nothing catches it."""

    def die(name: str) -> None:
        if name == "release.after_seal":
            raise Died

    monkeypatch.setattr(crash, "point", die)
    with pytest.raises(Died):
        await ann.decide(preview_id, place=True, use=True)
    monkeypatch.undo()
    assert len(await answers(ann.house, names)) == 1
    assert await sides(ann.house) == [("view", "released")]
    assert (await ann.decide(preview_id, place=True, use=True)).status_code == 201
    assert [keyseq for keyseq, _ in await answers(ann.house, names)] == [1, 2]
