# SPDX-License-Identifier: EUPL-1.2
"""What operators do about dead letters: look, free them again, or give one up. Contents are never shown.

The workers themselves retry (`kit.consumer.retry`); a redrive only makes rows due and wakes them.
"""

from typing import Annotated, Any

from fastapi import Depends

from contracts.base import Id, Model, Text, Timestamp
from contracts.roles import Role
from kit.api import StrictRouter, from_state
from kit.auth import Caller, caller
from kit.consumer import Consumer
from kit.consumer.retry import CHANNEL
from kit.db import Database
from kit.errors import NotFound

LIST_LIMIT = 500


class ParkedRecord(Model):
    """One record in the dead-letter table. state: gap, behind, retry or dead. keyseq 0: bytes that are no event."""

    consumer: Text
    event_id: Id
    source: str
    topic: Text
    key: Text
    keyseq: int
    state: Text
    reason: Text
    tries: int
    parked_at: Timestamp
    next_try_at: Timestamp | None = None


class ParkedList(Model):
    """The oldest of what is parked, and how many there are."""

    parked: list[ParkedRecord]
    total: int


class Redrive(Model):
    """Which key to free. consumer: None means every consumer of this service."""

    topic: Text
    key: Text
    consumer: Text | None = None


class Redriven(Model):
    """How many records became due."""

    records: int


async def list_parked(db: Database) -> ParkedList:
    """Give what is parked, oldest first, at most 500."""
    async with db.read() as reader:
        rows = await reader.fetch(
            """SELECT consumer, event_id, source, topic, key, keyseq, state, reason, tries, parked_at, next_try_at
               FROM parked ORDER BY parked_at, topic, key, keyseq LIMIT $1""",
            LIST_LIMIT,
        )
        total = await reader.fetchval("SELECT count(*) FROM parked")
    return ParkedList(
        parked=[ParkedRecord(**{**dict(row), "event_id": str(row["event_id"])}) for row in rows], total=total
    )


async def redrive(db: Database, consumer: Consumer | str | None, topic: str, key: str) -> int:
    """Make a key's parked records due now, with all their tries again, in order. Gives how many; 0 if none is parked.

    consumer: a Consumer or its group; None for all of this database.
    """
    group = consumer.group if isinstance(consumer, Consumer) else consumer
    async with db.transaction() as tx:
        tx.notify(CHANNEL)
        return await tx.execute(
            """UPDATE parked SET state = 'retry', tries = 0, next_try_at = now()
               WHERE ($1::text IS NULL OR consumer = $1) AND topic = $2 AND key = $3 AND keyseq > 0""",
            group,
            topic,
            key,
        )


async def give_up(db: Database, consumer: Consumer | str, topic: str, key: str) -> int | None:
    """Drop a key's first parked record for good, so that those behind it go on. Gives its number, None without one.

    For an operator who settled the matter by hand: this event never takes effect here.
    """
    group = consumer.group if isinstance(consumer, Consumer) else consumer
    async with db.transaction() as tx:
        row: Any = await tx.fetchrow(
            """DELETE FROM parked WHERE consumer = $1 AND event_id = (
                 SELECT event_id FROM parked WHERE consumer = $1 AND topic = $2 AND key = $3
                 ORDER BY keyseq LIMIT 1 FOR UPDATE)
               RETURNING source, key_id, keyseq, event_id""",
            group,
            topic,
            key,
        )
        if row is None:
            return None
        await tx.execute(
            """UPDATE key_state k SET prev_seq = k.last_seq, last_seq = $5, last_event = $6 FROM stream s
               WHERE s.consumer = $1 AND s.source = $2 AND s.topic = $3 AND k.stream = s.id AND k.key = $4
                 AND k.last_seq = $5 - 1""",
            group,
            row["source"],
            topic,
            row["key_id"],
            row["keyseq"],
            row["event_id"],
        )
        tx.notify(CHANNEL)
    return int(row["keyseq"])


router = StrictRouter(prefix="/v1")
Operator = Annotated[Caller, Depends(caller("bootstrap", *Role))]
OfState = Annotated[Database, Depends(from_state("db"))]


@router.get("/parked")
async def get_parked(_operator: Operator, db: OfState) -> ParkedList:
    """List what this service's consumers have parked."""
    return await list_parked(db)


@router.post("/parked/redrives")
async def post_redrive(redriven: Redrive, _operator: Operator, db: OfState) -> Redriven:
    """Free a key. Repeating it does no harm. Raises NotFound (`NOT_FOUND`) when nothing is parked under it."""
    records = await redrive(db, redriven.consumer, redriven.topic, redriven.key)
    if records == 0:
        raise NotFound
    return Redriven(records=records)
