# SPDX-License-Identifier: EUPL-1.2
"""The declared topics, made through ``kit.kafka`` (nobody else may talk to Kafka) before any service starts.

Those of offices are made by exchange-bus when it publishes a release that holds the office.
"""

import asyncio

from contracts.topics import TOPICS
from kit.kafka import ensure_topics


def make(bootstrap: str) -> None:
    """Make every fixed topic that isn't there, each with a leader. Repeatable."""
    asyncio.run(ensure_topics(bootstrap, TOPICS))
