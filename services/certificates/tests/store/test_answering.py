# SPDX-License-Identifier: EUPL-1.2
"""Answers to requests for evidence: what the asker gets, what is refused, and what the receipts say."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contracts.cases import ProofNeed
from contracts.certificates import formats
from contracts.envelopes import LegalBasis, PersonAliases
from contracts.receipts import Asker
from kit import aliases, envelopes
from kit.consumer import Bad
from kit.db import UniqueViolation
from kit.errors import Unavailable

Body = Callable[..., dict[str, Any]]


@pytest.fixture
async def register(house: Any, title: Body, names: Any) -> Any:
    """A deployment where Ann has one title and Bob has two."""
    for person, number in (("ann", "T-1"), ("bob", "T-2"), ("bob", "T-3")):
        claims = {"place": "3 Hill Road", "use": "shop", "number": number}
        answer = await house.post(names.land, "/certificates", title(person, claims=claims), key=number)
        assert answer.status_code == 201, answer.text
    return house


async def outcome(house: Any, ask: Any, **record: Any) -> Any:
    """Let one request take effect and give the newest answer."""
    await house.consume(house.world.record(ask, **record))
    return (await house.received("1199990000000006XB"))[-1]


async def test_the_asker_gets_the_asked_fields_and_nothing_else(register: Any, names: Any) -> None:
    ask = register.world.ask()
    answer = await outcome(register, ask, exchange_id="0197a0b0-0000-7000-8000-0000000000e1")
    assert (answer.request_id, answer.outcome, answer.code, answer.holder) == (
        ask.request_id,
        "answered",
        None,
        names.land,
    )
    key = register.world.issuing[names.land].public
    verified = formats.verify(
        answer.presentation.credential,
        key_of=lambda iss, kid: (
            key.verifies if (iss, kid) == (f"https://tongban.example/issuers/{names.land}", key.kid) else None
        ),
        now=register.world.now,
        audience=names.market,
        vct="https://tongban.example/types/title/1",
    )
    assert verified.claims == {"place": "3 Hill Road", "use": "shop", "purpose": "premises-check"}
    assert verified.expires_at == verified.issued_at + timedelta(hours=24)
    [event] = await register.said(f"envelope.{names.market}.v1")
    assert (event["key"], event["keyseq"], event["type"]) == (ask.request_id, 1, "envelope.answer.v1")
    assert (event["headers"]["outcome"], event["headers"]["exchangeid"]) == (
        "answered",
        "0197a0b0-0000-7000-8000-0000000000e1",
    )
    assert "code" not in event["headers"]


async def test_a_release_has_a_receipt_that_binds_request_and_answer(register: Any, names: Any) -> None:
    ask = register.world.ask()
    await outcome(register, ask)
    [event] = await register.said(f"envelope.{names.market}.v1")
    [(leaf, sealed)] = await register.receipts()
    assert (leaf.side, leaf.decision, leaf.code, leaf.fields) == ("holder", "released", None, ["place", "use"])
    assert (leaf.asker, leaf.provider, leaf.request_hash) == (
        Asker(office=names.market, system="licensing"),
        names.land,
        "h" * 43,
    )
    assert leaf.envelope_digest == envelopes.digest(event["payload"].decode())
    assert leaf.legal_basis.model_dump(exclude_none=True) == {
        "kind": "request",
        "entry": "P-0204",
        "release": 12,
        "grant_id": "G-0204",
    }
    assert (sealed.case_id, sealed.step, sealed.salt, sealed.deadline) == (
        names.case,
        names.step,
        ask.salt,
        ask.deadline,
    )
    key = register.world.answering["platform"]
    assert aliases.open_alias({key.kid: key}, "platform", sealed.person) == names.pseudonym("platform", "ann")


async def test_the_journal_keeps_both_sides_of_an_exchange(register: Any, names: Any) -> None:
    ask = register.world.ask()
    answer = await outcome(register, ask)
    rows = await register.rows(
        "SELECT type, request_id::text, digest, subject, code, reason FROM evidence_event ORDER BY id"
    )
    assert [row["type"] for row in rows] == ["request-received", "answer-sent"]
    assert {row["request_id"] for row in rows} == {ask.request_id}
    assert rows[1]["digest"] == answer.presentation.evidence_digest
    assert names.pseudonym(names.land, "ann") not in str(rows)


async def test_zero_and_two_matches_look_alike(register: Any, names: Any) -> None:
    none, two = register.world.ask("eve"), register.world.ask("bob")
    answers = [await outcome(register, ask) for ask in (none, two)]
    bodies = [answer.model_dump(exclude={"request_id"}) for answer in answers]
    assert bodies[0] == bodies[1]
    assert (answers[0].outcome, answers[0].code, answers[0].presentation) == ("refused", "NOT_MATCHED", None)
    events = await register.said(f"envelope.{names.market}.v1")
    assert {event["headers"]["code"] for event in events} == {"NOT_MATCHED"}
    assert len(events[0]["payload"]) == len(events[1]["payload"])
    assert {(leaf.decision, leaf.code) for leaf, _ in await register.receipts()} == {("empty", None)}
    rows = await register.rows("SELECT reason FROM evidence_event WHERE type = 'error-sent' ORDER BY id")
    assert [row["reason"] for row in rows] == ["NONE", "SEVERAL"]


async def test_what_is_not_valid_now_is_not_shown(register: Any, names: Any) -> None:
    [row] = await register.rows("SELECT id::text FROM certificate WHERE natural_key = 'T-1'")
    path = f"/certificates/{row['id']}/suspensions"
    assert (await register.post(names.land, path, {"reason": "x"}, key="s", if_match='"1"')).status_code == 201
    assert (await outcome(register, register.world.ask())).code == "NOT_MATCHED"


async def test_the_holder_judges_by_itself(register: Any, names: Any) -> None:
    world = register.world
    other = world.ask("bob")
    cases = {
        "NO_GRANT": world.ask(fields=["place", "number"]),
        "PURPOSE_NOT_GRANTED": world.ask(purpose="curiosity"),
        "NO_LEGAL_BASIS": world.ask(legal_basis=LegalBasis(kind="law")),
        "REFERENCE_UNKNOWN": world.ask(type_version=2),
        "NOT_IN_POWER_LIST": world.ask(asker=Asker(office=names.tax, system="tax-office")),
        "NOT_OFFERED": world.ask(fields=None, predicate="age_over_18"),
        "CASE_PROOF_INVALID": world.ask(aliases=other.aliases),
        "EVIDENCE_TIMEOUT": world.ask(deadline=names.now - timedelta(seconds=1)),
    }
    for code, ask in cases.items():
        await register.consume(world.record(ask))
        asker = ask.asker.office
        answer = (await register.received(asker))[-1]
        assert (answer.outcome, answer.code, answer.presentation) == ("refused", code, None), code
    leaves = {leaf.code: (leaf, sealed) for leaf, sealed in await register.receipts()}
    assert {leaf.decision for leaf, _ in leaves.values()} == {"refused"}
    assert set(leaves) == set(cases)
    # A person is named only where the proof has bound both aliases to her.
    assert {code for code, (_, sealed) in leaves.items() if sealed.person} == {"EVIDENCE_TIMEOUT"}


async def test_a_case_proof_counts_only_from_cases_and_while_it_lives(register: Any, names: Any) -> None:
    world = register.world
    gone = {
        "exp": int((names.now - timedelta(minutes=1)).timestamp()),
        "iat": int((names.now - timedelta(days=1)).timestamp()),
    }
    for proof, code in (
        ({"signer": "exchange-bus", "iss": "exchange-bus"}, "CASE_PROOF_INVALID"),
        ({"office": names.tax}, "CASE_PROOF_INVALID"),
        (gone, "CASE_NOT_LIVE"),
    ):
        assert (await outcome(register, world.ask(proof=proof))).code == code


async def test_a_grant_that_ended_after_the_request_gives_nothing(register: Any) -> None:
    ask = register.world.ask()
    register.world.publish(lambda entry: entry | {"to": "2026-11-24"} if entry["id"] == "G-0204" else entry)
    register.world.now += timedelta(seconds=5)
    assert (await outcome(register, ask)).code == "NO_GRANT"


async def test_a_request_of_a_release_that_is_not_here_yet_is_tried_again(register: Any) -> None:
    ask = register.world.ask(release=13)
    with pytest.raises(Unavailable):
        await register.consume(register.world.record(ask))
    register.world.publish(lambda entry: entry)
    assert (await outcome(register, ask)).outcome == "answered"


async def test_a_change_between_preparing_and_committing_is_prepared_again(register: Any, names: Any) -> None:
    record = register.world.record(register.world.ask())
    [prepared] = await register.handler.prepare([record])
    [row] = await register.rows("SELECT id::text FROM certificate WHERE natural_key = 'T-1'")
    path = f"/certificates/{row['id']}/suspensions"
    await register.post(names.land, path, {"reason": "x"}, key="s", if_match='"1"')
    with pytest.raises(Unavailable):
        async with register.db.transaction() as tx:
            await register.handler.apply(tx, [(record, prepared)])
    assert await register.said(f"envelope.{names.market}.v1") == []
    await register.consume(record)
    assert (await register.received(names.market))[-1].code == "NOT_MATCHED"


async def test_a_grant_withdrawn_between_preparing_and_committing_is_prepared_again(register: Any) -> None:
    record = register.world.record(register.world.ask())
    [prepared] = await register.handler.prepare([record])
    register.world.publish(lambda entry: None if entry["id"] == "G-0204" else entry)
    with pytest.raises(Unavailable):
        async with register.db.transaction() as tx:
            await register.handler.apply(tx, [(record, prepared)])


async def test_the_second_delivery_of_a_request_changes_nothing(register: Any, names: Any) -> None:
    record = register.world.record(register.world.ask())
    await register.consume(record)
    await register.consume(record)
    assert len(await register.said(f"envelope.{names.market}.v1")) == 1
    assert len(await register.receipts()) == 1


async def test_a_request_that_is_put_back_onto_the_bus_under_another_source_is_not_answered(
    register: Any, names: Any
) -> None:
    record = register.world.record(register.world.ask())
    await register.consume(record)
    with pytest.raises(UniqueViolation):
        await register.consume(replace(record, source="/xx/119999000000002030/exchange-bus"))
    assert len(await register.said(f"envelope.{names.market}.v1")) == 1
    assert len(await register.receipts()) == 1


async def test_a_batch_is_answered_in_one_commit(register: Any, names: Any) -> None:
    asks = [register.world.ask(person) for person in ("ann", "bob", "eve", "ann", "ann")]
    await register.consume(*(register.world.record(ask) for ask in asks))
    answers = {answer.request_id: answer.outcome for answer in await register.received(names.market)}
    assert [answers[ask.request_id] for ask in asks] == ["answered", "refused", "refused", "answered", "answered"]
    slots = {row["headers"]["time"] for row in await register.said("receipts.receipt.v1")}
    assert len(slots) == 1


async def test_what_is_not_an_ask_of_exchange_bus_is_parked(register: Any, names: Any) -> None:
    world = register.world
    good = world.record(world.ask())
    records = [
        world.record(world.ask(), signer="cases"),
        world.record(world.ask(), office=names.health, topic=good.topic),
        world.record(world.ask(), data=b"no envelope"),
        world.record(world.ask(), key="0197a0b0-0000-7000-8000-0000000000e1"),
        world.record(world.ask(), id=good.id),
        world.record(world.ask(organisation=names.tax)),
    ]
    items = await register.handler.prepare(records)
    assert [item.reason for item in items if isinstance(item, Bad)] == [
        "ROLE_WRONG",
        "CANNOT_OPEN",
        "CANNOT_OPEN",
        "REPLAYED",
        "REPLAYED",
        "BODY_INVALID",
    ]


async def test_an_asker_without_a_key_waits_parked(register: Any, names: Any) -> None:
    register.world.drop_key(names.market, "inbox")
    [item] = await register.handler.prepare([register.world.record(register.world.ask())])
    assert item == Bad("NO_OFFICE_KEY")


async def test_an_alias_that_names_nobody_here_is_no_match(register: Any, names: Any) -> None:
    world = register.world
    swapped = world.ask("ann", office=names.land)
    foreign = PersonAliases(platform=swapped.aliases.platform, holder=world.alias(names.health, "ann"))
    need = ProofNeed(
        type="title",
        platform=aliases.digest(foreign.platform),
        holders={names.land: aliases.digest(foreign.holder)},
    )
    ask = world.ask(aliases=foreign, case_proof=world.case_proof(needs=[need]))
    assert (await outcome(register, ask)).code == "NOT_MATCHED"


async def test_an_organisation_is_answered_about_by_its_public_code(house: Any, title: Body, names: Any) -> None:
    issued = await house.post(names.land, "/certificates", title(holder={"organisation": names.tax}))
    assert issued.status_code == 201, issued.text
    digest = aliases.digest(names.tax)
    need = ProofNeed(type="title", platform=digest, holders={names.land: digest})
    ask = house.world.ask(aliases=None, organisation=names.tax, case_proof=house.world.case_proof(needs=[need]))
    answer = await outcome(house, ask)
    assert (answer.outcome, answer.code) == ("answered", None)
    assert formats.disclosed(answer.presentation.credential) == {"place", "use"}
    [(leaf, sealed)] = await house.receipts()
    assert (leaf.decision, sealed.organisation, sealed.person) == ("released", names.tax, None)
    other = house.world.ask(aliases=None, organisation=names.health, case_proof=house.world.case_proof(needs=[need]))
    assert (await outcome(house, other)).code == "CASE_PROOF_INVALID"
