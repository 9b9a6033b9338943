# SPDX-License-Identifier: EUPL-1.2
"""Reads what a run left behind: every database, every topic. Nothing is judged here."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

import asyncpg

from checker import rows
from checker.rows import Event, Run
from contracts.topics import TOPICS, office_topics
from drive import history
from kit.events import Unreadable, read_record
from kit.jose import b64u, digest
from kit.kafka import Raw, existing_topics, tail
from local_stack.harness import Stack
from local_stack.table import DEPLOYMENTS, OFFICE_SYSTEMS

OPEN_BODIES: Final = (
    "certificates.certificate.v1",
    "certificates.holding.v1",
    "evidence.request.v1",
    "cases.case.v1",
    "receipts.receipt.v1",
)
"""Topics whose bodies the checker reads; everything else is sealed, or known by its digest alone."""
WAITING: Final[Mapping[str, Mapping[str, str]]] = {
    "": {"outbox_todo": "SELECT count(*) FROM outbox_todo", "outbox_default": "SELECT count(*) FROM outbox_default"},
    "certificates": {"share_todo": "SELECT count(*) FROM share_todo"},
    "cases": {
        "need": "SELECT count(*) FROM need WHERE state NOT IN ('answered', 'refused')",
        "step": "SELECT count(*) FROM step WHERE state IN ('waiting', 'gathering', 'ready', 'tasked')",
    },
    "exchange_bus": {
        "evidence_request": """SELECT count(*) FROM evidence_request
                               WHERE state IN ('waiting', 'previewing', 'deferred')""",
        "delivery": """SELECT count(*) FROM delivery WHERE acknowledged_at IS NULL
                       AND office IN ('1199990000000006XB', '119999000000000941')""",
    },
    # A gateway that died leaves exchanges without an outcome: they stay open, and clients ask anew.
    "ledger": {"exchange_open": "SELECT count(*) FROM exchange_open WHERE missing <> '{gateway}'"},
}
"""What must be empty when all is quiet, by package; offices that read their inbox are the two of drive.people."""


async def collect(stack: Stack, history_file: Path) -> Run:
    """Read everything. The load must have ended, or databases and bus are of different moments."""
    systems = list(DEPLOYMENTS)
    found = dict(zip(systems, await asyncio.gather(*(_database(stack, system) for system in systems)), strict=True))
    bus = await _bus(stack.kafka_bootstrap)
    told = history.read(history_file)
    certificates = [row for system in systems if system.startswith("certificates") for row in found[system].more]
    cases, exchange_bus, ledger = (found[system].more for system in ("cases", "exchange-bus", "ledger"))
    return Run(
        history=told,
        databases={system: one.database for system, one in found.items()},
        bus=bus,
        certificates=certificates,
        **cases,
        **exchange_bus,
        ledger=ledger,
        receipts=[receipt for one in found.values() for receipt in one.receipts],
        aliases={system: one.aliases for system, one in found.items()},
    )


class _Found:
    """What one database holds. more: the service's own rows."""

    def __init__(self, database: rows.Database, receipts: list[rows.Receipt], more: Any, aliases: int) -> None:
        self.database, self.receipts, self.more, self.aliases = database, receipts, more, aliases


async def _database(stack: Stack, system: str) -> _Found:
    deployment = DEPLOYMENTS[system]
    source = f"/zz/{deployment.operator}/{system}"
    connection = await asyncpg.connect(stack.dsn(system))
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            outbox, receipts = await _outbox(connection, source)
            database = rows.Database(
                system,
                source,
                outbox,
                await _key_states(connection),
                await _idem(connection),
                await _parked(connection),
                [(row["key"], row["keyseq"]) for row in await connection.fetch("SELECT key, keyseq FROM keyseq_gap")],
                await waiting(connection, deployment.package),
            )
            more, aliases = await _own(connection, system, deployment.package)
            return _Found(database, receipts, more, aliases)
    finally:
        await connection.close()


