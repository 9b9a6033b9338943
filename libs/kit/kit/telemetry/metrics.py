# SPDX-License-Identifier: EUPL-1.2
"""Numbers for whoever watches. Labels come from fixed sets (route templates, topics), never from what callers send."""

from functools import cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

http_requests = Counter(
    "tongban_http_requests", "Requests answered", ("service", "route", "method", "status"), registry=REGISTRY
)
http_seconds = Histogram(
    "tongban_http_request_seconds",
    "Time from a request's head to the end of its answer",
    ("service", "route", "method"),
    registry=REGISTRY,
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
outbox_rows = Gauge("tongban_outbox_rows", "Events that are committed and not yet on the bus", registry=REGISTRY)
outbox_oldest_seconds = Gauge("tongban_outbox_oldest_seconds", "Age of the oldest of them", registry=REGISTRY)
consumer_lag_records = Gauge(
    "tongban_consumer_lag_records", "Records on the bus not yet taken", ("topic",), registry=REGISTRY
)
parked_rows = Gauge("tongban_parked_rows", "Records in the dead-letter table", registry=REGISTRY)
receipts = Counter("tongban_receipts", "Receipts committed", ("side", "decision"), registry=REGISTRY)
dropped_fields = Counter("tongban_dropped_fields", "Log and span fields outside the allow-list", registry=REGISTRY)
lost_lines = Counter("tongban_lost_log_lines", "Log lines that could not be written", registry=REGISTRY)
faults = Counter("tongban_faults", "Failures that are bugs or outages of ours", ("service",), registry=REGISTRY)


def exposition() -> bytes:
    """Give all numbers in the Prometheus text format."""
    return generate_latest(REGISTRY)


@cache
def of_request(service: str, route: str, method: str, status: str) -> tuple[Counter, Histogram]:
    """Give the counter and histogram of one sort of request; routes are templates, so there are few."""
    return http_requests.labels(service, route, method, status), http_seconds.labels(service, route, method)
