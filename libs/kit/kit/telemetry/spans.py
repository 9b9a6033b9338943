# SPDX-License-Identifier: EUPL-1.2
"""Spans: one for a request, one for whatever a use case finds worth naming. Trace context in W3C form.

Our provider is deliberately not the process's global one: frameworks that find a global provider begin to trace on
their own, twice and with attributes that nobody allowed.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final, Protocol

import orjson
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from kit.telemetry import metrics
from kit.telemetry.fields import FIELDS

_PROPAGATOR: Final = TraceContextTextMapPropagator()
_TRACEPARENT: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
ERROR: Final = StatusCode.ERROR


class SpanLike(Protocol):
    """What may be told of a span once it has begun."""

    def update_name(self, name: str) -> None:
        """Rename it."""

    def set_attribute(self, key: str, value: Any) -> None:
        """Add one attribute; its name must be on the allow-list."""

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Add several."""

    def set_status(self, status: StatusCode) -> None:
        """Say that it failed."""


class _Unkept:
    """A span that nobody keeps."""

    def update_name(self, name: str) -> None: ...
    def set_attribute(self, key: str, value: Any) -> None: ...
    def set_attributes(self, attributes: Mapping[str, Any]) -> None: ...
    def set_status(self, status: StatusCode) -> None: ...


class _Keeper:
    """Who keeps spans: decided once by `start_spans`. Nobody, before that or without a file."""

    def __init__(self) -> None:
        self.provider: TracerProvider | None = None
        self.tracer: trace.Tracer | None = None


_KEEPER: Final = _Keeper()
_UNKEPT: Final = _Unkept()
_carried: ContextVar[str | None] = ContextVar("carried", default=None)  # the trace at hand where nobody keeps spans


def start_spans(*, service: str, file: Path | None) -> None:
    """Keep spans in *file* as JSON lines; without a file only carry trace contexts on, which costs next to nothing."""
    stop_spans()
    if file is not None:
        provider = TracerProvider(resource=Resource({"service.name": service}), shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(_ToFile(file, service), schedule_delay_millis=300))
        _KEEPER.provider, _KEEPER.tracer = provider, provider.get_tracer("tongban")


def stop_spans() -> None:
    """Write what is still in memory."""
    if _KEEPER.provider is not None:
        _KEEPER.provider.shutdown()
    _KEEPER.provider = _KEEPER.tracer = None


@contextmanager
def span(
    name: str, /, *, kind: SpanKind = SpanKind.INTERNAL, links: Iterable[str | None] = (), **attributes: Any
) -> Iterator[SpanLike]:
    """Time the work inside under *name* (a route template or use case). Attributes by the allow-list only.

    links: traceparents of other traces that this work belongs to as well, such as those of a batch's records.
    """
    if _KEEPER.tracer is None:
        with nullcontext() if _carried.get() else with_traceparent(None):
            yield _UNKEPT
        return
    with _KEEPER.tracer.start_as_current_span(
        name,
        kind=kind,
        links=[link for link in map(_link, links) if link is not None],
        attributes=allowed(attributes),
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield current
        except BaseException as exc:
            current.set_status(ERROR)
            current.set_attribute("error_type", type(exc).__name__)  # never the text: it may hold private data
            raise


def _link(traceparent: str | None) -> trace.Link | None:
    if traceparent is None or not _TRACEPARENT.fullmatch(traceparent):
        return None
    found = trace.get_current_span(_PROPAGATOR.extract({"traceparent": traceparent}, context=otel_context.Context()))
    return trace.Link(found.get_span_context())


def allowed(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Give the attributes whose names are on the allow-list; the rest is dropped and counted."""
    kept = {name: value for name, value in attributes.items() if name in FIELDS and value is not None}
    if len(kept) < len(attributes):
        metrics.dropped_fields.inc(len(attributes) - len(kept))
    return kept


def current_traceparent() -> str | None:
    """Give the W3C traceparent of the work at hand, None outside any trace."""
    if _KEEPER.tracer is None:
        return _carried.get()
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get("traceparent")


@contextmanager
def with_traceparent(traceparent: str | None) -> Iterator[None]:
    """Let the work inside belong to the trace of *traceparent*; a malformed or missing one starts a new trace."""
    good = traceparent is not None and _TRACEPARENT.fullmatch(traceparent) is not None
    if _KEEPER.tracer is None:
        token = _carried.set(traceparent if good else f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-00")
        try:
            yield
        finally:
            _carried.reset(token)
        return
    carrier = {"traceparent": traceparent} if good and traceparent else {}
    attached = otel_context.attach(_PROPAGATOR.extract(carrier, context=otel_context.Context()))
    try:
        yield
    finally:
        otel_context.detach(attached)


class _ToFile(SpanExporter):
    """Appends spans to a file, one JSON object a line."""

    def __init__(self, file: Path, service: str) -> None:
        self._file = file
        self._service = service
        self._lock = threading.Lock()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        lines = b"".join(orjson.dumps(self._line(one), default=str) + b"\n" for one in spans)
        with self._lock, self._file.open("ab") as out:
            out.write(lines)
        return SpanExportResult.SUCCESS

    def _line(self, one: ReadableSpan) -> dict[str, Any]:
        context, parent = one.get_span_context(), one.parent
        return {
            "service": self._service,
            "name": one.name,
            "kind": one.kind.name.lower(),
            "traceId": trace.format_trace_id(context.trace_id) if context else None,
            "spanId": trace.format_span_id(context.span_id) if context else None,
            "parentSpanId": trace.format_span_id(parent.span_id) if parent else None,
            "startTime": one.start_time,
            "endTime": one.end_time,
            "status": one.status.status_code.name,
            "links": [trace.format_trace_id(link.context.trace_id) for link in one.links],
            "attributes": dict(one.attributes or {}),
        }


__all__ = ["ERROR", "SpanKind", "current_traceparent", "span", "start_spans", "stop_spans", "with_traceparent"]
