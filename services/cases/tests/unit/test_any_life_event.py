# SPDX-License-Identifier: EUPL-1.2
"""Whatever life event is written down and whatever people do: no case hangs, nothing is done or asked twice."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cases import domain, planner
from cases.domain import Case, Need, Step, Subject
from cases.errors import StepHasIssued, StepNotReopenable
from cases.service.laying import lay_out
from cases.service.planning import wanted
from contracts.catalogue import Catalogue, LifeEvent
from contracts.catalogue.entries import parse_entry
from contracts.ids import uuid7

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
LEAD = "119999000000002030"
OFFICES = ["1199990000000006XB", "119999000000000941", "11999900000000078B"]
TYPES = ["alpha", "beta", "gamma"]
MODES = ["auto", "review", "commitment", "offer"]


@st.composite
def life_events(draw: st.DrawFn, *, checks: bool = False) -> LifeEvent:
    """Draw steps in a random order of waiting; an organisation is founded by any of them, or given.

    checks: most steps only look at something, one after the other, so that much can be done again.
    """
    one = st.nothing() if checks else st.lists(st.sampled_from(OFFICES), min_size=1, max_size=2, unique=True)
    steps: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 6))):
        earlier = [step["id"] for step in steps]
        ways = st.fixed_dictionaries({"type": st.sampled_from(TYPES), "of": st.sampled_from(["owner", "business"])})
        needs = draw(st.lists(st.lists(ways, min_size=1, max_size=3), max_size=1 if checks else 2))
        looks = checks and draw(st.integers(0, 3)) > 0
        steps.append(
            {
                "id": f"s{number}",
                "tasks": draw(one | st.sampled_from([OFFICES[:1], OFFICES[:1], OFFICES[1:2], OFFICES[:2]])),
                "service": f"service-{number}",
                "mode": draw(st.sampled_from(MODES)),
                "after": draw(st.lists(st.sampled_from(earlier), unique=True, min_size=int(checks), max_size=3))
                if earlier
                else [],
                "needs": [{"anyOf": way} for way in needs],
                "issues": draw(
                    st.lists(
                        st.fixed_dictionaries(
                            {"type": st.sampled_from(TYPES), "to": st.sampled_from(["owner", "business"])}
                        ),
                        max_size=0 if looks else 2,
                    )
                ),
                "optional": draw(st.booleans()),
                "onRefusal": draw(st.sampled_from(["dependents", "all"])),
                "onWithdrawal": draw(st.sampled_from(["keep", "cancel"])),
            }
        )
    entry = parse_entry(
        {
            "kind": "lifeEvent", "id": "anything", "lead": LEAD, "title": {"en": "Any", "zh-CN": "Any"}, "steps": steps,
            "subjects": {"owner": "person", "business": "organisation"}, "from": "2025-01-01",
        }
    )  # fmt: skip
    assert isinstance(entry, LifeEvent)
    return entry


MOST_REOPENINGS = 4
"""A case in which somebody does the same again for ever has no end, and needs none here."""


class AnyPower(Catalogue):
    """Lists in which every office may issue everything."""

    def __init__(self) -> None:
        super().__init__(1, [])

    def may_issue(self, office: str, type_name: str, on: object) -> Any:
        return (office, type_name)


class World:
    """One case, moved by the rules alone; a test chooses what happens next."""

    def __init__(self, event: LifeEvent, choice: planner.Choice, code: str | None) -> None:
        self.case = Case("c", event.id, "applicant", "open", 0, "v", NOW, lead=event.lead)
        self.subjects = [Subject("owner", 0, "applicant"), Subject("business", 0, None, code)]
        unfounded = {s.name for s in self.subjects if not s.known}
        self.steps = lay_out(AnyPower(), event, choice.steps, unfounded, "c", NOW)
        self.needs: dict[str, list[Need]] = {}
        self.asked: Counter[tuple[str, int, str, str]] = Counter()
        self.begun: Counter[str] = Counter()
        self.decided: Counter[str] = Counter()
        self.reopenings = 0
        self.move([])

    def move(self, moves: list[Step], *, back: bool = False) -> None:
        before = {s.step_id: s for s in self.steps}
        self.steps = domain.settled(self.steps, moves, NOW)
        for step in self.steps:
            was = before[step.step_id]
            goes_back = back and (was.state, step.state) == ("done", "waiting")
            assert was.state not in domain.FINAL_STEPS or step.state in (was.state, "undone") or goes_back
        if self.case.state == domain.OPEN:
            self.case = replace(self.case, state=domain.case_state(self.steps))

    def choices(self) -> list[tuple[str, Step]]:
        """Give what may happen now: (what, to which step)."""
        found = [("start", s) for s in self.steps if domain.can_start(s, self.steps)]
        found += [(what, s) for s in self.steps if s.state == "offered" for what in ("take", "decline")]
        found += [("answer", s) for s in self.steps if s.state == "gathering"]
        found += [(what, s) for s in self.steps if s.state == "tasked" for what in ("approve", "refuse", "deem")]
        found += [("hand", s) for s in self.steps if s.state == "done" and domain.owes(s)]
        return found + (self.reopenable() if self.reopenings < MOST_REOPENINGS else [])

    def reopenable(self) -> list[tuple[str, Step]]:
        """Give what an office may do again from which of its tasks."""
        found = []
        for step in (s for s in self.steps if s.state == "tasked"):
            for name in {s.name for s in self.steps}:
                try:
                    domain.reopened(step, name, "It changed.", self.steps)
                except (StepHasIssued, StepNotReopenable):
                    continue
                found.append((f"reopen {name}", step))
        return sorted(found, key=lambda one: (one[0], one[1].step_id))

    def reopen(self, step: Step, name: str) -> None:
        """Do an earlier step again: all that rests on it waits, and is asked, begun and decided once more."""
        before = {s.step_id: s for s in self.steps}
        back = domain.reopened(step, name, "It changed.", self.steps)
        self.reopenings += 1
        self.move(back, back=True)
        gone = {s.step_id for s in back}
        assert step.step_id in gone
        for one in self.steps:
            assert one.state == "waiting" if one.step_id in gone else one == before[one.step_id]
            assert not (one.step_id in gone and before[one.step_id].certificate_id)
        for step_id in gone:
            self.needs.pop(step_id, None)
            del self.begun[step_id], self.decided[step_id]
        self.asked = Counter({key: n for key, n in self.asked.items() if key[0] not in gone})

    def start(self, step: Step) -> None:
        if domain.is_offer(step):
            self.move([replace(step, state="offered")])
            return
        self.begun[step.step_id] += 1
        needs = wanted(step.wants or (), self.subjects)
        self.needs[step.step_id] = [self._need(step, at, list(one.ways)) for at, one in enumerate(needs)]
        self.move([replace(step, state="gathering" if needs else "tasked")])

    def _need(self, step: Step, at: int, ways: list[tuple[str, Subject]]) -> Need:
        (kind, subject), *left = ways
        self.asked[step.step_id, at, kind, f"{subject.name}{len(left)}"] += 1
        others = tuple(domain.Alternative(k, s.name, s.position) for k, s in left)
        return Need(
            str(uuid7()), step.step_id, at, kind, subject.name, 0, str(uuid7()), "s", "asked", alternatives=others
        )

    def answer(self, step: Step, code: str | None) -> None:
        needs = self.needs[step.step_id]
        at = next(i for i, need in enumerate(needs) if need.state == "asked")
        need = needs[at]
        if code is None:
            needs[at] = replace(need, state="answered")
        elif domain.tries_another(need, code):
            known = {s.name: s for s in self.subjects}
            needs[at] = self._need(step, need.position, [(a.type, known[a.name]) for a in need.alternatives])
        else:
            needs[at] = replace(need, state="refused", code=code)
        if domain.needs_resolved(needs):
            self.move([replace(step, state="tasked")])

    def end(self, what: str, step: Step) -> None:
        self.decided[step.step_id] += 1
        if what == "refuse":
            refused = replace(step, state="refused", code="NO")
            self.move([refused, *domain.cancelled_by(refused, self.steps)])
            return
        if what == "approve":
            for issue in step.issues:
                founded = domain.founded_by(step, issue.type, self.subjects)
                self.subjects = [replace(s, organisation=OFFICES[0]) if s == founded else s for s in self.subjects]
        self.move([replace(step, state="done", deemed=what == "deem")])

    def hand(self, step: Step) -> None:
        """Hand over what passed by silence."""
        for issue in step.issues:
            founded = domain.founded_by(step, issue.type, self.subjects)
            self.subjects = [replace(s, organisation=OFFICES[0]) if s == founded else s for s in self.subjects]
        self.move([replace(step, certificate_id="c")])

    def check(self) -> None:
        assert domain.accountable(self.case, self.steps) == LEAD
        assert all(step.accountable for step in self.steps)
        assert max(self.asked.values(), default=0) <= 1
        assert max(self.begun.values(), default=0) <= 1
        assert max(self.decided.values(), default=0) <= 1
        over = all(step.state in domain.FINAL_STEPS for step in self.steps)
        assert (self.case.state == domain.OPEN) == (not over)
        assert over or self.choices(), "an open case in which nothing can happen"
        rests = {"waiting", "skipped", "cancelled", "offered"} | ({"refused", "undone"} if self.reopenings else set())
        for step in self.steps:  # nothing runs before what it waits for; what had ended before a reopening stays
            ran = step.state not in rests
            before = [s for s in self.steps if s.name in step.after]
            assert not ran or all(s.state in ("done", "skipped", "undone") for s in before)


def _happens(world: World, data: st.DataObject) -> None:
    what, step = data.draw(st.sampled_from(world.choices()), label="what happens")
    match what:
        case "start":
            world.start(step)
        case "take":
            world.move([replace(step, state="waiting", accepted_at=NOW)])
        case "decline":
            world.move([replace(step, state="skipped")])
        case "answer":
            codes = [None, None, "NOT_MATCHED", "NO_HOLDER", "EVIDENCE_TIMEOUT"]
            world.answer(step, data.draw(st.sampled_from(codes), label="answer"))
        case "hand":
            world.hand(step)
        case _ if what.startswith("reopen "):
            world.reopen(step, what.removeprefix("reopen "))
        case _:
            world.end(what, step)


@settings(max_examples=150, deadline=None)
@given(event=life_events() | life_events(checks=True), exists=st.booleans(), data=st.data())
def test_a_case_of_any_life_event_goes_on_until_it_is_over(event: LifeEvent, exists: bool, data: st.DataObject) -> None:
    code = OFFICES[0] if exists else None
    services = data.draw(st.none() | st.sets(st.sampled_from([s.service for s in event.steps]), min_size=1))
    choice = planner.choose(event, services, ["business"] if exists else [])
    while choice.missing:  # what is named as missing is chosen too
        services = {*(services or ()), *(gap.service for gap in choice.missing)}
        services |= {s.service for s in event.steps if s.id in choice.steps}
        choice = planner.choose(event, services, ["business"] if exists else [])
    world = World(event, choice, code)
    world.check()
    steps = 0
    while world.case.state == domain.OPEN:
        _happens(world, data)
        world.check()
        steps += 1
        assert steps < 500


@settings(max_examples=120, deadline=None)
@given(event=life_events(checks=True), data=st.data())
def test_a_step_that_is_done_again_holds_nothing_up(event: LifeEvent, data: st.DataObject) -> None:
    """Whenever something can be done again it is, until it may no more: the case still comes to its end."""
    world = World(event, planner.Choice(tuple(s.id for s in event.steps), ()), None)
    steps = 0
    while world.case.state == domain.OPEN:
        again = world.reopenable() if world.reopenings < MOST_REOPENINGS else []
        if again:
            what, step = data.draw(st.sampled_from(again), label="what is done again")
            world.reopen(step, what.removeprefix("reopen "))
        else:
            _happens(world, data)
        world.check()
        steps += 1
        assert steps < 500


@settings(max_examples=80, deadline=None)
@given(event=life_events(), data=st.data(), moves=st.integers(0, 30))
def test_a_withdrawal_at_any_moment_leaves_nothing_open(event: LifeEvent, data: st.DataObject, moves: int) -> None:
    world = World(event, planner.Choice(tuple(s.id for s in event.steps), ()), None)
    for _ in range(moves):
        if world.case.state == domain.OPEN:
            _happens(world, data)
    was = {s.step_id: s.state for s in world.steps}
    world.case = replace(world.case, state="withdrawn")
    world.move(domain.withdrawn(world.steps, None, NOW))
    for step in world.steps:
        assert step.state in domain.FINAL_STEPS
        told = was[step.step_id] == "done" and step.on_withdrawal == "cancel"
        assert (step.again == "undo") == told
    assert domain.withdrawn(world.steps, None, NOW) == [s for s in world.steps if s.again == "undo"]


@settings(max_examples=80, deadline=None)
@given(event=life_events(), data=st.data())
def test_a_broken_promise_leaves_nothing_that_rests_on_it(event: LifeEvent, data: st.DataObject) -> None:
    world = World(event, planner.Choice(tuple(s.id for s in event.steps), ()), None)
    while world.case.state == domain.OPEN:
        done = [s for s in world.steps if s.state == "done" and s.mode == "commitment"]
        breaks: bool = data.draw(st.booleans(), label="a promise breaks")
        if done and breaks:
            broken = data.draw(st.sampled_from(done))
            world.move(domain.promise_broken(broken, world.steps, NOW))
            resting = domain.dependents(broken, world.steps)
            assert all(s.state in domain.FINAL_STEPS for s in resting)
            assert all(s.again == "undo" for s in resting if s.state == "done")
        else:
            _happens(world, data)
        assert world.case.state != domain.OPEN or world.choices()
