# SPDX-License-Identifier: EUPL-1.2
"""Kafka, behind a small door: the only place that knows the client library and its pitfalls.

bootstrap is `host:port`, several separated by commas. Everything that may fail for a moment raises KafkaAway.
"""

from kit.kafka.admin import cluster_ready, ensure_topics, existing_topics
from kit.kafka.client import KafkaAway, Raw, kafka_errors
from kit.kafka.group import GroupReader
from kit.kafka.groups import end_offsets, group_offsets, rewind
from kit.kafka.producer import BatchProducer, Outgoing, Sent
from kit.kafka.tail import tail

__all__ = [
    "BatchProducer",
    "GroupReader",
    "KafkaAway",
    "Outgoing",
    "Raw",
    "Sent",
    "cluster_ready",
    "end_offsets",
    "ensure_topics",
    "existing_topics",
    "group_offsets",
    "kafka_errors",
    "rewind",
    "tail",
]
