# SPDX-License-Identifier: EUPL-1.2
"""Log lines: one JSON object each, on stdout, with names from the allow-list only. One event, one line.

Our own forty lines instead of a logging library: they run for every request, and the allow-list is the whole point.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, BinaryIO, Final

import orjson

from kit.clock import Clock, monotonic, system_clock
from kit.telemetry import metrics
from kit.telemetry.fields import FIELDS

_MAX_TEXT: Final = 500
_SAME_S: Final = 1.0
_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}

_wide: ContextVar[dict[str, Any] | None] = ContextVar("wide", default=None)


class _Sink:
    """Where lines go. Decided once by `start_logs` for the whole process; before that they go nowhere."""

    def __init__(self) -> None:
        self.out: BinaryIO | None = None
        self.level = _LEVELS["info"]
        self.base: Mapping[str, Any] = {}
        self.clock: Clock = system_clock
        self.say_error_text = False

    def write(self, level: str, event: str, fields: Mapping[str, Any]) -> None:
        """Write one line, if it is important enough. A full disk or closed pipe must not fail the work itself."""
        if self.out is None or _LEVELS[level] < self.level:
            return
        kept = {name: value[:_MAX_TEXT] if isinstance(value, str) else value for name, value in _allowed(fields)}
        if len(kept) < len(fields):
            metrics.dropped_fields.inc(len(fields) - len(kept))
        now = self.clock().isoformat(timespec="milliseconds")
        line = {"time": now, "level": level, "event": event, **self.base, **kept}
        try:
            self.out.write(orjson.dumps(line, default=str, option=orjson.OPT_APPEND_NEWLINE))
            self.out.flush()
        except (OSError, ValueError):
            metrics.lost_lines.inc()


def _allowed(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return (pair for pair in fields.items() if pair[0] in FIELDS)


_SINK: Final = _Sink()


class Log:
    """The logger: `log.info("certificate_issued", certificate_id=..., office=...)`."""

    def debug(self, event: str, /, **fields: Any) -> None:
        """Say something that only a search for a fault needs."""
        _SINK.write("debug", event, fields)

    def info(self, event: str, /, **fields: Any) -> None:
        """Say what happened."""
        _SINK.write("info", event, fields)

    def warning(self, event: str, /, **fields: Any) -> None:
        """Say what went wrong on somebody else's side, or was mended."""
        _SINK.write("warning", event, fields)

    def error(self, event: str, /, **fields: Any) -> None:
        """Say what went wrong on ours."""
        _SINK.write("error", event, fields)

    def critical(self, event: str, /, **fields: Any) -> None:
        """Say why the process ends."""
        _SINK.write("critical", event, fields)


_LOG: Final = Log()


def get_logger() -> Log:
    """Give the process's logger."""
    return _LOG


def note(**fields: Any) -> None:
    """Add *fields* to the one line that this request leaves behind. Does nothing outside a request."""
    line = _wide.get()
    if line is not None:
        line.update(fields)


@contextmanager
def wide_line() -> Iterator[dict[str, Any]]:
    """Collect what `note` says while one request is served."""
    line: dict[str, Any] = {}
    token = _wide.set(line)
    try:
        yield line
    finally:
        _wide.reset(token)


def fault(exc: BaseException) -> dict[str, Any]:
    """Describe a failure for a log line: its type and where it arose. Its text may hold private data, so not that."""
    frames = [f"{frame.filename.rsplit('/', 2)[-1]}:{frame.lineno}:{frame.name}" for frame in _frames(exc)[-8:]]
    fields: dict[str, Any] = {"error_type": type(exc).__name__, "error_frames": frames}
    if _SINK.say_error_text:
        fields["error_text"] = str(exc)[:_MAX_TEXT]
    return fields


def _frames(exc: BaseException) -> list[traceback.FrameSummary]:
    if isinstance(exc, BaseExceptionGroup) and exc.exceptions:
        return _frames(exc.exceptions[0])
    return list(traceback.extract_tb(exc.__traceback__))


def start_logs(
    *, base: Mapping[str, Any], level: str, sandbox: bool, clock: Clock = system_clock, out: BinaryIO | None = None
) -> None:
    """Send our lines, and the libraries' warnings, to *out* (stdout) as JSON. *base* is part of every line."""
    _SINK.out, _SINK.level, _SINK.base = out or sys.stdout.buffer, _LEVELS[level], base
    _SINK.clock, _SINK.say_error_text = clock, sandbox
    root = logging.getLogger()
    root.handlers = [_Foreign()]
    root.setLevel(logging.WARNING)


def stop_logs() -> None:
    """Write nothing any more."""
    _SINK.out = None


class _Foreign(logging.Handler):
    """What libraries log, as our lines. Of exceptions only type and place.

    The same line of a library comes once a second at most, with how many were left out since: a client that can't reach
    its server says so hundreds of times a second.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], tuple[float, int]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        name = (record.name, str(record.msg))
        said_at, unsaid = self._said.get(name, (-_SAME_S, 0))
        now = monotonic()
        if now - said_at < _SAME_S:
            self._said[name] = (said_at, unsaid + 1)
            return
        self._said[name] = (now, 0)
        fields = fault(record.exc_info[1]) if record.exc_info and record.exc_info[1] else {}
        level = "error" if record.levelno >= logging.ERROR else "warning"
        _SINK.write(
            level, "library", {"logger": record.name, "message": record.getMessage(), "repeated": unsaid, **fields}
        )
