# SPDX-License-Identifier: EUPL-1.2
"""Market regulation: decides about food licences by rule, from evidence that other offices sealed to it.

python -m example_offices.licensing --gateway URL --secrets DIR --trust FILE --state DIR [--once]
"""

import argparse
import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from contracts.envelopes import Answer, Task
from contracts.exchange_bus import Delivery
from example_offices import program
from example_offices.drawer import Drawer
from example_offices.program import Say
from tongban import Facts, NotBelieved, Office, Problem

BUSINESS_USES = {"shop", "restaurant"}
FIT_FOR = timedelta(days=366)
YEARS = 5


class Refused(Exception):
    """The rule says no. code, reason: what the applicant reads."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


def decide(task: Task, evidence: Sequence[Facts], day: date) -> dict[str, Any]:
    """Give the licence's claims, or raise Refused. evidence: one for each need that was answered."""
    missing = [need.type for need in task.needs if need.outcome != "answered"]
    if missing:
        raise Refused("EVIDENCE_MISSING", f"no office could attest: {', '.join(sorted(set(missing)))}")
    titles = [one.claims for one in evidence if one.type == "title"]
    if not titles or any(title.get("use") not in BUSINESS_USES for title in titles):
        raise Refused("PREMISES_UNFIT", "the premises have no title for business use")
    for one in (facts.claims for facts in evidence if facts.type == "staff-health"):
        if one.get("result") != "fit" or date.fromisoformat(str(one.get("examinedOn"))) + FIT_FOR < day:
            raise Refused("STAFF_NOT_FIT", "an employee has no valid health attestation")
    return {
        "holder": program.SELF,
        "tradeName": str(task.input.get("tradeName", "")),
        "place": str(titles[0]["place"]),
        "number": licence_number(task.task_id),
    }


def licence_number(task_id: str) -> str:
    """Give the number of the licence that a task leads to: always the same, so that a repeat issues no second one."""
    return f"JY{int(hashlib.sha256(task_id.encode()).hexdigest(), 16) % 10**14:014d}"


class Desk:
    """Takes deliveries; decides each task as soon as every answer that it rests on is here.

    habit: a fact that a clerk of the old school would still want on paper, from the applicant.
    """

    def __init__(self, office: Office, drawer: Drawer, say: Say, habit: str | None = None) -> None:
        self._office, self._drawer, self._say, self._habit = office, drawer, say, habit

    async def take(self, delivery: Delivery) -> None:
        """Check a delivery, keep it, and decide what can be decided. One that can't be believed changes nothing."""
        try:
            opened = await self._office.open(delivery)
        except NotBelieved as why:
            self._say(f"delivery put aside: {why.code}")
            return
        self._say(f"{opened.kind} opened, signed by {opened.issuer}")
        if opened.kind in ("answer", "task"):
            self._drawer.put(delivery)
        for _task_id, day, sealed in self._drawer.tasks():
            task = (await self._office.open(sealed)).body
            if isinstance(task, Task):
                await self._work_on(task, day)

    async def _work_on(self, task: Task, day: date) -> None:
        answers = await self._answers(task)
        if answers is None:
            return
        if self._habit is not None:
            await self._demand(task, self._habit)
        try:
            evidence = [self._verified(answer) for answer in answers.values()]
            claims = decide(task, evidence, day)
            until = date(day.year + YEARS, day.month, min(day.day, 28))
            issued = await self._office.approve(task, claims, valid_from=day, valid_to=until)
            self._say(f"task {task.task_id}: licence {claims['number']} issued ({issued.licence_id})")
        except Refused as no:
            await self._office.refuse(task.task_id, code=no.code, reason=no.reason)
            self._say(f"task {task.task_id}: refused, {no.code}")
        self._drawer.empty([("task", task.task_id), *(("answer", request_id) for request_id in answers)])

    async def _answers(self, task: Task) -> Mapping[str, Answer] | None:
        """Open the answers that a task rests on, by request id; None while one isn't here."""
        found: dict[str, Answer] = {}
        for need in (need for need in task.needs if need.outcome == "answered"):
            sealed = self._drawer.get("answer", need.request_id)
            body = (await self._office.open(sealed)).body if sealed is not None else None
            if not isinstance(body, Answer) or (body.request_id, body.type) != (need.request_id, need.type):
                return None
            found[need.request_id] = body
        return found

    def _verified(self, answer: Answer) -> Facts:
        try:
            facts = self._office.facts_of(answer)
        except NotBelieved as why:
            raise Refused("EVIDENCE_INVALID", f"the attestation does not hold: {why.code}") from why
        self._say(f"{facts.type} verified offline, attested by {facts.office}: {', '.join(sorted(facts.claims))}")
        return facts

    async def _demand(self, task: Task, fact: str) -> None:
        try:
            await self._office.demand(task.task_id, fact)
        except Problem as refused:
            self._say(f"task {task.task_id}: asking for {fact} refused, {refused.code} ({refused.status})")


async def work(office: Office, given: argparse.Namespace) -> None:
    """Take deliveries, until told to stop."""
    drawer = Drawer(given.state / "drawer.sqlite")
    desk = Desk(office, drawer, program.say, given.demand)
    try:
        await program.take_all(office, given, desk.take)
    finally:
        drawer.close()


def main() -> None:
    """Run the program."""
    parser = program.options("Decide about food licences.")
    parser.add_argument("--demand", metavar="FACT", help="ask the applicant for this proof before deciding")
    program.run("licensing", parser, work)


if __name__ == "__main__":
    main()
