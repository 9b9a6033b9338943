# SPDX-License-Identifier: EUPL-1.2
"""Events and records without a bus: what may be said, and what a reader refuses."""

from uuid import UUID, uuid4

import pytest

from kit.events import Event, Unreadable, key_uuid, read_record

GOOD = {
    "ce_specversion": b"1.0",
    "ce_id": b"01900000-0000-7000-8000-000000000001",
    "ce_source": b"/zz/119999000000002030/test",
    "ce_type": b"happened",
    "ce_time": b"2026-11-24T08:00:00.000Z",
    "ce_keyseq": b"3",
    "ce_caseid": b"c1",
    "ce_colour": b"red",
    "traceparent": b"x",
    "ce_traceparent": b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}


def test_a_record_is_read_with_the_attributes_that_are_declared() -> None:
    record = read_record("t", 1, 7, b"k", b"{}", list(GOOD.items()))
    assert (record.topic, record.partition, record.offset, record.key, record.keyseq) == ("t", 1, 7, "k", 3)
    assert record.attributes == {"caseid": "c1"}
    assert record.time.isoformat() == "2026-11-24T08:00:00+00:00"
    assert record.traceparent is not None


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"ce_specversion": b"0.3"}, "NO_CLOUD_EVENT"),
        ({"ce_specversion": None}, "NO_CLOUD_EVENT"),
        ({"ce_id": b"1"}, "HEADER_INVALID"),
        ({"ce_time": b"yesterday"}, "HEADER_INVALID"),
        ({"ce_keyseq": b"0"}, "HEADER_INVALID"),
        ({"ce_keyseq": b"-1"}, "HEADER_INVALID"),
        ({"ce_keyseq": b"9223372036854775808"}, "HEADER_INVALID"),
        ({"ce_keyseq": b"1e3"}, "HEADER_INVALID"),
        ({"ce_type": b"\xff"}, "HEADER_NOT_ASCII"),
    ],
)
def test_a_malformed_record_is_refused_with_a_reason(change: dict[str, bytes], reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read_record("t", 0, 0, b"k", b"{}", list({**GOOD, **change}.items()))


@pytest.mark.parametrize("missing", ["ce_id", "ce_source", "ce_type", "ce_time", "ce_keyseq"])
def test_a_record_without_a_needed_header_is_refused(missing: str) -> None:
    with pytest.raises(Unreadable, match="HEADER_INVALID"):
        read_record("t", 0, 0, b"k", b"{}", [(name, value) for name, value in GOOD.items() if name != missing])


def test_a_record_without_key_is_refused() -> None:
    with pytest.raises(Unreadable, match="NO_KEY"):
        read_record("t", 0, 0, None, b"{}", list(GOOD.items()))


def test_an_event_carries_declared_attributes_only() -> None:
    with pytest.raises(ValueError, match="undeclared event attributes: name"):
        Event("t", "k", "happened", b"{}", 1, attributes={"name": "Li"})


@pytest.mark.parametrize("keyseq, data", [(0, b""), (1, b"x" * 1_000_001)])
def test_an_event_that_could_not_be_delivered_is_refused_at_once(keyseq: int, data: bytes) -> None:
    with pytest.raises(ValueError, match=r"keyseq|bytes"):
        Event("t", "k", "happened", data, keyseq)


def test_keys_that_are_no_uuid_get_one_that_stays_the_same() -> None:
    key = uuid4()
    assert key_uuid(str(key)) == key
    assert key_uuid("slot/1") == key_uuid("slot/1") != key_uuid("slot/2")
    assert isinstance(key_uuid("slot/1"), UUID)
