# SPDX-License-Identifier: EUPL-1.2
"""A life event with everything in it, and a story that walks cases of it through all doors of the house."""

import base64
from collections.abc import Callable
from typing import Any

import yaml

from contracts import signing
from contracts.cases import CaseProof, CaseView, OpenCase, RefuseTask, StepView, TakeOffer, WithdrawCase
from contracts.certificates.api import Fact
from contracts.envelopes import EnvelopeClaims, Task
from contracts.exchange_bus import AskEvidence
from contracts.ids import uuid7
from kit import jose, strictjson
from kit.db import Idem

from .conftest import OWNER, House
from .lists import catalogue_of, lists_for

POLICE, HEALTH, MARKET = "119999000000000273", "11999900000000035X", "1199990000000006XB"
HRSS, FIRE, SIGNS = "11999900000000051K", "11999900000000078B", "119999000000000866"
TAX, LAND, HOUSING = "119999000000000941", "11999900000000107N", "11999900000000115H"
TOBACCO, DESK = "119999000000001317", "119999000000002030"
NOODLES = "91999900MA0000015N"

SHOP: dict[str, Any] = yaml.safe_load(f"""
kind: lifeEvent
id: open-shop
lead: "{MARKET}"
title: {{zh-CN: 开店, en: Open a shop}}
subjects: {{owner: person, staff: [person], business: organisation}}
input:
  - {{id: tradeName, type: text, maxLength: 60}}
  - {{id: floorPlan, type: file, media: [application/pdf], maxBytes: 2000}}
  - {{id: promise, type: boolean}}
visits: [{{id: site, within: {{workingDays: 3}}}}]
steps:
  - id: r1
    tasks: ["{MARKET}"]
    service: business-licence
    mode: auto
    needs: [{{type: citizen, of: owner}}, {{anyOf: [{{type: title, of: owner}}, {{type: lease, of: owner}}]}}]
    input: [tradeName]
    issues: [{{type: business-licence, to: business}}]
    onWithdrawal: cancel
  - id: r3
    tasks: ["{TAX}", "{HRSS}"]
    service: employer-and-tax
    mode: auto
    after: [r1]
    needs: [{{type: business-licence, of: business}}]
    issues: [{{type: tax-registration, to: business}}, {{type: employer-registration, to: business}}]
    onWithdrawal: cancel
  - id: r4
    tasks: ["{MARKET}"]
    service: food-licence
    mode: review
    after: [r1]
    needs: [{{type: business-licence, of: business}}, {{type: staff-health, of: staff, each: true}}]
    input: [floorPlan]
    visit: site
    issues: [{{type: food-licence, to: business}}]
  - id: r5
    tasks: ["{FIRE}"]
    service: fire-check
    mode: commitment
    after: [r1]
    needs: [{{anyOf: [{{type: title, of: owner}}, {{type: lease, of: owner}}]}}]
    input: [floorPlan, promise]
    commitment: promise
    visit: site
    issues: [{{type: fire-check, to: business}}]
  - id: r6
    tasks: ["{SIGNS}"]
    service: shop-sign
    mode: review
    after: [r1]
    needs: [{{type: business-licence, of: business}}]
    input: [tradeName]
    issues: [{{type: shop-sign, to: business}}]
  - id: r7
    tasks: ["{TOBACCO}"]
    service: tobacco-licence
    mode: review
    optional: true
    after: [r1]
    issues: [{{type: tobacco-licence, to: business}}]
  - id: r8
    tasks: ["{DESK}"]
    service: opening-notice
    mode: auto
    after: [r4, r5]
    needs: [{{type: food-licence, of: business}}, {{type: fire-check, of: business}}]
    issues: [{{type: result-pack, to: business}}]
  - id: o1
    tasks: ["{HEALTH}"]
    service: food-advice
    mode: offer
    after: [r1]
from: 2025-09-01
""")
ATTESTS = {
    "citizen": [POLICE], "title": [LAND], "lease": [HOUSING], "staff-health": [HEALTH], "business-licence": [MARKET],
    "tax-registration": [TAX], "employer-registration": [HRSS], "food-licence": [MARKET], "fire-check": [FIRE],
    "shop-sign": [SIGNS], "tobacco-licence": [TOBACCO], "result-pack": [DESK],
}  # fmt: skip
SILENCE: dict[str, dict[str, Any]] = {"r4": {"risk": "high"}, "r6": {"onSilence": "deemed"}}
PDF = base64.b64encode(b"%PDF-1.7 a plan").decode()
PLAN = {"name": "plan.pdf", "media": "application/pdf", "content": PDF}
GIVEN = {"tradeName": "Noodles", "floorPlan": PLAN, "promise": True}
Answers = Callable[[AskEvidence], str | None]
"""Gives the code by which an ask is refused, None where it is answered."""


