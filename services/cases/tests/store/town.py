# SPDX-License-Identifier: EUPL-1.2
"""Two processes of cases over one database, in which nothing happens but time."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from cases import store
from cases.domain import Case, Issue, Step
from cases.domain.clocks import Pulse
from cases.service import Clocks, Deciding, Parts
from cases.service.reckoning import begun, deadlines
from contracts.cases import ClockMoved, MoveClock, Outage, RecordOutage
from contracts.catalogue import Catalogue, Office, Responsibility
from contracts.ids import uuid7
from kit.db import Database, Idem, open_db
from kit.jose import PrivateKey
from kit.receipts import ReceiptSigner
from local_stack.testing import DatabaseAt, FreshDatabase

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)  # a Tuesday
SIGNS, MARKET, LEAD = "119999000000000866", "1199990000000006XB", "119999000000002030"
DEADLINE = datetime(2026, 12, 2, tzinfo=UTC)  # the end of Tuesday, five working days later
DEPLOYMENT = "certificates-9"
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
PULSE = Pulse(gap=MINUTE, settle=timedelta(seconds=30))
RULES = {"shop/signs": ("deemed", "low"), "shop/food": ("escalate", "high"), "shop/risky": ("deemed", "medium")}


def catalogue_of(rules: dict[str, tuple[str, str]]) -> Catalogue:
    dated = {"from": "2026-01-01", "law": "Demo"}
    wanted = [(step, rule, office) for step, rule in rules.items() for office in (SIGNS, MARKET)]
    lists = [
        Responsibility.model_validate_json(
            json.dumps({
                "kind": "responsibility", "id": f"R-{number}", "step": step, "accountable": office, **dated,
                "within": {"workingDays": 5}, "onSilence": silence, "risk": risk,
            })
        )
        for number, (step, (silence, risk), office) in enumerate(wanted)
    ]  # fmt: skip
    offices = [
        Office(kind="office", id=code, name={"en": "An office"}, level="county", from_=date(2026, 1, 1))
        for code in (SIGNS, MARKET)
    ]
    return Catalogue(1, [*lists, *offices])


class Town:
    """Two processes of cases over one database; `now` stands still until a test moves it."""

    def __init__(self, dbs: tuple[Database, Database]) -> None:
        self.now, self.bus_answers, self.catalogue = NOW, True, catalogue_of(RULES)
        self.deployment_answers = True
        self.db = dbs[0]
        self.parts, self.other_parts = (self._parts(db) for db in dbs)
        self.clocks, self.other = (Clocks(p, self._bus, PULSE, self) for p in (self.parts, self.other_parts))
        self.deciding = Deciding(self.other_parts)

    def _parts(self, db: Database) -> Parts:
        nobody: Any = None  # time asks no other service
        return Parts(
            db=db, catalogue=lambda: self.catalogue, office_key=lambda *_: None, platform_keys={}, system="cases",
            key=nobody, identity=nobody, exchange_bus=nobody, clock=lambda: self.now, ask_deadline_s=3600, sandbox=True,
        )  # fmt: skip

    async def _bus(self) -> bool:
        return self.bus_answers

    def system_of(self, office: str) -> str | None:
        """Name the deployment by which an office issues: SIGNS alone has one."""
        return DEPLOYMENT if office == SIGNS else None

    async def answering(self) -> dict[str, tuple[str, ...]]:
        """Give the deployments that answer now, with their offices."""
        return {DEPLOYMENT: (SIGNS,)} if self.deployment_answers else {}

    async def task(self, name: str = "signs", office: str = SIGNS) -> str:
        """Give an office a task now, in a case of its own, delivered; gives the task's id."""
        case_id, task_id = str(uuid7()), str(uuid7())
        case = Case(case_id, "shop", "p" * 43, "open", 0, "2026-11", self.now, lead=LEAD)
        step = Step(
            str(uuid7()), case_id, f"shop/{name}", office, name, "review", (), (Issue("shop-sign", "owner"),),
            accountable=office,
        )  # fmt: skip
        async with self.db.transaction() as tx:
            await store.insert_case(tx, case, {})
            await store.insert_steps(tx, [step])
            begins = await begun(self.parts, tx, replace(step, state="tasked", task_id=task_id, task_seq=1))
            await store.store_step(tx, begins)
        return task_id

    async def step(self, task_id: str) -> Step:
        async with self.db.read() as tx:
            found = await store.step_of_task(tx, task_id)
        assert found is not None
        return found

    async def deadline(self, task_id: str) -> datetime:
        async with self.db.read() as tx:
            step = await store.step_of_task(tx, task_id)
            assert step is not None
            return (await deadlines(self.parts, tx, [step]))[step.step_id]

    async def facts(self, task_id: str) -> list[dict[str, Any]]:
        case_id = (await self.step(task_id)).case_id
        async with self.db.read() as tx:
            rows = await tx.fetch(
                "SELECT payload FROM outbox WHERE topic = 'cases.step.v1' AND key = $1 ORDER BY id", case_id
            )
        return [json.loads(row["payload"]) for row in rows]

    async def move(self, days: int) -> datetime:
        """Move the sandbox's clock, and live on."""
        answer = await self.clocks.move(MoveClock(working_days=days), Idem("bootstrap", str(uuid7()), b"f"))
        assert await self.clocks.beat()
        return ClockMoved.model_validate_json(answer.body).now

    async def outage(self, start: datetime, end: datetime, office: str | None = None) -> Outage:
        said = RecordOutage(office=office, from_=start, to=end)
        answer = await self.clocks.record_outage(said, Idem("system:desk", str(uuid7()), b"f"))
        return Outage.model_validate_json(answer.body)

    async def live(self, until: datetime) -> None:
        """Let time pass while everything works; long stretches with a beat for each minute would say no more."""
        await self._beat_row(until)
        self.now = until
        assert await self.clocks.beat()

    async def _beat_row(self, at: datetime) -> None:
        async with self.db.transaction() as tx:
            await tx.execute("UPDATE heartbeat SET beat_at = $1", at)
            if self.deployment_answers:
                await tx.execute("UPDATE issuing_heartbeat SET beat_at = $1", at)


@asynccontextmanager
async def open_town(fresh_database: FreshDatabase) -> AsyncIterator[Town]:
    """Open it, with its first beat made."""
    signing, ledger = PrivateKey.generate(), PrivateKey.generate()
    signer = ReceiptSigner("cases", LEAD, "zz", signing, lambda: ledger.public, lambda: NOW)
    at = DatabaseAt(await fresh_database("cases"))
    async with (
        open_db(at, signer=signer, clock=lambda: NOW) as one,
        open_db(at, signer=signer, clock=lambda: NOW) as two,
    ):
        made = Town((one, two))
        assert await made.clocks.beat()
        yield made
