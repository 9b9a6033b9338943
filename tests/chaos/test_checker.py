# SPDX-License-Identifier: EUPL-1.2
"""The checker is tested first: it passes a good run and names the invariant that each seeded defect breaks."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from checker import Invariant, check
from checker.rows import Database, Event, Idem, Parked, Run
from good import BUS, HEALTH, MARKET, good_run

T = TypeVar("T")
Spoil = Callable[[Run], Run]


def without(rows: Sequence[T], which: Callable[[T], bool]) -> list[T]:
    """Drop the first row that fits."""
    found = next(row for row in rows if which(row))
    return [row for row in rows if row is not found]


def changed(rows: Sequence[T], which: Callable[[T], bool], **values: Any) -> list[T]:
    """Change the first row that fits."""
    found = next(row for row in rows if which(row))
    return [replace(row, **values) if row is found else row for row in rows]  # type: ignore[type-var]


def first(rows: Sequence[T], which: Callable[[T], bool]) -> T:
    return next(row for row in rows if which(row))


def of_type(prefix: str) -> Callable[[Any], bool]:
    return lambda event: event.type.startswith(prefix)


def with_database(run: Run, system: str, change: Callable[[Database], Database]) -> Run:
    return replace(run, databases={**run.databases, system: change(run.databases[system])})


def with_history(run: Run, **values: Any) -> Run:
    return replace(run, history=replace(run.history, **values))


def _licence(run: Run) -> str:
    """Name the certificate that was suspended and reinstated."""
    return first(run.certificates, lambda row: row.event_seq == 3).id


# ---------------------------------------------------------------------------------------------------- drop
def lost_certificate(run: Run) -> Run:
    return replace(run, certificates=run.certificates[1:])


def lost_case(run: Run) -> Run:
    return replace(run, cases=[], closed=frozenset())


def lost_acknowledgement(run: Run) -> Run:
    return replace(run, deliveries=changed(run.deliveries, lambda row: row.acknowledged, acknowledged=False))


def skipped_by_relay(run: Run) -> Run:
    return replace(run, bus=without(run.bus, of_type("envelope.share")))


def lost_delivery(run: Run) -> Run:
    return replace(run, deliveries=without(run.deliveries, lambda row: row.kind == "task"))


def lost_at_office(run: Run) -> Run:
    return with_history(run, handled=run.history.handled[1:])


def lost_at_ledger(run: Run) -> Run:
    return replace(run, ledger=run.ledger[:-1])


def lost_answer(run: Run) -> Run:
    def silent(database: Database) -> Database:
        return replace(database, outbox=without(database.outbox, of_type("envelope.answer")))

    return with_database(run, "certificates-1", silent)


def unheard_fact(run: Run) -> Run:
    return replace(run, steps=[replace(run.steps[0], state="tasked", certificate_id=None)])


def unheard_answer(run: Run) -> Run:
    return replace(run, needs=[replace(run.needs[0], state="asked")])


def stale_directory(run: Run) -> Run:
    return replace(run, holdings=changed(run.holdings, lambda row: row.certificate_id == _licence(run), status="02"))


# -------------------------------------------------------------------------------------------------- double
def delivered_twice(run: Run) -> Run:
    twin = replace(run.deliveries[0], delivery_id="another")
    return replace(run, deliveries=[*run.deliveries, twin])


def handled_twice(run: Run) -> Run:
    return with_history(run, handled=[*run.history.handled, run.history.handled[0]])


def answered_twice(run: Run) -> Run:
    def answer_again(database: Database) -> Database:
        twin = replace(first(database.outbox, of_type("envelope.answer")), event_id="another", keyseq=2)
        return replace(database, outbox=[*database.outbox, twin])

    return with_database(run, "certificates-1", answer_again)


def two_licences(run: Run) -> Run:
    row = first(run.certificates, lambda one: one.type == "title")
    return replace(run, certificates=[*run.certificates, replace(row, id="another", licence_id="another")])


def two_licences_for_a_task(run: Run) -> Run:
    row = first(run.certificates, lambda one: one.task_id is not None)
    twin = replace(row, id="another", licence_id="another", natural_key="another")
    return replace(run, certificates=[*run.certificates, twin])


def two_answers(run: Run) -> Run:
    request = run.history.requests[0]
    other = replace(request, answers=[request.answers[0], {**request.answers[0], "certificateId": "another"}])
    return with_history(run, requests=[other, *run.history.requests[1:]])


def two_stored_answers(run: Run) -> Run:
    def again(database: Database) -> Database:
        return replace(database, idem=[*database.idem, database.idem[0]])

    return with_database(run, "cases", again)


def twice_in_ledger(run: Run) -> Run:
    return replace(run, ledger=[*run.ledger, run.ledger[0]])


# ---------------------------------------------------------------------------------------------------- swap
def swapped_on_bus(run: Run) -> Run:
    facts = [event for event in run.bus if event.type.startswith("certificates.certificate.") and event.keyseq > 1]
    places = [run.bus.index(event) for event in facts[:2]]
    bus = list(run.bus)
    bus[places[0]], bus[places[1]] = bus[places[1]], bus[places[0]]
    return replace(run, bus=bus)


def swapped_contents(run: Run) -> Run:
    return replace(run, bus=changed(run.bus, of_type("envelope.task"), digest="another"))


def swapped_at_office(run: Run) -> Run:
    shares = [one for one in run.history.handled if one.key.startswith("share-")]
    places = [run.history.handled.index(one) for one in shares[:2]]
    handled = list(run.history.handled)
    handled[places[0]], handled[places[1]] = handled[places[1]], handled[places[0]]
    return with_history(run, handled=handled)


def swapped_envelope(run: Run) -> Run:
    return replace(run, deliveries=changed(run.deliveries, lambda row: row.kind == "answer", digest="another"))


def another_leaf(run: Run) -> Run:
    other = replace(run.ledger[0], receipt=replace(run.ledger[0].receipt, leaf="another"))
    return replace(run, ledger=[other, *run.ledger[1:]])


def another_stored_answer(run: Run) -> Run:
    def other(database: Database) -> Database:
        return replace(database, idem=[Idem("system:x", database.idem[0].key, 201, {"certificateId": "another"})])

    return with_database(run, "certificates-2", other)


# ----------------------------------------------------------------------------------------- receipt's sides
def no_side(side: str) -> Spoil:
    def spoil(run: Run) -> Run:
        exchange = run.needs[0].exchange_id
        gone = first(run.receipts, lambda one: (one.side, one.exchange_id) == (side, exchange))
        return replace(
            run,
            receipts=[one for one in run.receipts if one is not gone],
            ledger=[one for one in run.ledger if one.receipt is not gone],
        )

    return spoil


def no_outcome(run: Run) -> Run:
    gone = first(run.receipts, lambda one: (one.side, one.decision) == ("gateway", "refused"))
    return replace(
        run,
        receipts=[one for one in run.receipts if one is not gone],
        ledger=[one for one in run.ledger if one.receipt is not gone],
    )


def outcome_without_pending(run: Run) -> Run:
    outcome = first(run.receipts, lambda one: (one.side, one.decision) == ("gateway", "refused"))
    gone = first(run.receipts, lambda one: one.exchange_id == outcome.exchange_id and one.decision == "pending")
    return replace(run, receipts=[one for one in run.receipts if one is not gone])


def other_question(run: Run) -> Run:
    return replace(run, receipts=changed(run.receipts, lambda one: one.side == "gate", request_hash="another"))


def other_envelope(run: Run) -> Run:
    which = changed(run.receipts, lambda one: one.envelope_digest is not None, envelope_digest="another")
    return replace(run, receipts=which)


def unseen_share(run: Run) -> Run:
    share = first(run.bus, of_type("envelope.share"))
    return replace(run, receipts=without(run.receipts, lambda one: one.exchange_id == share.attributes["exchangeid"]))


def unseen_holding(run: Run) -> Run:
    return replace(run, receipts=without(run.receipts, lambda one: one.purpose == "directory"))


def receipt_of_nothing(run: Run) -> Run:
    return replace(run, receipts=changed(run.receipts, lambda one: one.side == "asker", exchange_id="another"))


def broken_chain(run: Run) -> Run:
    links = [kept for kept in run.ledger if kept.chain_seq == 2]
    return replace(run, ledger=changed(run.ledger, lambda kept: kept is links[0], previous="another"))


def shortened_chain(run: Run) -> Run:
    return replace(run, ledger=without(run.ledger, lambda kept: kept.chain_seq == 1))


# ------------------------------------------------------------------------------------------- gap, phantom
def gap_in_outbox(run: Run) -> Run:
    def gap(database: Database) -> Database:
        return replace(database, outbox=changed(database.outbox, of_type("evidence.request.answered"), keyseq=3))

    return with_database(run, "exchange-bus", gap)


def gap_at_consumer(run: Run) -> Run:
    def behind(database: Database) -> Database:
        states = changed(database.key_states, lambda state: state.last_seq == 3, last_seq=2)
        return replace(database, key_states=states)

    return with_database(run, "cases", behind)


def gap_at_ledger(run: Run) -> Run:
    return with_database(run, "ledger", lambda database: replace(database, gaps=[(f"{BUS}/0", 2)]))


def unheard_key(run: Run) -> Run:
    return with_database(run, "exchange-bus", lambda database: replace(database, key_states=database.key_states[1:]))


def phantom_on_bus(run: Run) -> Run:
    ghost = Event(HEALTH, "ghost", "certificates.certificate.v1", "ghost", 1, "x", {}, "d")
    return replace(run, bus=[*run.bus, ghost])


def phantom_certificate(run: Run) -> Run:
    row = replace(run.certificates[0], id="ghost", natural_key="ghost", licence_id="ghost")
    return replace(run, certificates=[*run.certificates, row])


def phantom_case(run: Run) -> Run:
    return replace(run, cases=[*run.cases, replace(run.cases[0], case_id="ghost")])


def phantom_after_refusal(run: Run) -> Run:
    refused = replace(run.history.requests[0], outcome="failed", answers=())
    return with_history(run, requests=[refused, *run.history.requests[1:]])


def phantom_in_ledger(run: Run) -> Run:
    return replace(run, receipts=without(run.receipts, lambda one: one.purpose == "directory"))


def phantom_change(run: Run) -> Run:
    return replace(run, certificates=changed(run.certificates, lambda row: row.id == _licence(run), status="02"))


# ---------------------------------------------------------------------------------------------------- late
def still_waiting(run: Run) -> Run:
    def waits(database: Database) -> Database:
        return replace(database, waiting={"outbox_todo": 1})

    return with_database(run, "certificates-2", waits)


def still_parked(run: Run) -> Run:
    letter = Parked("cases.facts", "certificates.certificate.v1", "k", "e", "gap", "GAP")
    return with_database(run, "cases", lambda database: replace(database, parked=[letter]))


def still_open(run: Run) -> Run:
    return replace(run, cases=[replace(run.cases[0], state="open")])


DEFECTS: dict[Invariant, list[Spoil]] = {
    Invariant.ACCEPTED_IS_STORED: [lost_certificate, lost_case, lost_acknowledgement],
    Invariant.STORED_WAS_ASKED: [phantom_certificate, phantom_case, phantom_after_refusal],
    Invariant.STORED_IS_ON_BUS: [skipped_by_relay, swapped_contents],
    Invariant.BUS_IS_STORED: [phantom_on_bus],
    Invariant.EFFECT_ONCE: [
        lost_delivery,
        lost_at_office,
        lost_at_ledger,
        lost_answer,
        unheard_fact,
        unheard_answer,
        stale_directory,
        delivered_twice,
        handled_twice,
        answered_twice,
        twice_in_ledger,
        swapped_at_office,
        swapped_envelope,
        another_leaf,
        phantom_in_ledger,
    ],
    Invariant.KEYSEQ_WHOLE: [swapped_on_bus, gap_in_outbox, gap_at_consumer, gap_at_ledger, unheard_key],
    Invariant.RECEIPT_SIDES: [
        *(no_side(side) for side in ("asker", "gate", "holder", "delivery")),
        no_outcome,
        outcome_without_pending,
        other_question,
        other_envelope,
        unseen_share,
        unseen_holding,
        receipt_of_nothing,
    ],
    Invariant.RECEIPT_CHAINS: [broken_chain, shortened_chain],
    Invariant.ONE_ANSWER: [two_answers, two_stored_answers, another_stored_answer],
    Invariant.ONE_LICENCE: [two_licences, two_licences_for_a_task],
    Invariant.STATE_IS_HISTORY: [phantom_change],
    Invariant.NOTHING_WAITS: [still_waiting, still_parked, still_open],
}


def test_a_good_run_passes() -> None:
    assert [str(breach) for breach in check(good_run())] == []


@pytest.mark.parametrize(
    ("invariant", "spoil"), [(name, spoil) for name, spoils in DEFECTS.items() for spoil in spoils]
)
def test_a_seeded_defect_is_named(invariant: Invariant, spoil: Spoil) -> None:
    assert invariant in {breach.invariant for breach in check(spoil(good_run()))}


def test_every_invariant_can_fail() -> None:
    assert set(DEFECTS) == set(Invariant)


def test_a_repeat_on_the_bus_is_no_breach() -> None:
    run = good_run()
    share = first(run.bus, of_type("envelope.share"))
    assert check(replace(run, bus=[*run.bus, share])) == []


def test_what_a_client_never_heard_of_may_be_there_or_not() -> None:
    run = good_run()
    unsure = [
        replace(request, outcome="unknown", answers=()) if request.kind in ("issue", "open-case", "change") else request
        for request in run.history.requests
    ]
    assert check(with_history(run, requests=unsure)) == []
    gone = replace(unsure[0], facts={"type": "title", "naturalKey": "T-gone"})
    assert check(with_history(run, requests=[*unsure, gone])) == []


def test_poison_that_a_test_made_is_no_breach() -> None:
    run = with_history(phantom_on_bus(good_run()), injected=frozenset({"ghost"}))
    assert check(run) == []
    assert MARKET in {event.source for event in run.events}
