# SPDX-License-Identifier: EUPL-1.2
"""Consuming: a batch is one transaction, every event takes effect once, and a bad one holds back its own key only."""

from kit.consumer.handler import Bad, Gaps, Handler, Item, Record
from kit.consumer.runner import Consumer

__all__ = ["Bad", "Consumer", "Gaps", "Handler", "Item", "Record"]
