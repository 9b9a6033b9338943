# SPDX-License-Identifier: EUPL-1.2
"""Every event took effect once at each of its subscribers: exchange-bus, cases, certificates, ledger, the offices."""

from collections.abc import Iterable, Iterator
from typing import Final

from checker.breach import Breach, Invariant, grouped, repeated
from checker.rows import Event, Run

NAME: Final = Invariant.EFFECT_ONCE
ENDS: Final = {"answered": "answered", "refused": "refused", "expired": "refused", "withdrawn": "refused"}
"""State of an evidence request -> state of the need that it was asked for."""
TOO_LATE: Final = frozenset({"expired", "withdrawn"})


def effect_once(run: Run) -> Iterator[Breach]:
    """Each subscriber's store has each event once, and nothing else."""
    yield from _deliveries(run)
    yield from _directory(run)
    yield from _answers(run)
    yield from _steps(run)
    yield from _needs(run)
    yield from _ledger(run)
    yield from _offices(run)


def _deliveries(run: Run) -> Iterator[Breach]:
    """exchange-bus: one delivery for each envelope; an answer that came too late makes none."""
    dropped = {asked.request_id for asked in run.asked if asked.state in TOO_LATE}
    sent = {event.event_id: event for event in _of(run.events, "envelope.")}
    for event_id in repeated(row.event_id for row in run.deliveries):
        yield Breach(NAME, event_id, "delivered twice")
    delivered = {row.event_id: row for row in run.deliveries}
    for event_id, event in sent.items():
        row = delivered.get(event_id)
        if row is None:
            if event.key not in dropped:
                yield Breach(NAME, event_id, f"an envelope on {event.topic} was never delivered")
        elif row.digest != event.digest:
            yield Breach(NAME, event_id, "what was delivered isn't what was sent")
    for event_id in delivered.keys() - sent.keys() - run.history.injected:
        yield Breach(NAME, event_id, "a delivery of an envelope that nobody sent")


def _directory(run: Run) -> Iterator[Breach]:
    """exchange-bus: the directory holds the newest holding of each certificate."""
    newest = {
        key: max(events, key=lambda event: event.keyseq).facts
        for key, events in grouped(_of(run.events, "certificates.holding."), lambda event: event.key).items()
    }
    rows = {row.certificate_id: row for row in run.holdings}
    for certificate_id, facts in newest.items():
        row = rows.get(certificate_id)
        if row is None:
            yield Breach(NAME, certificate_id, "the directory doesn't know this certificate")
        elif (row.version, row.status) != (facts["version"], facts["status"]):
            yield Breach(NAME, certificate_id, f"the directory says {row.status}, the fact {facts['status']}")
    for certificate_id in rows.keys() - newest.keys():
        yield Breach(NAME, certificate_id, "the directory knows a certificate that nobody holds")
    told = {event.key for event in _of(run.events, "certificates.certificate.")}
    for certificate in run.certificates:
        if certificate.id not in told:
            yield Breach(NAME, certificate.id, "a certificate without its fact")
        if certificate.id not in newest:
            yield Breach(NAME, certificate.id, "a certificate without its holding")


def _answers(run: Run) -> Iterator[Breach]:
    """certificates: one answer for each ask; exchange-bus: the request's state says the same."""
    answers = grouped((e for e in run.events if e.type == "envelope.answer.v1"), lambda event: event.key)
    asks = {event.key for event in run.events if event.type == "evidence.ask.v1"}
    states = {asked.request_id: asked.state for asked in run.asked}
    for request_id in asks:
        sent = answers.get(request_id, [])
        if len(sent) != 1 and states.get(request_id) not in TOO_LATE:
            yield Breach(NAME, request_id, f"{len(sent)} answers to one ask")
        outcome = sent[0].attributes.get("outcome") if sent else None
        if sent and states.get(request_id) not in {outcome, *TOO_LATE}:
            yield Breach(NAME, request_id, f"answered {outcome}, but the request is {states.get(request_id)}")
    for request_id in answers.keys() - asks:
        yield Breach(NAME, request_id, "an answer that nobody asked for")
    for request_id in states.keys() - asks:
        yield Breach(NAME, request_id, "a request without its ask")


def _steps(run: Run) -> Iterator[Breach]:
    """cases: the fact of a task's certificate ends its step; exchange-bus hears of each closed case."""
    steps = {step.task_id: step for step in run.steps if step.task_id is not None}
    issued = [e for e in run.events if e.type == "certificates.certificate.issued.v1" and "taskid" in e.attributes]
    for event in issued:
        step = steps.get(event.attributes["taskid"])
        if step is None or (step.state, step.certificate_id) != ("done", event.key):
            yield Breach(NAME, event.event_id, "the fact didn't end its step")
    for step in steps.values():
        if step.certificate_id is not None and step.certificate_id not in {event.key for event in issued}:
            yield Breach(NAME, step.step_id, "a step that no fact has ended")
    closed = {event.key for event in run.events if event.type == "cases.case.closed.v1"}
    for case_id in closed ^ run.closed:
        yield Breach(NAME, case_id, "exchange-bus and cases don't agree on whether the case is closed")


def _needs(run: Run) -> Iterator[Breach]:
    """cases: each need stands as its request ended."""
    needs = {need.exchange_id: need for need in run.needs}
    for asked in run.asked:
        need = needs.get(asked.exchange_id)
        if need is not None and asked.state in ENDS and need.state != ENDS[asked.state]:
            yield Breach(NAME, asked.request_id, f"the request is {asked.state}, its need {need.state}")


def _ledger(run: Run) -> Iterator[Breach]:
    """ledger: each committed receipt once, as it was signed."""
    committed = {receipt.receipt_id: receipt for receipt in run.receipts}
    for receipt_id in repeated(kept.receipt.receipt_id for kept in run.ledger):
        yield Breach(NAME, receipt_id, "twice in the ledger")
    kept = {one.receipt.receipt_id: one.receipt for one in run.ledger}
    for receipt_id, receipt in committed.items():
        if receipt_id not in kept:
            yield Breach(NAME, receipt_id, f"a {receipt.side} receipt of {receipt.writer} isn't in the ledger")
        elif kept[receipt_id].leaf != receipt.leaf:
            yield Breach(NAME, receipt_id, "the ledger holds another leaf than was signed")
    for receipt_id in kept.keys() - committed.keys():
        yield Breach(NAME, receipt_id, "in the ledger, committed nowhere")


def _offices(run: Run) -> Iterator[Breach]:
    """The offices that read their inbox: each delivery once, in order per key."""
    for office, event_id in repeated((one.office, one.event_id) for one in run.history.handled):
        yield Breach(NAME, event_id, f"handled twice at {office}")
    delivered = {row.event_id: row for row in run.deliveries}
    handled = {one.event_id for one in run.history.handled}
    for one in run.history.handled:
        row = delivered.get(one.event_id)
        if row is None or row.digest != one.digest:
            yield Breach(NAME, one.event_id, "handled by an office, never delivered so")
    reading = {one.office for one in run.history.handled}
    for row in run.deliveries:
        if row.office in reading and row.event_id not in handled:
            yield Breach(NAME, row.event_id, f"never came to {row.office}")
    for (office, key), rows in grouped(run.history.handled, lambda one: (one.office, one.key)).items():
        numbers = [one.keyseq for one in rows]
        if numbers != sorted(numbers):
            yield Breach(NAME, f"{office} {key}", f"handled out of order: {numbers}")


def _of(events: Iterable[Event], prefix: str) -> Iterator[Event]:
    return (event for event in events if event.type.startswith(prefix))