async def waiting(connection: Any, package: str) -> dict[str, int]:
    """Count the rows that wait for somebody, by table."""
    queries = {**WAITING[""], **WAITING.get(package, {})}
    return {table: await connection.fetchval(query) for table, query in queries.items()}


async def _outbox(connection: Any, source: str) -> tuple[list[Event], list[rows.Receipt]]:
    found = await connection.fetch(
        """SELECT event_id, topic, key, keyseq, type, headers, sha256(payload) AS digest,
                  CASE WHEN topic = ANY($1::text[]) THEN payload END AS body
           FROM outbox ORDER BY id""",
        list(OPEN_BODIES),
    )
    events: list[Event] = []
    receipts: list[rows.Receipt] = []
    for row in found:
        body = json.loads(row["body"]) if row["body"] else {}
        if row["topic"] == "receipts.receipt.v1":
            receipts += [leaf_of(one["leaf"]) for one in body["receipts"]]
            body = {}
        headers = {k: v for k, v in json.loads(row["headers"]).items() if k not in ("time", "traceparent")}
        events.append(
            Event(
                source,
                str(row["event_id"]),
                row["topic"],
                row["key"],
                row["keyseq"],
                row["type"],
                headers,
                b64u(row["digest"] or b""),
                body,
            )
        )
    return events, receipts


def leaf_of(leaf: Mapping[str, Any]) -> rows.Receipt:
    """Read a leaf as it was signed."""
    return rows.Receipt(
        receipt_id=leaf["receiptId"],
        exchange_id=leaf["exchangeId"],
        side=leaf["side"],
        decision=leaf["decision"],
        writer=leaf["writer"],
        purpose=leaf["purpose"],
        leaf=json.dumps(leaf, sort_keys=True),
        request_hash=leaf.get("requestHash"),
        envelope_digest=leaf.get("envelopeDigest"),
        code=leaf.get("code"),
    )


async def _key_states(connection: Any) -> list[rows.KeyState]:
    found = await connection.fetch(
        "SELECT s.consumer, s.source, s.topic, k.key, k.last_seq FROM key_state k JOIN stream s ON s.id = k.stream"
    )
    return [rows.KeyState(r["consumer"], r["source"], r["topic"], str(r["key"]), r["last_seq"]) for r in found]


async def _idem(connection: Any) -> list[rows.Idem]:
    found = await connection.fetch("SELECT client_id, key, status, response FROM idem")
    return [rows.Idem(r["client_id"], r["key"], r["status"], json.loads(r["response"] or b"{}")) for r in found]


async def _parked(connection: Any) -> list[rows.Parked]:
    found = await connection.fetch("SELECT consumer, topic, key, event_id, state, reason FROM parked")
    return [
        rows.Parked(r["consumer"], r["topic"], r["key"], str(r["event_id"]), r["state"], r["reason"]) for r in found
    ]


async def _own(connection: Any, system: str, package: str) -> tuple[Any, int]:
    """Read the service's own tables; gives them and how many aliases it keeps."""
    if package == "certificates":
        return await _certificates(connection, system), await connection.fetchval("SELECT count(*) FROM alias")
    if package == "cases":
        return await _cases(connection), await connection.fetchval("SELECT count(*) FROM alias")
    if package == "exchange_bus":
        return await _exchange_bus(connection), 0
    return (await _ledger(connection) if package == "ledger" else []), 0


async def _certificates(connection: Any, system: str) -> list[rows.Certificate]:
    found = await connection.fetch(
        """SELECT office, id, type, holder, natural_key, version, event_seq, status, licence_id, task_id
           FROM certificate ORDER BY id"""
    )
    return [
        rows.Certificate(
            system,
            r["office"],
            str(r["id"]),
            r["type"],
            r["holder"],
            r["natural_key"],
            r["version"],
            r["event_seq"],
            r["status"],
            r["licence_id"],
            text(r["task_id"]),
        )
        for r in found
    ]