class Story:
    """Cases of the life event in a house, step by step."""

    def __init__(self, house: House, event: dict[str, Any] | None = SHOP) -> None:
        """event: None for the life events of the house's own catalogue."""
        self.house = house
        if event is not None:
            self.publish(event)
        self.refusing: Answers = lambda _: None
        self._answered: set[str] = set()
        self._keys = 0

    def publish(self, event: dict[str, Any], **attests: list[str]) -> None:
        """Bring a release into force. attests: offices that hold a type, where they differ from `ATTESTS`."""
        release = self.house.catalogue.release + 1
        self.house.catalogue = catalogue_of(release, lists_for(event, {**ATTESTS, **attests}, SILENCE))

    def idem(self, who: str = OWNER) -> Idem:
        self._keys += 1
        return Idem(who, f"key-{self._keys}", b"f%d" % self._keys)

    def wish(self, **changes: Any) -> OpenCase:
        handles = {"staff": [self.house.handle()]}
        return OpenCase.model_validate({"lifeEvent": "open-shop", "subjects": handles, "input": GIVEN, **changes})

    async def open(self, **changes: Any) -> str:
        answer = await self.house.opening.open(OWNER, self.wish(**changes), self.idem())
        return CaseView.model_validate_json(answer.body).case_id

    async def run(self) -> None:
        """Let the worker do all that can be done, and the holders answer all that they are asked."""
        busy = 1
        while busy:
            house = self.house
            busy = await house.gathering.prepare_steps() + await house.gathering.ask_next()
            busy += await house.gathering.send_asks() + await self.answer() + await house.sealing.seal_tasks()

    async def answer(self) -> int:
        """Let the holders answer all that they are asked; gives how many."""
        asked = [ask_id for ask_id in self.house.bus.asks if ask_id not in self._answered]
        self._answered.update(asked)
        states = []
        for ask_id in asked:
            code = self.refusing(AskEvidence.model_validate_json(self.house.bus.asks[ask_id][0]))
            states.append(self.house.bus.state(ask_id, "answered" if code is None else "refused", code))
        async with self.house.db.transaction() as tx:
            await self.house.gathering.on_request_states(tx, states)
        return len(asked)

    async def envelopes(self, office: str) -> list[tuple[int, Task]]:
        """Open all tasks that went to an office: (keyseq, task), oldest first."""
        inbox = self.house.keys.private(office, "inbox")
        found = []
        for _, keyseq, envelope in await self.house.events(f"envelope.{office}.v1"):
            signed = jose.read_jws(
                jose.open_sealed(envelope.decode(), {inbox.kid: inbox}).decode(), signing.ENVELOPE, max_bytes=512 * 1024
            )
            claims = EnvelopeClaims.model_validate_json(jose.verify_jws(signed, self.house.key.public))
            found.append((keyseq, Task.model_validate_json(strictjson.dumps(claims.body))))
        return found

    async def task(self, office: str, step: str) -> Task:
        """Give the newest task of a step at an office."""
        return [t for _, t in await self.envelopes(office) if t.step == f"open-shop/{step}"][-1]

    def proof(self, token: str) -> CaseProof:
        ours = jose.read_jws(token, signing.CASE_PROOF, max_bytes=16 * 1024)
        return CaseProof.model_validate_json(jose.verify_jws(ours, self.house.key.public))

    async def approve(self, office: str, step: str, **changes: Any) -> list[str]:
        """Issue what the task orders, and let the worker go on; gives the certificates' ids."""
        task = await self.task(office, step)
        facts = [self.fact(office, task, order.type, **changes) for order in task.issues]
        if step == "r1" and facts[0].organisation is None:
            facts = [facts[0].model_copy(update={"organisation": NOODLES})]
        for fact in facts:
            await self.house.hear(fact)
        await self.run()
        return [fact.certificate_id for fact in facts]

    def fact(self, office: str, task: Task, kind: str, **changes: Any) -> Fact:
        said = {
            "certificateId": str(uuid7()), "version": 1, "office": office, "type": kind, "typeCode": f"{office}001",
            "status": "01", "caseId": task.case_id, "taskId": task.task_id, **changes,
        }  # fmt: skip
        return Fact.model_validate(said)

    async def end(self, office: str, kind: str, certificate_id: str, status: str, **changes: Any) -> None:
        """Let an office end a certificate."""
        said = {
            "certificateId": certificate_id, "version": 1, "office": office, "type": kind,
            "typeCode": f"{office}001", "status": status, **changes,
        }  # fmt: skip
        await self.house.hear(Fact.model_validate(said), "revoked")
        await self.run()

    async def refuse(self, office: str, step: str) -> None:
        said = RefuseTask(code="KITCHEN_TOO_SMALL", reason="Ten square metres are due.")
        task = await self.task(office, step)
        await self.house.deciding.refuse(office, task.task_id, said, self.idem(office))
        await self.run()

    async def withdraw(self, case_id: str, who: str = OWNER) -> CaseView:
        said = WithdrawCase(reason="I found another place.")
        answer = await self.house.applying.withdraw(who, case_id, said, self.idem(who))
        await self.run()
        return CaseView.model_validate_json(answer.body)

    async def take(self, case_id: str, step: str, *, accept: bool, who: str = OWNER) -> None:
        await self.house.applying.take_offer(who, case_id, step, TakeOffer(accept=accept), self.idem(who))
        await self.run()

    async def states(self, case_id: str) -> dict[str, str]:
        """Give each step's state; of several offices joined by a comma."""
        found: dict[str, str] = {}
        for step in (await self.house.view(case_id)).steps:
            name = step.step.partition("/")[2]
            found[name] = f"{found[name]},{step.state}" if name in found else step.state
        return found

    async def step(self, case_id: str, name: str) -> StepView:
        return next(s for s in (await self.house.view(case_id)).steps if s.step.endswith(f"/{name}"))
