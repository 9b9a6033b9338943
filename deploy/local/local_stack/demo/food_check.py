# SPDX-License-Identifier: EUPL-1.2
"""Recomputes everything that a demo claims, from the databases and the raw topics, in code of its own.

It shares nothing with the demo's counting on purpose: a mistake there must not repeat itself here. What it reads:
the tables of six services, and every record on every topic, as bytes.
"""

import asyncio
import json
from collections import Counter
from contextlib import aclosing
from datetime import datetime
from typing import Any

import asyncpg

from contracts.receipts import Leaf
from contracts.topics import TOPICS
from kit.jose import PrivateKey, sealed_to
from kit.kafka import Raw, existing_topics, tail
from kit.receipts import verify_leaf
from local_stack.demo.target import Target
from local_stack.demo.told import Figure, Told
from local_stack.table import DEPLOYMENTS, OFFICE_SYSTEMS

PATIENCE_S = 20.0
OWNER_LIST, EMPLOYEE_LIST = (f"receipts in the list of {who}, all verified" for who in ("shop-owner", "cook"))


async def check(where: Target, told: Told) -> list[str]:
    """Give every difference between what *told* claims and what can be recomputed; empty: all of it happened."""
    async with asyncio.timeout(120):
        records = await _everything(where.kafka, told)
        found = await _recomputed(where, told, records)
    return [*compared(told.figures, found), *await promises(where, told)]


async def promises(where: Target, told: Told) -> list[str]:
    """Give what was broken of what holds for every demo: sealed well, nothing in the clear, signed, nothing parked."""
    async with asyncio.timeout(120):
        records = await _everything(where.kafka, told)
        problems = _sealed_well(where, records)
        problems += _nothing_in_the_clear(told, records)
        problems += await _signed_well(where, told)
        problems += await _nothing_parked(where)
    return problems


async def lists(where: Target, told: Told) -> dict[str, Figure]:
    """Count the receipts in the lists of the two whose data moved."""
    case = await rows(where, "cases", "SELECT applicant FROM case_file WHERE case_id = $1", told.case_id)
    return {
        OWNER_LIST: await _about(where, told, case[0]["applicant"]),
        EMPLOYEE_LIST: await _about(where, told, await _employee(where, told)),
    }


def compared(claimed: dict[str, Figure], found: dict[str, Figure]) -> list[str]:
    """Give the figures that differ, in words."""
    names = [*claimed, *(name for name in found if name not in claimed)]
    return [
        f"{name}: the demo says {claimed.get(name)}, recomputed {found.get(name)}"
        for name in names
        if claimed.get(name) != found.get(name)
    ]


# ------------------------------------------------------------------------------------------------ figures
async def _recomputed(where: Target, told: Told, records: list[Raw]) -> dict[str, Figure]:
    case = await rows(
        where, "cases", "SELECT uploads, state, applicant FROM case_file WHERE case_id = $1", told.case_id
    )
    requests = await rows(
        where,
        "exchange-bus",
        "SELECT holder FROM evidence_request WHERE recorded_at >= $1 AND recorded_at < $2",
        told.since,
        told.until,
    )
    deliveries = await rows(
        where,
        "exchange-bus",
        "SELECT office, kind, key FROM delivery WHERE event_at >= $1 AND event_at < $2",
        told.since,
        told.until,
    )
    kinds = Counter((row["office"], row["kind"]) for row in deliveries)
    step = await rows(where, "cases", "SELECT office, certificate_id FROM step WHERE case_id = $1", told.case_id)
    deciding = step[0]["office"]
    others = {office for office, _ in kinds} - {deciding}
    receipts = await _receipts(where, told, records)
    sides = Counter(row["side"] for row in receipts)
    return {
        "uploads": case[0]["uploads"] if case[0]["state"] == "completed" else -1,
        "offices involved": sorted({deciding, *others, *(row["holder"] for row in requests)}),
        "asks sealed to holders": len(requests),
        "answers sealed to market regulation": kinds[deciding, "answer"],
        "tasks sealed to market regulation": kinds[deciding, "task"],
        "shares sealed to tax": sum(number for (office, kind), number in kinds.items() if kind == "share"),
        "facts about the licence": await _facts(where, told, str(step[0]["certificate_id"])),
        "refusals": await _refusals(where, told),
        "receipts written": len(receipts),
        **{f"receipts written, side {side}": number for side, number in sorted(sides.items())},
        **await lists(where, told),
    }


async def _receipts(where: Target, told: Told, records: list[Raw]) -> list[asyncpg.Record]:
    """Give the ledger's receipts of the demo's time, once it has as many as lie on the topic."""
    written = sum(
        told.since <= datetime.fromisoformat(receipt["leaf"]["time"]) < (told.until or told.since)
        for raw in records
        if raw.topic == "receipts.receipt.v1"
        for receipt in json.loads(raw.value or b"{}")["receipts"]
    )
    query = "SELECT side, decision, leaf FROM receipt WHERE time >= $1 AND time < $2"
    end = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        found = await rows(where, "ledger", query, told.since, told.until)
        if len(found) >= written or asyncio.get_running_loop().time() > end:
            return found
        await asyncio.sleep(0.2)