async def _cases(connection: Any) -> dict[str, Any]:
    cases = await connection.fetch("SELECT case_id, state FROM case_file")
    steps = await connection.fetch(
        "SELECT case_id, step_id, state, task_id, task_exchange_id, certificate_id FROM step"
    )
    needs = await connection.fetch(
        "SELECT ask_id, step_id, exchange_id, state, request_id, code, body IS NOT NULL AS asked FROM need"
    )
    return {
        "cases": [rows.Case(str(r["case_id"]), r["state"]) for r in cases],
        "steps": [
            rows.Step(
                str(r["case_id"]),
                str(r["step_id"]),
                r["state"],
                text(r["task_id"]),
                text(r["task_exchange_id"]),
                text(r["certificate_id"]),
            )
            for r in steps
        ],
        "needs": [
            rows.Need(
                str(r["ask_id"]),
                str(r["step_id"]),
                str(r["exchange_id"]),
                r["state"],
                text(r["request_id"]),
                r["code"],
                r["asked"],
            )
            for r in needs
        ],
    }


async def _exchange_bus(connection: Any) -> dict[str, Any]:
    asked = await connection.fetch("SELECT request_id, exchange_id, state, code FROM evidence_request")
    closed = await connection.fetch("SELECT case_id FROM closed_case")
    holdings = await connection.fetch("SELECT certificate_id, version, status FROM holding")
    deliveries = await connection.fetch(
        """SELECT delivery_id, office, event_id, kind, key, keyseq, digest, acknowledged_at IS NOT NULL AS acknowledged
           FROM delivery ORDER BY office, seq"""
    )
    return {
        "asked": [rows.Asked(str(r["request_id"]), str(r["exchange_id"]), r["state"], r["code"]) for r in asked],
        "closed": frozenset(str(r["case_id"]) for r in closed),
        "holdings": [rows.Holding(str(r["certificate_id"]), r["version"], r["status"]) for r in holdings],
        "deliveries": [
            rows.Delivery(
                str(r["delivery_id"]),
                r["office"],
                str(r["event_id"]),
                r["kind"],
                r["key"],
                r["keyseq"],
                r["digest"],
                r["acknowledged"],
            )
            for r in deliveries
        ],
    }


async def _ledger(connection: Any) -> list[rows.Kept]:
    found = await connection.fetch(
        "SELECT leaf, slot, slot_seq, subject_key, chain_seq, previous, subject_commit FROM receipt"
    )
    return [
        rows.Kept(
            leaf_of(json.loads(r["leaf"])),
            r["slot"],
            r["slot_seq"],
            r["subject_key"],
            r["chain_seq"],
            r["previous"],
            r["subject_commit"],
        )
        for r in found
    ]


async def _bus(bootstrap: str) -> list[Event]:
    offices = {system.operator for system in OFFICE_SYSTEMS}
    offices |= {office for deployment in DEPLOYMENTS.values() for office in deployment.offices}
    wanted = {topic.name for topic in (*TOPICS, *office_topics(offices))} & await existing_topics(bootstrap)
    parts = await asyncio.gather(*(read_topic(bootstrap, topic) for topic in sorted(wanted)))
    return [_event(raw) for part in parts for raw in part]


async def read_topic(bootstrap: str, topic: str) -> list[Raw]:
    """Read a topic from its first record to the one that is last now."""
    found: list[Raw] = []
    async with aclosing(tail(bootstrap, topic, poll_s=0.1)) as pages:
        async for page, caught_up in pages:
            found += page
            if caught_up:
                break
    return found


def _event(raw: Raw) -> Event:
    value = digest(raw.value or b"")
    try:
        record = read_record(raw.topic, raw.partition, raw.offset, raw.key, raw.value, raw.headers)
    except Unreadable:
        return Event("", f"{raw.topic}/{raw.partition}/{raw.offset}", raw.topic, "", 0, "", {}, value)
    return Event(
        record.source,
        str(record.id),
        record.topic,
        record.key,
        record.keyseq,
        record.type,
        dict(record.attributes),
        value,
    )


def text(value: object) -> str | None:
    """Write an id as text."""
    return None if value is None else str(value)
