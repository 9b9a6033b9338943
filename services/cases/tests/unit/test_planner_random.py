# SPDX-License-Identifier: EUPL-1.2
"""Whatever the lists say and whatever a citizen picks: a plan, or the missing services by name."""

from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cases.planner import choose, make_plan
from contracts.cases import Plan, PlanWish
from contracts.catalogue import Catalogue, LifeEvent
from contracts.catalogue.entries import parse_entry

ON = date(2026, 11, 24)
SINCE = {"from": "2026-01-01"}
OFFICES = ["1199990000000006XB", "11999900000000107N", "11999900000000115H"]
TYPES, SERVICES = ["title", "lease", "licence"], ["a", "b", "c", "d"]
BUSINESS = "91999900000000166H"


def entry(kind: str, name: str, **said: Any) -> Any:
    return parse_entry({"kind": kind, "id": name, "law": "a law", **SINCE, **said})


def certificate_types() -> list[Any]:
    return [
        parse_entry(
            {
                "kind": "certificateType", "id": name, "typeCode": f"{OFFICES[0]}00{at}", "source": OFFICES[0],
                "holder": "either", "category": "register", "key": "number", "via": ["api"],
                "sharing": {"class": "conditional", "law": "a law"},
                "fields": [{"name": "number", "type": "text", "sensitivity": "internal"}], **SINCE,
            }
        )
        for at, name in enumerate(TYPES)
    ]  # fmt: skip


@st.composite
def life_events(draw: st.DrawFn) -> Any:
    """A life event in which steps wait for earlier ones only; services may be shared, a business may be founded."""
    steps = []
    for at in range(draw(st.integers(1, 7))):
        need = st.fixed_dictionaries({"type": st.sampled_from(TYPES), "of": st.sampled_from(["owner", "business"])})
        steps.append(
            {
                "id": f"s{at}",
                "tasks": draw(st.lists(st.sampled_from(OFFICES), min_size=1, max_size=2, unique=True)),
                "service": draw(st.sampled_from(SERVICES)),
                "mode": draw(st.sampled_from(["auto", "review", "offer"])),
                "after": draw(st.lists(st.sampled_from([f"s{n}" for n in range(at)]), max_size=2, unique=True))
                if at
                else [],
                "needs": draw(st.lists(need | st.fixed_dictionaries({"anyOf": st.lists(need, min_size=1, max_size=2)}),
                                       max_size=2)),
                "input": draw(st.lists(st.sampled_from(["plan", "name"]), max_size=2, unique=True)),
                "issues": draw(st.lists(st.just({"type": "licence", "to": "business"}), max_size=1)),
                "optional": draw(st.booleans()),
                "visit": draw(st.sampled_from([None, None, "site"])),
            }
        )  # fmt: skip
    return parse_entry(
        {
            "kind": "lifeEvent", "id": "e", "lead": OFFICES[0], "title": {"zh-CN": "e", "en": "e"}, "steps": steps,
            "subjects": {"owner": "person", "business": "organisation"},
            "input": [{"id": "name", "type": "text"}, {"id": "plan", "type": "text"}], **SINCE,
        }
    )  # fmt: skip


@st.composite
def catalogues(draw: st.DrawFn) -> Catalogue:
    """Lists in which some needs may be asked and some may not."""
    event = draw(life_events())
    entries: list[Any] = [event, *certificate_types()]
    for step in event.steps:
        name = f"e/{step.id}"
        for office in step.tasks:
            if draw(st.integers(0, 9)):
                days = {"workingDays": draw(st.integers(1, 9))}
                entries.append(
                    entry("responsibility", f"RS-{len(entries)}", step=name, accountable=office, within=days,
                          onSilence="escalate", risk="low")
                )  # fmt: skip
            for kind in TYPES:
                provider = draw(st.sampled_from(OFFICES))
                basis = draw(st.sampled_from(["law", "request"]))
                if draw(st.booleans()):
                    entries.append(
                        entry("proof", f"P-{len(entries)}", service=step.service, askedBy=office, proves=kind,
                              route="register", sources=[{"office": provider, "type": kind}], legalBasis=basis)
                    )  # fmt: skip
                if draw(st.booleans()):
                    entries.append(
                        entry("grant", f"G-{len(entries)}", demand="DM-1", consumer=office, provider=provider,
                              type=kind, fields=["number"], mode="onRequest", purpose="p", basis=basis, steps=[name])
                    )  # fmt: skip
    return Catalogue(1, entries)


WISHES = st.fixed_dictionaries(
    {},
    optional={
        "services": st.lists(st.sampled_from(SERVICES), min_size=1, unique=True),
        "organisations": st.just({"business": BUSINESS}),
    },
)


def planned(lists: Catalogue, wish: Mapping[str, Any]) -> Plan:
    event = lists.life_event("e", ON)
    assert event is not None
    return make_plan(lists, event, PlanWish.model_validate({"life_event": "e", **wish}), ON)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lists=catalogues(), wish=WISHES)
def test_any_choice_gives_a_plan_and_what_it_lacks_makes_it_one(lists: Catalogue, wish: Mapping[str, Any]) -> None:
    event = lists.life_event("e", ON)
    assert event is not None
    found = planned(lists, wish)
    services = wish.get("services") or _services_of(event, wish)
    rounds = 0
    while found.missing:
        assert found.steps == []
        gaps = {gap.service for gap in found.missing}
        assert "services" not in wish or not gaps & set(services)
        services = list(dict.fromkeys([*services, *sorted(gaps)]))
        found = planned(lists, {**wish, "services": services})
        rounds += 1
    # Who picked services is told all at once; of who picked none, a first answer picks them by name.
    assert rounds <= (1 if "services" in wish else len(SERVICES))
    _holds_together(found, event)


def _services_of(event: LifeEvent, wish: Mapping[str, Any]) -> list[str]:
    chosen = choose(event, None, wish.get("organisations", ())).steps
    return list(dict.fromkeys(step.service for step in event.steps if step.id in chosen))


def _holds_together(found: Plan, event: LifeEvent) -> None:
    """Each step starts when the last that it waits for has ended, and the longest chain takes as long as the whole."""
    ends = {step.step: step.ends for step in found.steps}
    for step in found.steps:
        assert step.starts == max((ends[f"e/{name}"] for name in step.after), default=0)
        assert step.ends == step.starts + step.working_days
        assert all(bool(need.alternatives) == (need.code is None) for need in step.needs)
    days = {step.step: step.working_days for step in found.steps}
    assert found.working_days == max(ends.values(), default=0) == sum(days[name] for name in found.longest_chain)
    chain = list(found.longest_chain)
    after = {step.step: {f"e/{name}" for name in step.after} for step in found.steps}
    declared = {f"e/{s.id}": {f"e/{name}" for name in s.after} & after.keys() for s in event.steps}
    assert all(declared[name] <= waits for name, waits in after.items())
    assert all(first in after[second] for first, second in pairwise(chain))
    assert len(set(found.input)) == len(found.input)
    assert set(found.input) == {name for step in found.steps for name in step.input}
    assert found.visits == len({step.visit for step in found.steps if step.visit})
    assert {step.step.partition("/")[2] for step in found.steps} <= {step.id for step in event.steps}
