# SPDX-License-Identifier: EUPL-1.2
"""The floor of a case: what cases writes in the life of one, by bare group commit, and nothing else.

The statements are those of cases themselves: its store functions run against a notebook, which keeps each statement
with its arguments, commit by commit. Then bare connections write them for so many cases at once, each commit of a case
after the one before, as far as the life event lets them run side by side; whatever queued while the last commit ran
goes into the next one. No reading, no locks, no rules, no signature, no other service.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import asyncpg

from bench.machine import Meter, Used
from bench.world import BenchDatabase, World
from cases import events, store
from cases.domain import Case, Need, Order, Step, StepCertificate, Subject
from contracts import topics
from kit.db import Queries
from kit.db.flush import FlushRules, write_events
from kit.events import Event

MOST = 256
RULES = FlushRules(now=datetime(2026, 1, 1, tzinfo=UTC), lanes=1, signer=None)
CHAIN = """INSERT INTO subject_chain AS c (person, subject_key, seq, last_commit) VALUES ($1, $2, 1, $3)
           ON CONFLICT (person) DO UPDATE SET seq = c.seq + 1, last_commit = excluded.last_commit"""
IDEM = """INSERT INTO idem (client_id, key, fingerprint, status, response, headers, expires_at)
          VALUES ($1, $2, $3, 201, $4, $5, now() + interval '1 day')"""
CASE = "SELECT case_id, applicant, input FROM case_file WHERE case_id = $1"
SENT = "SELECT key, payload FROM outbox WHERE type = 'envelope.task.v1' AND key = ANY($1::text[])"
RECEIPT = "SELECT topic, type, payload FROM outbox WHERE topic = $1 ORDER BY id DESC LIMIT 1"
ANSWER = "SELECT fingerprint, response, headers FROM idem WHERE status = 201 LIMIT 1"

Call = tuple[str, tuple[Any, ...]]
Commit = list[Call]


class Notebook(Queries):
    """Takes statements as a connection does, and keeps them instead."""

    def __init__(self) -> None:
        self.calls: Commit = []

    async def execute(self, query: str, *args: Any) -> int:
        """Keep a statement."""
        self.calls.append((query, args))
        return 1

    async def fetchval(self, query: str, *args: Any) -> None:
        """Keep a statement that tells something: here nobody listens."""
        self.calls.append((query, args))

    async def executemany(self, query: str, args: Iterable[Sequence[Any]]) -> None:
        """Keep a statement for each tuple."""
        self.calls += [(query, tuple(one)) for one in args]


@dataclass(frozen=True)
class Sample:
    """Everything that one finished case left behind. tasks: sealed envelopes by task id."""

    case: Case
    given: Mapping[str, Any]
    subjects: Sequence[Subject]
    steps: Sequence[Step]
    needs: Mapping[str, Sequence[Need]]
    orders: Mapping[str, Sequence[Order]]
    certificates: Mapping[str, Sequence[StepCertificate]]
    tasks: Mapping[str, bytes]
    receipt: Event
    answer: tuple[Any, ...]

    @property
    def done(self) -> list[Step]:
        """The steps that were taken."""
        return [step for step in self.steps if step.state == "done"]


async def take(dsn: str, case_id: str) -> Sample:
    """Read a finished case from the database of cases."""
    connection = await asyncpg.connect(dsn)
    try:
        tx = Queries(connection)
        row = await connection.fetchrow(CASE, case_id)
        assert row is not None
        case = await store.case_of_applicant(tx, case_id, row["applicant"])
        assert case is not None
        steps = await store.steps_of_case(tx, case_id)
        needs = await store.needs_of_steps(tx, [step.step_id for step in steps])
        sent = await connection.fetch(SENT, [step.task_id for step in steps if step.task_id])
        receipt = await connection.fetchrow(RECEIPT, topics.RECEIPT)
        answer = await connection.fetchrow(ANSWER)
        assert receipt is not None
        assert answer is not None
        return Sample(
            case=case,
            given=json.loads(row["input"]),
            subjects=await store.subjects_of(tx, case_id),
            steps=steps,
            needs={step.step_id: [need for need in needs if need.step_id == step.step_id] for step in steps},
            orders={step.step_id: await store.orders_of(tx, step.step_id) for step in steps},
            certificates={step.step_id: await store.certificates_of(tx, step.step_id) for step in steps},
            tasks={one["key"]: bytes(one["payload"]) for one in sent},
            receipt=Event(receipt["topic"], "bench", receipt["type"], bytes(receipt["payload"]), 1),
            answer=tuple(answer),
        )
    finally:
        await connection.close()


@dataclass
class Life:
    """The commits of one case with ids of its own. steps: by step id, one stage after another, a stage at once."""

    after: Mapping[str, Sequence[str]] = field(default_factory=dict)
    opening: Commit = field(default_factory=list)
    steps: dict[str, list[list[Commit]]] = field(default_factory=dict)


async def write_life(sample: Sample) -> Life:
    """Let cases write one life into notebooks."""
    new: dict[str, str] = {}

    def named(old: str | None) -> str:
        return new.setdefault(old or "", str(uuid4()))

    case = replace(sample.case, case_id=named(sample.case.case_id), event_seq=0, step_event_seq=0)
    steps = [replace(s, case_id=case.case_id, step_id=named(s.step_id)) for s in sample.steps]
    done = [s for s in steps if s.state == "done"]
    life = Life(after={s.step_id: [p.step_id for p in done if p.name in s.after] for s in done})
    life.opening = await _opening(sample, case, steps)
    for old, step in zip(sample.done, done, strict=True):
        step = replace(step, task_id=named(old.task_id), certificate_id=named(old.certificate_id))  # noqa: PLW2901
        needs = [replace(n, ask_id=named(n.ask_id), step_id=step.step_id, exchange_id=named(n.exchange_id))
                 for n in sample.needs[old.step_id]]  # fmt: skip
        life.steps[step.step_id] = await _step(sample, case, old, step, needs)
    return life


async def _opening(sample: Sample, case: Case, steps: Sequence[Step]) -> Commit:
    book = Notebook()
    await store.insert_case(book, case, sample.given)
    await store.insert_subjects(book, case.case_id, sample.subjects)
    await store.insert_steps(book, steps)
    await book.execute(IDEM, "citizen:bench", case.case_id, *sample.answer)
    await _emit(book, [events.case_fact(case, "opened")[1]])
    return book.calls


async def _step(sample: Sample, case: Case, old: Step, step: Step, needs: Sequence[Need]) -> list[list[Commit]]:
    """A step's commits: it starts, each ask is taken, each is answered, its task goes out, it is done."""
    request = str(uuid4())
    start, seal, end = Notebook(), Notebook(), Notebook()
    await store.store_step(start, replace(step, state="gathering"))
    await store.keep_orders(start, step.step_id, sample.orders[old.step_id])
    await store.insert_needs(start, [replace(n, state="unsent", body=b"x" * 6000) for n in needs])
    await _move(start, case, replace(step, state="gathering"))
    await _receipts(sample, start, case, len(needs))
    asked, answered = [Notebook() for _ in needs], [Notebook() for _ in needs]
    for need, book in zip(needs, asked, strict=True):
        await store.mark_asked(book, need.ask_id, request)
    for need, book in zip(needs, answered, strict=True):
        await store.resolve_need(book, need.ask_id, "answered", None, request_id=request, holder=need.holder)
    await store.store_step(answered[-1], replace(step, state="ready"))
    await store.store_step(seal, replace(step, state="tasked"))
    task = Event(topics.envelope_topic(step.office), step.task_id or "", "envelope.task.v1",
                 sample.tasks[old.task_id or ""], 1)  # fmt: skip
    await _move(seal, case, replace(step, state="tasked"), [task])
    await _receipts(sample, seal, case, 1)
    for one in sample.certificates[old.step_id]:
        await store.attach(end, replace(one, step_id=step.step_id, certificate_id=str(uuid4())))
    await store.store_step(end, step)
    await _move(end, case, step)
    return [[book.calls for book in stage] for stage in ([start], asked, answered, [seal], [end])]


