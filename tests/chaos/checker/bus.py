# SPDX-License-Identifier: EUPL-1.2
"""Outboxes against the bus, and the numbers of every key: in the database, on the bus, at each consumer."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from checker.breach import Breach, Invariant, grouped, repeated
from checker.rows import Event, Run
from kit.events import key_uuid

COMPACTED: Final = frozenset(
    {"catalogue.entry.v1", "identity.office.v1", "identity.system.v1", "certificates.holding.v1"}
)
"""Topics where numbers rise and may skip."""


def stored_is_on_bus(run: Run) -> Iterator[Breach]:
    """Every committed event is on the bus, exactly as it was committed."""
    sent = {record.event_id: record for record in run.bus}
    for event in run.events:
        record = sent.get(event.event_id)
        if record is None:
            yield Breach(Invariant.STORED_IS_ON_BUS, event.event_id, f"committed, never sent to {event.topic}")
        elif record.what != event.what:
            yield Breach(
                Invariant.STORED_IS_ON_BUS, event.event_id, f"{event.topic} holds something else than committed"
            )


def bus_is_stored(run: Run) -> Iterator[Breach]:
    """Nothing is on the bus that no database has committed, but for what the test put there itself."""
    committed = {event.event_id for event in run.events}
    for record in run.bus:
        if record.event_id not in committed and record.event_id not in run.history.injected:
            yield Breach(Invariant.BUS_IS_STORED, record.event_id, f"on {record.topic}, committed nowhere")


def keyseq_whole(run: Run) -> Iterator[Breach]:
    """Numbers are 1..n per (source, topic, key): where they were written, on the bus, and at every consumer."""
    written = grouped(run.events, _counted)
    yield from _gapless(written, "outbox")
    first = grouped(_first_seen(run.bus, run.history.injected), _counted)
    yield from _gapless(first, "bus")
    yield from _consumers(run, {key: max(event.keyseq for event in events) for key, events in written.items()})


def _counted(event: Event) -> tuple[str, str, str]:
    return (event.source, event.topic, event.key)


def _first_seen(bus: Sequence[Event], injected: frozenset[str]) -> Iterator[Event]:
    """What is left of the bus without repeats, in its order."""
    seen = set(injected)
    for record in bus:
        if record.event_id not in seen:
            seen.add(record.event_id)
            yield record


def _gapless(keys: Mapping[tuple[str, str, str], Sequence[Event]], where: str) -> Iterator[Breach]:
    for (source, topic, key), events in keys.items():
        numbers = [event.keyseq for event in events]
        if where == "outbox":
            numbers.sort()
        subject = f"{where} {source} {topic} {key}"
        if repeated(numbers):
            yield Breach(Invariant.KEYSEQ_WHOLE, subject, f"a number twice in {_short(numbers)}")
        elif numbers != sorted(numbers):
            yield Breach(Invariant.KEYSEQ_WHOLE, subject, f"out of order: {_short(numbers)}")
        elif topic not in COMPACTED and numbers != list(range(1, len(numbers) + 1)):
            yield Breach(Invariant.KEYSEQ_WHOLE, subject, f"not 1..n: {_short(numbers)}")


def _consumers(run: Run, last: Mapping[tuple[str, str, str], int]) -> Iterator[Breach]:
    """Every consumer of a topic stands at the last number of every key of it, or has that key parked."""
    wanted = grouped(last.items(), lambda item: item[0][1])
    for database in run.databases.values():
        states = grouped(database.key_states, lambda state: (state.consumer, state.topic))
        for (consumer, topic), rows in states.items():
            at = {(row.source, row.key): row.last_seq for row in rows}
            for (source, _, key), number in wanted.get(topic, []):
                reached = at.get((source, str(key_uuid(key))), 0)
                if reached != number:
                    subject = f"{consumer} {source} {topic} {key}"
                    yield Breach(Invariant.KEYSEQ_WHOLE, subject, f"took effect up to {reached} of {number}")
        for slot, number in database.gaps:
            yield Breach(Invariant.KEYSEQ_WHOLE, f"{database.system} {slot}", f"number {number} is missing")


def _short(numbers: Sequence[int]) -> str:
    text = ", ".join(str(number) for number in numbers[:20])
    return text if len(numbers) <= 20 else f"{text}, ..."
