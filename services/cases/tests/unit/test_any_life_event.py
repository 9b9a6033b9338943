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
def life_events(draw: st.DrawFn) -> LifeEvent:
    """Draw steps in a random order of waiting; an organisation is founded by any of them, or given."""
    steps: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 6))):
        earlier = [step["id"] for step in steps]
        ways = st.fixed_dictionaries({"type": st.sampled_from(TYPES), "of": st.sampled_from(["owner", "business"])})
        needs = draw(st.lists(st.lists(ways, min_size=1, max_size=3), max_size=2))
        steps.append(
            {
                "id": f"s{number}",
                "tasks": draw(st.lists(st.sampled_from(OFFICES), min_size=1, max_size=2, unique=True)),
                "service": f"service-{number}",
                "mode": draw(st.sampled_from(MODES)),
                "after": draw(st.lists(st.sampled_from(earlier), unique=True, max_size=3)) if earlier else [],
                "needs": [{"anyOf": way} for way in needs],
                "issues": draw(
                    st.lists(
                        st.fixed_dictionaries(
                            {"type": st.sampled_from(TYPES), "to": st.sampled_from(["owner", "business"])}
                        ),
                        max_size=2,
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
        self.move([])

    def move(self, moves: list[Step]) -> None:
        before = {s.step_id: s for s in self.steps}
        self.steps = domain.settled(self.steps, moves, NOW)
        for step in self.steps:
            was = before[step.step_id]
            assert was.state not in domain.FINAL_STEPS or step.state in (was.state, "undone")
        if self.case.state == domain.OPEN:
            self.case = replace(self.case, state=domain.case_state(self.steps))

    def choices(self) -> list[tuple[str, Step]]:
        """Give what may happen now: (what, to which step)."""
        found = [("start", s) for s in self.steps if domain.can_start(s, self.steps)]
        found += [(what, s) for s in self.steps if s.state == "offered" for what in ("take", "decline")]
        found += [("answer", s) for s in self.steps if s.state == "gathering"]
        found += [(what, s) for s in self.steps if s.state == "tasked" for what in ("approve", "refuse", "deem")]
        return found + [("hand", s) for s in self.steps if s.state == "done" and domain.owes(s)]

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
        for step in self.steps:  # nothing runs before what it waits for
            ran = step.state not in ("waiting", "skipped", "cancelled", "offered")
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
        case _:
            world.end(what, step)


@settings(max_examples=150, deadline=None)
@given(event=life_events(), exists=st.booleans(), data=st.data())
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