async def _move(book: Notebook, case: Case, step: Step, more: Sequence[Event] = ()) -> None:
    counted, event = events.step_fact(case, step)
    await store.store_case(book, counted)
    await _emit(book, [event, *more])


async def _receipts(sample: Sample, book: Notebook, case: Case, count: int) -> None:
    for _ in range(count):
        await book.execute(CHAIN, case.applicant, b"k" * 32, b"c" * 32)
    await _emit(book, [replace(sample.receipt, id=uuid4())] if count else [])


async def _emit(book: Notebook, said: Sequence[Event]) -> None:
    for event in said:
        await write_events(book, RULES, [event], [None])


class BareLife:
    """A database with the tables of cases, and one connection that writes to it."""

    def __init__(self, settings: BenchDatabase, sample: Sample, meter: Meter) -> None:
        self._settings, self._sample, self._meter = settings, sample, meter
        self._queue: list[tuple[Commit, asyncio.Future[None]]] = []
        self._filled = asyncio.Event()

    @classmethod
    async def of(cls, world: World, case_id: str) -> Self:
        """Take the rows of a finished case for a sample."""
        return cls(await world.database("cases"), await take(world.stack.dsn("cases"), case_id), world.meter)

    async def __aenter__(self) -> Self:
        """Connect, and begin to write."""
        self._connection = await asyncpg.connect(self._settings.database_url, server_settings={"jit": "off"})
        self._task = asyncio.create_task(self._write(), name="bench.bare-life")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self._connection.close()

    async def run(self, cases: int) -> Used:
        """Write so many lives at once; gives what it took for each step."""
        lives = [await write_life(self._sample) for _ in range(cases)]
        with self._meter.measured() as used:
            await asyncio.gather(*map(self._live, lives))
        used.operations = cases * len(self._sample.done)
        return used

    async def _live(self, life: Life) -> None:
        await self._commit(life.opening)
        over = {step: asyncio.Event() for step in life.steps}

        async def go(step: str) -> None:
            for before in life.after[step]:
                await over[before].wait()
            for stage in life.steps[step]:
                await asyncio.gather(*map(self._commit, stage))
            over[step].set()

        await asyncio.gather(*map(go, life.steps))

    async def _commit(self, calls: Commit) -> None:
        written = asyncio.get_running_loop().create_future()
        self._queue.append((calls, written))
        self._filled.set()
        await written

    async def _write(self) -> None:
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._queue:
                batch, self._queue = self._queue[:MOST], self._queue[MOST:]
                try:
                    await self._transaction([calls for calls, _ in batch])
                except asyncpg.PostgresError as why:
                    for _, written in batch:
                        written.set_exception(why)
                    raise
                for _, written in batch:
                    written.set_result(None)

    async def _transaction(self, commits: Sequence[Commit]) -> None:
        """Write many commits in one: each statement once, for all of its arguments, in the order of first use."""
        together: dict[str, list[tuple[Any, ...]]] = {}
        for calls in commits:
            for query, args in calls:
                together.setdefault(query, []).append(args)
        async with self._connection.transaction():
            for query in sorted(together, key=_rank):
                await self._connection.executemany(query, together[query])


def _rank(query: str) -> int:
    """Rows that others refer to come first."""
    order = ("INTO case_file", "INTO step (", "INTO need")
    return next((place for place, text in enumerate(order) if text in query), len(order))
