# SPDX-License-Identifier: EUPL-1.2
"""What leaves the process as logs and spans, and what never does (promise P31, attack A56)."""

import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from kit.telemetry import current_traceparent, fault, get_logger, note, span, with_traceparent
from kit.telemetry.logs import start_logs, stop_logs, wide_line
from kit.telemetry.spans import start_spans, stop_spans

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def logs() -> Iterator[Any]:
    root, out = logging.getLogger(), io.BytesIO()
    handlers, level = root.handlers, root.level
    start_logs(base={"service": "cases", "system": "cases"}, level="info", sandbox=False, out=out)
    yield lambda: [orjson.loads(line) for line in out.getvalue().splitlines()]
    stop_logs()
    root.handlers = handlers
    root.setLevel(level)


@pytest.fixture
def spans(tmp_path: Path) -> Iterator[Any]:
    file = tmp_path / "spans.jsonl"
    start_spans(service="cases", file=file)

    def read() -> list[Any]:
        stop_spans()
        return [orjson.loads(line) for line in file.read_bytes().splitlines()]

    yield read
    start_spans(service="cases", file=None)


def test_a_line_is_json_with_registered_names_only(logs: Any) -> None:
    get_logger().info("case_submitted", case_id="c1", name="Canary Li", number="999900199003070000")
    (line,) = logs()
    assert (line["event"], line["case_id"], line["service"], line["level"]) == ("case_submitted", "c1", "cases", "info")
    assert not {"name", "number"} & set(line)


def test_one_event_is_one_line_whatever_it_holds(logs: Any) -> None:
    get_logger().info("x", reason='a\nb\r\n{"event":"forged"}\u2028' + "y" * 10_000)
    (line,) = logs()
    assert line["event"] == "x"
    assert len(line["reason"]) <= 500


def test_a_closed_output_does_not_fail_the_work() -> None:
    out = io.BytesIO()
    out.close()
    start_logs(base={}, level="info", sandbox=False, out=out)
    get_logger().info("x")
    stop_logs()
    get_logger().info("nobody listens")


def test_lines_below_the_level_are_not_written(logs: Any) -> None:
    get_logger().debug("x")
    assert logs() == []


def test_what_libraries_say_becomes_our_line_without_the_text_of_exceptions(logs: Any) -> None:
    try:
        raise ValueError("canary")
    except ValueError:
        logging.getLogger("aiokafka").exception("broke")
    logging.getLogger("aiokafka").info("chatter")
    (line,) = logs()
    assert (line["event"], line["logger"], line["error_type"]) == ("library", "aiokafka", "ValueError")
    assert "canary" not in str(line)


def test_a_library_that_says_the_same_a_hundred_times_leaves_one_line(logs: Any) -> None:
    for port in range(100):
        logging.getLogger("aiokafka").error("no connection to %s", port)
    logging.getLogger("aiokafka").error("something else")
    assert [line["message"] for line in logs()] == ["no connection to 0", "something else"]


def test_a_fault_tells_type_and_place_and_never_the_text() -> None:
    try:
        raise ValueError("canary")
    except ValueError as exc:
        fields = fault(ExceptionGroup("canary", [exc]))
    assert fields["error_type"] == "ExceptionGroup"
    assert "test_telemetry.py" in fields["error_frames"][-1]
    assert "canary" not in str(fields)


def test_notes_gather_on_the_requests_line_and_are_lost_outside() -> None:
    note(office="x")
    with wide_line() as line:
        note(office="y")
        note(case_id="c1")
    assert line == {"office": "y", "case_id": "c1"}


def test_spans_hang_together_and_carry_registered_attributes_only(spans: Any) -> None:
    with with_traceparent(TRACE), span("outer", case_id="c1", name="canary") as outer:
        outer.set_attribute("status", 200)
        inside = current_traceparent()
        with span("inner"):
            pass
    inner, outer_line = spans()
    assert inside is not None
    assert inside.split("-")[1] == "0af7651916cd43dd8448eb211c80319c"
    assert outer_line["parentSpanId"] == "b7ad6b7169203331"
    assert outer_line["attributes"] == {"case_id": "c1", "status": 200}
    assert inner["parentSpanId"] == outer_line["spanId"]
    assert inner["traceId"] == outer_line["traceId"]


def test_a_failing_span_tells_the_type_only(spans: Any) -> None:
    with pytest.raises(ValueError, match="canary"), span("x"):
        raise ValueError("canary")
    (line,) = spans()
    assert (line["status"], line["attributes"]) == ("ERROR", {"error_type": "ValueError"})
    assert "canary" not in str(line)


def test_without_a_file_a_trace_is_carried_on_and_a_malformed_one_begins_anew() -> None:
    assert current_traceparent() is None
    with with_traceparent(TRACE), span("x"):
        assert (current_traceparent() or "").split("-")[1] == "0af7651916cd43dd8448eb211c80319c"
    for odd in ("", "00-x", "ff-" + TRACE[3:], None):
        with with_traceparent(odd), span("x"):
            assert (current_traceparent() or "").split("-")[1] != "0af7651916cd43dd8448eb211c80319c"
