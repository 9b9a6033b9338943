# SPDX-License-Identifier: EUPL-1.2
"""Names that logs, spans and metrics may carry. What isn't here is dropped and counted (reliability, section 6).

No name here ever holds a person's name, number, pseudonym, alias or handle, an amount, a token, a key or a body.
"""

from typing import Final

FIELDS: Final[frozenset[str]] = frozenset(
    {
        # the line itself
        *("event", "level", "time", "logger", "message", "repeated", "service", "system", "instance", "version", "pid"),
        # one request
        *("method", "route", "status", "code", "kind", "seconds", "request_id", "trace_id", "span_id", "body_bytes"),
        *("caller", "caller_system", "caller_kind", "role", "office", "deadline_ms", "attempt", "attempts", "upstream"),
        # what it is about: opaque ids and names of lists
        *("case_id", "step", "task_id", "exchange_id", "request", "certificate_id", "grant_id", "share_id", "type"),
        *("purpose", "legal_basis", "entry", "release", "mandate_id", "consent_id", "receipt_id", "side", "decision"),
        *("outcome", "service_name", "provider", "asker", "holder", "life_event", "mode", "room", "subscription"),
        *("preview_id",),
        # bus and database
        *("topic", "partition", "offset", "key", "keyseq", "expected", "event_id", "stream", "group", "lane", "slot"),
        *("rows", "records", "batch", "count", "tries", "state", "reason", "age_seconds", "lag", "size", "tree_size"),
        *("table", "constraint", "migration", "phase", "channel", "replica", "complete", "ready", "point"),
        # the process
        *("part", "signal", "check", "checks", "host", "port", "path_template", "file", "verb", "grace_seconds"),
        *("error_type", "error_code", "error_frames", "error_text", "sqlstate", "retry_in_seconds", "field", "fields"),
    }
)
