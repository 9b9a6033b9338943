# SPDX-License-Identifier: EUPL-1.2
"""Ids of things: UUIDv7, so that later ids sort after earlier ones."""

from contracts.ids import uuid7

__all__ = ["uuid7"]
