# SPDX-License-Identifier: EUPL-1.2
"""Signed records of catalogue and keys, as the gateway hands them to SDK and apps."""

from contracts.base import Model, Text


class SignedRecord(Model):
    """One record of a compacted topic. `value`: the JWS (`identity.*`) or the JSON text (`catalogue.entry.v1`)."""

    key: Text
    value: str
    offset: int


class Records(Model):
    """`GET /v1/records/{topic}?after=&limit=`: in order of offset; `next` is the offset to go on after."""

    records: list[SignedRecord]
    next: int
    complete: bool
    """True when the newest record that the gateway holds is among these or before."""
