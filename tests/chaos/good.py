# SPDX-License-Identifier: EUPL-1.2
"""A small run in which everything went well, written out by hand: what the checker must pass, and what tests spoil."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from checker import rows
from checker.rows import Event, Receipt, Run
from kit.events import key_uuid

DATA_OFFICE = "/zz/119999000000002030"
BUS, CASES, LEDGER, GATEWAY = (f"{DATA_OFFICE}/{system}" for system in ("exchange-bus", "cases", "ledger", "gateway"))
HEALTH, MARKET = "/zz/11999900000000035X/certificates-1", "/zz/1199990000000006XB/certificates-2"
MARKET_OFFICE, TAX_OFFICE = "1199990000000006XB", "119999000000000941"
FACT, HOLDING, ENVELOPE = "certificates.certificate", "certificates.holding", "envelope.{}.v1"
SUBSCRIBERS: Mapping[str, Sequence[tuple[str, str]]] = {
    "exchange-bus": [
        ("exchange-bus.envelopes", "envelope."),
        ("exchange-bus.holdings", f"{HOLDING}.v1"),
        ("exchange-bus.cases", "cases.case.v1"),
    ],
    "cases": [("cases.requests", "evidence.request.v1"), ("cases.facts", f"{FACT}.v1")],
    "certificates-1": [("certificates-1.asks", "evidence.ask.")],
    "ledger": [("ledger.receipts", "receipts.receipt.v1")],
}


@dataclass
class Story:
    """Writes a run step by step, as the services would."""

    outbox: dict[str, list[Event]] = field(default_factory=dict)
    bus: list[Event] = field(default_factory=list)
    requests: list[rows.Request] = field(default_factory=list)
    handled: list[rows.Handled] = field(default_factory=list)
    idem: dict[str, list[rows.Idem]] = field(default_factory=dict)
    certificates: list[rows.Certificate] = field(default_factory=list)
    holdings: dict[str, rows.Holding] = field(default_factory=dict)
    deliveries: list[rows.Delivery] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    ledger: list[rows.Kept] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)
    counts: Counter[object] = field(default_factory=Counter)

    def id(self, what: str) -> str:
        """Give the next id of a kind."""
        self.counts[what] += 1
        return f"00000000-0000-7000-8000-{len(what):04d}{self.counts[what]:08d}"

    def emit(
        self, source: str, topic: str, key: str, kind: str, facts: Mapping[str, Any] | None = None, **ids: str
    ) -> Event:
        """Commit an event and send it."""
        self.counts[source, topic, key] += 1
        event = Event(
            source,
            self.id("event"),
            topic,
            key,
            self.counts[source, topic, key],
            kind,
            ids,
            f"d{len(self.bus)}",
            facts or {},
        )
        self.outbox.setdefault(source, []).append(event)
        self.bus.append(event)
        return event

    def receipt(self, writer: str, side: str, exchange_id: str, decision: str = "released", **more: str) -> None:
        """Commit a receipt and let the ledger keep it."""
        receipt_id = self.id("receipt")
        more.setdefault("purpose", "any")
        receipt = Receipt(receipt_id, exchange_id, side, decision, writer, leaf=f"leaf-{receipt_id}", **more)
        self.emit(writer, "receipts.receipt.v1", f"{writer}/0", "receipts.batch.v1")
        chain = self.counts["chain", writer] = self.counts["chain", writer] + 1
        kept = rows.Kept(
            receipt,
            slot=f"{writer}/0",
            slot_seq=chain,
            subject_key="k",
            chain_seq=chain,
            previous=f"{writer} {chain - 1}" if chain > 1 else None,
            subject_commit=f"{writer} {chain}",
        )
        self.receipts.append(receipt)
        self.ledger.append(kept)

    def deliver(self, event: Event, office: str) -> None:
        """Deliver an envelope, and let the office handle and acknowledge it."""
        delivery_id, kind = self.id("delivery"), event.type.split(".")[1]
        self.deliveries.append(
            rows.Delivery(delivery_id, office, event.event_id, kind, event.key, event.keyseq, event.digest, True)
        )
        self.receipt(BUS, "delivery", event.attributes["exchangeid"], envelope_digest=event.digest)
        self.handled.append(rows.Handled(office, event.event_id, delivery_id, event.key, event.keyseq, event.digest))

    def fact(self, row: rows.Certificate, kind: str, **ids: str) -> None:
        """Commit a certificate's fact and its holding; a food licence is shared with tax."""
        source = HEALTH if row.system == "certificates-1" else MARKET
        says = {"version": row.version, "status": row.status}  # a suspension is no new version
        self.emit(source, f"{FACT}.v1", row.id, f"{FACT}.{kind}.v1", says, **ids)
        self.emit(source, f"{HOLDING}.v1", row.id, f"{HOLDING}.{kind}.v1", says)
        self.receipt(source, "holder", self.id("exchange"), purpose="directory")
        self.holdings[row.id] = rows.Holding(row.id, row.version, row.status)
        if row.type == "food-licence":
            exchange_id = self.id("exchange")
            share = self.emit(
                source, ENVELOPE.format(TAX_OFFICE), f"share-{row.id}", "envelope.share.v1", exchangeid=exchange_id
            )
            self.receipt(source, "holder", exchange_id, envelope_digest=share.digest)
            self.deliver(share, TAX_OFFICE)

    def issue(self, system: str, kind: str, natural: str, task_id: str | None = None, **ids: str) -> rows.Certificate:
        """Issue a certificate, once asked and once repeated."""
        key, row_id = self.id("key"), self.id("certificate")
        row = rows.Certificate(
            system, "office", row_id, kind, "holder", natural, 1, 1, "01", f"licence-{row_id}", task_id
        )
        answer = {"certificateId": row.id, "version": 1, "licenceId": row.licence_id, "status": "01"}
        facts = {"type": kind, "naturalKey": natural}
        self.certificates.append(row)
        self.idem.setdefault(system, []).append(rows.Idem("system:x", key, 201, answer))
        self.requests.append(rows.Request(self.id("request"), "issue", "x", key, facts, "ok", [answer, answer]))
        self.fact(row, "issued", **ids)
        return row

    def change(self, row: rows.Certificate, status: str, kind: str) -> rows.Certificate:
        """Change a certificate's status."""
        after = replace(row, status=status, event_seq=row.event_seq + 1)
        self.certificates[self.certificates.index(row)] = after
        facts = {"certificateId": row.id, "status": status}
        self.requests.append(rows.Request(self.id("request"), "change", "x", self.id("key"), facts, "ok", [{}]))
        self.fact(after, kind)
        return after

    def case(self) -> None:
        """Open a case, answer its need, decide its task."""
        case_id, key, task_id, step_id = self.id("case"), self.id("key"), self.id("task"), self.id("step")
        asked, tasked, request_id = self.id("exchange"), self.id("exchange"), self.id("ask")
        self.idem.setdefault("cases", []).append(rows.Idem("citizen:x", key, 201, {"caseId": case_id, "state": "open"}))
        self.requests.append(
            rows.Request(self.id("request"), "open-case", "owner", key, {}, "ok", [{"caseId": case_id}])
        )
        self.emit(CASES, "cases.case.v1", case_id, "cases.case.opened.v1")
        self.receipt(CASES, "asker", asked, "pending", request_hash="h")
        self.receipt(BUS, "gate", asked, "pending", request_hash="h")
        self.emit(BUS, "evidence.request.v1", request_id, "evidence.request.waiting.v1")
        self.emit(BUS, "evidence.ask.11999900000000035X.v1", request_id, "evidence.ask.v1", exchangeid=asked)
        answer = self.emit(
            HEALTH,
            ENVELOPE.format(MARKET_OFFICE),
            request_id,
            "envelope.answer.v1",
            exchangeid=asked,
            outcome="answered",
        )
        self.receipt(HEALTH, "holder", asked, request_hash="h", envelope_digest=answer.digest)
        self.deliver(answer, MARKET_OFFICE)
        self.emit(BUS, "evidence.request.v1", request_id, "evidence.request.answered.v1")
        task = self.emit(CASES, ENVELOPE.format(MARKET_OFFICE), task_id, "envelope.task.v1", exchangeid=tasked)
        self.receipt(CASES, "asker", tasked, envelope_digest=task.digest)
        self.deliver(task, MARKET_OFFICE)
        row = self.issue("certificates-2", "food-licence", f"by-task-{task_id}", task_id, taskid=task_id)
        self.emit(CASES, "cases.case.v1", case_id, "cases.case.closed.v1")
        self.more |= {
            "cases": [rows.Case(case_id, "completed")],
            "steps": [rows.Step(case_id, step_id, "done", task_id, tasked, row.id)],
            "needs": [rows.Need(self.id("need"), step_id, asked, "answered", request_id, None, True)],
            "asked": [rows.Asked(request_id, asked, "answered", None)],
            "closed": frozenset({case_id}),
        }

    def ask(self) -> None:
        """Let an office ask what it may not, twice: the gateway died after its first `pending`."""
        for sides in (("pending",), ("pending", "gate", "refused")):
            exchange_id = self.id("exchange")
            for side in sides:
                if side == "gate":
                    self.receipt(BUS, "gate", exchange_id, "refused", request_hash="h")
                else:
                    self.receipt(GATEWAY, "gateway", exchange_id, side, request_hash="h")
        self.requests.append(rows.Request(self.id("request"), "ask", "x", self.id("key"), {}, "failed"))

    def end(self) -> Run:
        """Give what is left of it."""
        return Run(
            history=rows.History(self.requests, self.handled),
            databases={
                source.rpartition("/")[2]: self._database(source)
                for source in (BUS, CASES, LEDGER, GATEWAY, HEALTH, MARKET)
            },
            bus=self.bus,
            certificates=self.certificates,
            holdings=list(self.holdings.values()),
            deliveries=self.deliveries,
            receipts=self.receipts,
            ledger=self.ledger,
            **self.more,
        )

    def _database(self, source: str) -> rows.Database:
        system = source.rpartition("/")[2]
        last = {(event.source, event.topic, event.key): event.keyseq for event in self.bus}
        states = [
            rows.KeyState(consumer, origin, topic, str(key_uuid(key)), number)
            for consumer, hears in SUBSCRIBERS.get(system, ())
            for (origin, topic, key), number in last.items()
            if topic.startswith(hears)
        ]
        return rows.Database(
            system, source, self.outbox.get(source, []), states, self.idem.get(system, []), waiting={"outbox_todo": 0}
        )


def good_run() -> Run:
    """Certificates of three types, one suspended and reinstated; a case with its answer, task, licence and share."""
    story = Story()
    story.issue("certificates-1", "staff-health", "2026-01-01")
    story.issue("certificates-1", "title", "T-1")
    licence = story.issue("certificates-2", "food-licence", "JY-1")
    licence = story.change(licence, "02", "suspended")
    story.change(licence, "01", "reinstated")
    story.case()
    story.ask()
    return story.end()