async def _facts(where: Target, told: Told, certificate_id: str) -> list[str]:
    """Give what happened to the licence: issued for this case, then the operations on it, which must end valid."""
    system = _deployment_of_the_licence()
    held = await rows(
        where, system, "SELECT case_id::text AS case_id, status FROM certificate WHERE id = $1", certificate_id
    )
    operations = await rows(
        where,
        system,
        "SELECT operation FROM certificate_operation WHERE certificate_id = $1 ORDER BY event_seq",
        certificate_id,
    )
    words = {"suspend": "suspended", "reinstate": "reinstated"}
    valid = [row for row in held if row["case_id"] == told.case_id and row["status"] == "01"]
    issued = ["issued" for _ in valid]
    same = [f"another certificate: {certificate_id}"] if certificate_id != told.certificate_id else []
    return [*issued, *(words.get(one["operation"], one["operation"]) for one in operations), *same]


async def _refusals(where: Target, told: Told) -> list[str]:
    """Give the codes of what the gates refused, as their receipts in the ledger say."""
    found = await rows(
        where,
        "ledger",
        "SELECT leaf FROM receipt WHERE side = 'gate' AND decision = 'refused' AND case_id = ANY($1::uuid[])",
        [told.case_id, *told.other_cases],
    )
    return sorted(json.loads(row["leaf"])["code"] for row in found)


async def _about(where: Target, told: Told, person: str) -> int:
    """Count the receipts of every exchange that has a receipt about *person* (the platform's pseudonym)."""
    found = await rows(
        where,
        "ledger",
        """SELECT receipt_id FROM receipt
           WHERE time >= $1 AND time < $2 AND exchange_id IN (SELECT exchange_id FROM receipt WHERE person = $3)""",
        told.since,
        told.until,
        person,
    )
    return len(found)


async def _employee(where: Target, told: Told) -> str:
    found = await rows(
        where, "cases", "SELECT person FROM case_subject WHERE case_id = $1 AND name = 'staff'", told.case_id
    )
    return str(found[0]["person"])


# ------------------------------------------------------------------------------------------------ promises
def _sealed_well(where: Target, records: list[Raw]) -> list[str]:
    """Everything on an office's topics must be sealed to a key of that very office."""
    owners = _key_owners(where)
    problems = []
    for raw in records:
        if not raw.topic.startswith(("evidence.ask.", "envelope.")):
            continue
        office = raw.topic.split(".")[-2]
        kid = sealed_to((raw.value or b"").decode("ascii"))
        if owners.get(kid) != office:
            problems.append(f"a record on {raw.topic} is not sealed to that office")
    return problems


def _key_owners(where: Target) -> dict[str, str]:
    """Give kid -> office, from the key files themselves."""
    owners = {}
    for deployment in DEPLOYMENTS.values():
        for office in deployment.offices:
            owners[PrivateKey.load(where.secrets(deployment.system) / f"answering-{office}.jwk").kid] = office
    for system in OFFICE_SYSTEMS:
        if system.inbox:
            owners[PrivateKey.load(where.secrets(system.system) / "inbox.jwk").kid] = system.operator
    return owners


def _nothing_in_the_clear(told: Told, records: list[Raw]) -> list[str]:
    """No number, name or place may stand in any key, header or body on the bus."""
    problems = []
    for raw in records:
        whole = b"\n".join([raw.key or b"", raw.value or b"", *(value for _name, value in raw.headers)])
        problems += [
            f"something personal stands in the clear on {raw.topic}" for s in told.secrets if s.encode() in whole
        ]
    return problems


async def _signed_well(where: Target, told: Told) -> list[str]:
    """Each receipt of the demo must be signed by the key of the system that it names as its writer."""
    keys = {system: PrivateKey.load(where.secrets(system) / "sig.jwk").public for system in DEPLOYMENTS}
    query = "SELECT leaf FROM receipt WHERE time >= $1 AND time < $2"
    found = await rows(where, "ledger", query, told.since, told.until)
    leaves = [Leaf.model_validate_json(row["leaf"]) for row in found]
    bad = [leaf for leaf in leaves if not verify_leaf(leaf, keys[leaf.writer.split("/")[-1]])]
    return [f"receipt {leaf.receipt_id} is not signed by {leaf.writer}" for leaf in bad]


async def _nothing_parked(where: Target) -> list[str]:
    problems = []
    for system in DEPLOYMENTS:
        (row,) = await rows(where, system, "SELECT count(*) AS parked FROM parked")
        if row["parked"]:
            problems.append(f"{system} has parked {row['parked']} records")
    return problems


# ------------------------------------------------------------------------------------------------ reading
async def _everything(bootstrap: str, told: Told) -> list[Raw]:
    """Give all records of our topics that were written since the demo began, as they lie there."""
    ours = {topic.name for topic in TOPICS}
    names = sorted(t for t in await existing_topics(bootstrap) if t in ours or t.startswith(("evidence.", "envelope.")))
    since_ms = int(told.since.timestamp() * 1000)
    pages = [await _topic(bootstrap, name) for name in names]
    return [raw for page in pages for raw in page if raw.timestamp_ms >= since_ms]


async def _topic(bootstrap: str, name: str) -> list[Raw]:
    found: list[Raw] = []
    async with aclosing(tail(bootstrap, name, poll_s=0.1)) as pages:
        async for page, caught_up in pages:
            found += page
            if caught_up:
                return found
    return found


async def rows(where: Target, system: str, query: str, *arguments: Any) -> list[asyncpg.Record]:
    """Ask a deployment's database."""
    connection = await asyncpg.connect(where.dsn(system))
    try:
        return await connection.fetch(query, *arguments)
    finally:
        await connection.close()


def _deployment_of_the_licence() -> str:
    """Give the deployment that serves the office whose system is called licensing."""
    office = next(system.operator for system in OFFICE_SYSTEMS if system.system == "licensing")
    return next(name for name, one in DEPLOYMENTS.items() if office in one.offices)
