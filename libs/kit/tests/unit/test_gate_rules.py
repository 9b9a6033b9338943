# SPDX-License-Identifier: EUPL-1.2
"""The gate's decisions about one key, number by number, and the small rules around delivery."""

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from contracts.ids import uuid7
from kit import crash
from kit.consumer import Bad
from kit.consumer.gate import Entry, decide
from kit.consumer.parking import delay_after
from kit.db import fingerprint
from kit.events import Record
from kit.kafka.producer import CONFIG
from kit.migrations import migrations_of

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def entry(keyseq: int, *, bad: bool = False, event_id: UUID | None = None) -> Entry:
    record = Record("t", 0, 0, "k", event_id or uuid7(), "happened", "/zz/o/s", NOW, keyseq, {}, b"{}")
    return record, Bad("BAD") if bad else keyseq


def verdict(entries: list[Entry], last: int, *, compacted: bool = False) -> tuple[list[int], list[tuple[int, str]]]:
    accepted, parked = decide(entries, last, None, compacted=compacted)
    return [record.keyseq for record, _ in accepted], [(one.record.keyseq, one.reason) for one in parked]


def test_repeats_are_dropped_and_what_follows_is_accepted() -> None:
    two = entry(2)
    assert verdict([entry(1), two, two, entry(3)], 1) == ([2, 3], [])


def test_a_gap_parks_what_is_behind_it() -> None:
    assert verdict([entry(1), entry(3), entry(4)], 0) == ([1], [(3, "GAP"), (4, "BEHIND_PARKED")])


def test_a_bad_record_parks_itself_and_what_is_behind_it() -> None:
    assert verdict([entry(1), entry(2, bad=True), entry(3)], 0) == ([1], [(2, "BAD"), (3, "BEHIND_PARKED")])


def test_a_bad_record_that_is_a_repeat_is_nothing() -> None:
    assert verdict([entry(2, bad=True), entry(3)], 2) == ([3], [])


def test_on_a_compacted_topic_only_older_numbers_are_dropped() -> None:
    assert verdict([entry(4), entry(2), entry(9), entry(10, bad=True), entry(12)], 3, compacted=True) == (
        [4, 9, 12],
        [(10, "BAD")],
    )


def test_the_same_number_with_another_event_is_noticed() -> None:
    seen = uuid7()
    assert decide([entry(5, event_id=seen)], 5, seen, compacted=False) == ([], [])
    (parking,) = decide([entry(5)], 5, seen, compacted=False)[1]
    assert (parking.reason, parking.dead) == ("KEYSEQ_REUSED", True)


@pytest.mark.parametrize("seed", range(50))
def test_whatever_arrives_each_number_is_accepted_once_and_in_order(seed: int) -> None:
    plain = random.Random(seed)
    events = {n: entry(n) for n in range(1, 21)}
    last, last_event, effects = 0, None, list[int]()
    for _ in range(60):
        batch = [events[n] for n in plain.sample(range(1, 21), plain.randint(1, 10))]
        accepted, _ = decide(batch, last, last_event, compacted=False)
        effects += [record.keyseq for record, _ in accepted]
        if accepted:
            last, last_event = accepted[-1][0].keyseq, accepted[-1][0].id
    assert effects == list(range(1, len(effects) + 1))


def test_a_record_is_dead_after_five_tries_within_a_minute() -> None:
    delays = [delay_after(tries) for tries in range(1, 6)]
    assert delays[4] is None
    assert sum((delay for delay in delays if delay is not None), timedelta()) < timedelta(seconds=60)


def test_the_producer_is_idempotent_and_waits_for_all_replicas() -> None:
    assert (CONFIG["enable_idempotence"], CONFIG["acks"], CONFIG["linger_ms"]) == (True, "all", 0)


def test_a_crash_point_must_exist_and_does_nothing_unless_armed() -> None:
    with pytest.raises(ValueError, match="no such crash point"):
        crash.arm("nowhere")
    crash.arm(None)
    for point in crash.POINTS:
        crash.point(point)


def test_a_fingerprint_tells_where_one_part_ends() -> None:
    assert fingerprint(b"ab", b"c") != fingerprint(b"a", b"bc")
    assert fingerprint(b"ab", b"c") == fingerprint(b"ab", b"c")


def test_migrations_are_numbered_and_named_by_phase() -> None:
    found = migrations_of("kit")
    assert [migration.number for migration in found] == list(range(1, len(found) + 1))
    assert found[0].phase == "pre"
