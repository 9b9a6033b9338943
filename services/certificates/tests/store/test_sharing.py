# SPDX-License-Identifier: EUPL-1.2
"""Sharing: what grantees and the directory get, in which order, and what waits."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from certificates.service.sharing import Sharing
from contracts.certificates import formats
from kit import aliases, envelopes

Body = Callable[..., dict[str, Any]]


async def issued(house: Any, office: str, body: dict[str, Any], key: str = "k") -> str:
    answer = await house.post(office, "/certificates", body, key=key)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["certificateId"])


async def change(house: Any, office: str, certificate_id: str, door: str, body: Any = None) -> None:
    path = f"/certificates/{certificate_id}/{door}"
    answer = await house.post(office, path, body or {"reason": "why"}, key=door, if_match='"1"')
    assert answer.status_code == 201, answer.text


def shown(house: Any, credential: str, audience: str) -> formats.Verified:
    keys = house.world.issuing.values()
    return formats.verify(
        credential,
        key_of=lambda _iss, kid: next(k.public.verifies for k in keys if k.kid == kid),
        now=house.world.now,
        audience=audience,
    )


async def test_each_grantee_gets_its_fields_alone_sealed_to_it(house: Any, licence: Body, names: Any) -> None:
    await issued(house, names.market, licence())
    await house.share_all()
    [tax], [land] = await house.received(names.tax), await house.received(names.land)
    assert (tax.grant_id, tax.fact, tax.status, tax.office, tax.type) == (
        "G-0902",
        "issued",
        "01",
        names.market,
        "food-licence",
    )
    assert shown(house, tax.presentation.credential, names.tax).claims == {
        "number": "F-1",
        "purpose": "tax-registration",
    }
    assert shown(house, land.presentation.credential, names.land).claims == {
        "place": "3 Hill Road",
        "purpose": "zoning",
    }
    key = house.world.inbox[names.tax]
    assert aliases.open_alias({key.kid: key}, names.tax, tax.subject) == names.pseudonym(names.tax, "ann")


async def test_two_offices_can_not_match_their_copies(house: Any, licence: Body, names: Any) -> None:
    one = await issued(house, names.market, licence())
    await house.share_all()
    [tax], [land] = await house.received(names.tax), await house.received(names.land)
    [tax_event], [land_event] = (
        await house.said(f"envelope.{names.tax}.v1"),
        await house.said(f"envelope.{names.land}.v1"),
    )
    assert tax.share_id != land.share_id
    assert tax_event["headers"]["exchangeid"] != land_event["headers"]["exchangeid"]
    assert "traceparent" not in tax_event["headers"]
    for event, share in ((tax_event, tax), (land_event, land)):
        assert event["key"] == share.share_id
        assert one not in json.dumps(event["headers"]) + share.model_dump_json()
    assert "licenceId" not in shown(house, tax.presentation.credential, names.tax).claims


async def test_the_directory_learns_who_holds_what(house: Any, licence: Body, names: Any) -> None:
    one = await issued(house, names.market, licence())
    await change(house, names.market, one, "suspensions")
    await house.share_all()
    first, second = await house.said("certificates.holding.v1")
    assert (first["key"], first["keyseq"], second["keyseq"]) == (one, 1, 2)
    bodies = [json.loads(event["payload"]) for event in (first, second)]
    assert [body["status"] for body in bodies] == ["01", "02"]
    key = house.world.answering["platform"]
    assert bodies[0]["person"] != bodies[1]["person"]
    for body in bodies:
        assert aliases.open_alias({key.kid: key}, "platform", body["person"]) == names.pseudonym("platform", "ann")
        assert "claims" not in body


async def test_every_release_has_its_receipt_in_the_same_commit(house: Any, licence: Body, names: Any) -> None:
    one = await issued(house, names.market, licence())
    await house.share_all()
    receipts = await house.receipts()
    by_asker = {leaf.asker.office: (leaf, sealed) for leaf, sealed in receipts}
    assert set(by_asker) == {names.data_office, names.land, names.tax}
    leaf, sealed = by_asker[names.tax]
    [event] = await house.said(f"envelope.{names.tax}.v1")
    assert (leaf.side, leaf.decision, leaf.purpose) == ("holder", "released", "tax-registration")
    assert (leaf.provider, leaf.fields, leaf.legal_basis.grant_id) == (names.market, ["number"], "G-0902")
    assert leaf.exchange_id == event["headers"]["exchangeid"]
    assert leaf.envelope_digest == envelopes.digest(event["payload"].decode())
    assert (sealed.certificate_id, sealed.certificate_version) == (one, 1)
    key = house.world.answering["platform"]
    assert aliases.open_alias({key.kid: key}, "platform", sealed.person) == names.pseudonym("platform", "ann")
    assert by_asker[names.data_office][0].asker.system == "exchange-bus"
    assert sorted(s.seq for _, s in receipts) == [1, 2, 3]


async def test_facts_of_a_share_come_in_order_and_content_only_while_true(
    house: Any, licence: Body, names: Any
) -> None:
    one = await issued(house, names.market, licence())
    await house.share_all()
    await change(house, names.market, one, "suspensions")
    await change(house, names.market, one, "reinstatements")
    await house.share_all()
    await change(house, names.market, one, "revocations", {"reason": "x", "ending": "revoke"})
    await house.share_all()
    shares = await house.received(names.tax)
    assert [(s.fact, s.status, s.presentation is not None) for s in shares] == [
        ("issued", "01", True),
        ("suspended", "02", False),
        ("reinstated", "01", True),
        ("revoked", "07", False),
    ]
    events = await house.said(f"envelope.{names.tax}.v1")
    assert [event["keyseq"] for event in events] == [1, 2, 3, 4]
    assert len({event["key"] for event in events}) == 1


async def test_content_that_was_taken_back_before_it_went_does_not_go(house: Any, licence: Body, names: Any) -> None:
    one = await issued(house, names.market, licence())
    await change(house, names.market, one, "revocations", {"reason": "x", "ending": "rescind"})
    await house.share_all()
    assert [(s.fact, s.presentation) for s in await house.received(names.tax)] == [("issued", None), ("revoked", None)]
    assert [leaf.fields for leaf, _ in await house.receipts() if leaf.asker.office == names.tax] == [None, None]


async def test_identity_away_delays_shares_and_not_the_issue(house: Any, licence: Body, names: Any) -> None:
    house.world.identity_away = True
    one = await issued(house, names.market, licence())
    await house.share_all()
    assert await house.said(f"envelope.{names.tax}.v1") == []
    assert {row["waiting"] for row in await house.rows("SELECT waiting FROM share_todo")} == {"IDENTITY_AWAY"}
    await change(house, names.market, one, "suspensions")
    await house.share_all()
    assert len(await house.said("certificates.holding.v1")) == 0  # what came later stands behind it
    house.world.identity_away = False
    house.world.now += timedelta(seconds=2)
    await house.share_all()
    assert [s.fact for s in await house.received(names.tax)] == ["issued", "suspended"]
    assert await house.rows("SELECT id FROM share_todo") == []


async def test_a_receiver_without_a_key_holds_up_nobody_else(house: Any, licence: Body, names: Any) -> None:
    house.world.drop_key(names.tax, "inbox")
    await issued(house, names.market, licence())
    await house.share_all()
    assert len(await house.received(names.land)) == 1
    assert await house.rows("SELECT waiting, tries FROM share_todo") == [{"waiting": "NO_OFFICE_KEY", "tries": 1}]
    await house.uses.sharing.count_waiting()
    assert house.uses.sharing.waiting == {"NO_OFFICE_KEY": 1}


async def test_a_grant_that_ended_gets_nothing(house: Any, licence: Body, names: Any) -> None:
    await issued(house, names.market, licence())
    house.world.publish(lambda entry: None if entry["id"] == "G-0902" else entry)
    await house.share_all()
    assert await house.said(f"envelope.{names.tax}.v1") == []
    assert len(await house.received(names.land)) == 1
    assert await house.rows("SELECT id FROM share_todo") == []


async def test_an_unknown_person_waits_with_its_reason(house: Any, licence: Body, names: Any) -> None:
    await issued(house, names.market, licence("nobody"))
    await house.share_all()
    assert {row["waiting"] for row in await house.rows("SELECT waiting FROM share_todo")} == {"SUBJECT_UNKNOWN"}


async def test_identity_is_asked_once_for_a_person_and_a_party(house: Any, licence: Body, names: Any) -> None:
    for number in ("F-1", "F-2"):
        claims = {"number": number, "place": "x"}
        await issued(house, names.market, licence(claims=claims), key=number)
        await house.share_all()
    assert len(house.world.minted) == len(set(house.world.minted)) == 3


async def test_two_sharers_send_each_fact_once(house: Any, licence: Body, names: Any) -> None:
    await issued(house, names.market, licence())
    sharing = house.uses.sharing
    seen = []

    async def both_prepare(tx: Any, sealed: Any) -> None:
        seen.append(sealed)

    real, sharing._send = sharing._send, both_prepare
    await sharing.share_next()
    sharing._send = real
    await house.share_all()  # the other process was faster
    async with house.db.transaction() as tx:
        await sharing._send(tx, seen[0])
    assert len(await house.said(f"envelope.{names.tax}.v1")) == 1
    assert len(await house.receipts()) == 3


async def test_an_organisations_licence_needs_no_alias(house: Any, licence: Body, names: Any) -> None:
    await issued(house, names.market, licence(holder={"organisation": names.tax}))
    await house.share_all()
    [share] = await house.received(names.tax)
    assert (share.subject, share.organisation) == (None, names.tax)
    assert {(s.person, s.organisation) for _, s in await house.receipts()} == {(None, names.tax)}
    assert house.world.minted == []


async def test_content_that_is_taken_back_while_it_is_sealed_does_not_go(
    house: Any, licence: Body, names: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await issued(house, names.market, licence())
    seal_all = Sharing._seal_all

    async def meanwhile(self: Sharing, *args: Any) -> Any:
        sealed = await seal_all(self, *args)
        monkeypatch.undo()
        await change(house, names.market, one, "suspensions")
        return sealed

    monkeypatch.setattr(Sharing, "_seal_all", meanwhile)
    await house.share_all()
    await house.share_all()
    shares = await house.received(names.tax)
    assert [(s.fact, s.presentation) for s in shares] == [("issued", None), ("suspended", None)]
    assert await house.rows("SELECT id FROM share_todo") == []


async def test_a_fact_that_can_not_be_sealed_at_all_holds_up_nobody_else(
    house: Any, licence: Body, names: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await issued(house, names.market, licence())
    seal = envelopes.seal_envelope

    def too_large(kind: str, body: Any, **more: Any) -> str:
        if more["audience_office"] == names.tax:
            raise ValueError("an envelope holds at most so much")
        return seal(kind, body, **more)

    monkeypatch.setattr(envelopes, "seal_envelope", too_large)
    await house.share_all()
    assert len(await house.received(names.land)) == 1
    assert await house.rows("SELECT waiting FROM share_todo") == [{"waiting": "SEALING_FAILED"}]
