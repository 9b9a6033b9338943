# SPDX-License-Identifier: EUPL-1.2
"""What a process tells about itself: log lines, spans and numbers, all by one allow-list of names.

`log = telemetry.get_logger()` · `note(office=...)` adds to the request's one line · `with span("certificates.issue")`.
Started once, in `kit.process`; before that nothing is recorded and nothing breaks.
"""

from kit.settings import ServiceSettings
from kit.telemetry import metrics
from kit.telemetry.fields import FIELDS
from kit.telemetry.logs import Log, fault, get_logger, note, start_logs
from kit.telemetry.spans import current_traceparent, span, start_spans, stop_spans, with_traceparent


def start(service: str, settings: ServiceSettings) -> None:
    """Start logs and spans for this process. service: the service's name, such as `certificates`."""
    base = {"service": service, "system": settings.system}
    start_logs(base=base, level=settings.log_level, sandbox=settings.sandbox)
    start_spans(service=settings.system, file=settings.span_file)


def stop() -> None:
    """Write what is still in memory."""
    stop_spans()


__all__ = [
    "FIELDS",
    "Log",
    "current_traceparent",
    "fault",
    "get_logger",
    "metrics",
    "note",
    "span",
    "start",
    "stop",
    "with_traceparent",
]
