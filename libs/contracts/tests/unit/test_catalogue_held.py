# SPDX-License-Identifier: EUPL-1.2
"""Ways round the lists that no release takes: a second entry beside a held fact, a step that outlives its power."""

import copy
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.catalogue.check import check

CATALOGUE = Path(__file__).parents[4] / "catalogue"
DEMO: list[dict[str, Any]] = json.loads(
    json.dumps(
        [
            entry
            for path in sorted(CATALOGUE.rglob("*.yaml"))
            for entry in yaml.safe_load(path.read_text())
            if "kind" in entry
        ],
        default=date.isoformat,
    )
)
HELD = next(entry for entry in DEMO if (entry["kind"], entry["id"]) == ("proof", "P-0204"))


def _faults_beside(**more: Any) -> list[tuple[str, str]]:
    """Give the faults of the demo country with a way round P-0204: the applicant is asked for the same fact."""
    beside = {**copy.deepcopy(HELD), "id": "P-9999", "route": "applicant", "sources": [], **more}
    _entries, faults = check([*DEMO, beside], test_area=True)
    return [(fault.pointer, fault.code) for fault in faults]


@pytest.mark.parametrize("step", [HELD["step"], None])
def test_a_held_fact_has_no_way_round(step: str | None) -> None:
    assert set(_faults_beside(step=step)) == {("/proof/P-9999/route", "HELD_BY_OFFICE")}


def test_another_fact_or_another_time_is_no_way_round() -> None:
    assert _faults_beside(proves="floor-colour") == []
    assert _faults_beside(**{"from": "2025-01-01", "to": HELD["from"]}) == []


@pytest.mark.parametrize(
    ("entry", "code"), [("power/PW-0204", "POWER_MISSING"), ("responsibility/RS-0241", "RESPONSIBILITY_MISSING")]
)
def test_a_step_lasts_no_longer_than_its_power_and_whoever_answers_for_it(entry: str, code: str) -> None:
    changed = [{**one, "to": "2025-10-01"} if f"{one['kind']}/{one['id']}" == entry else one for one in DEMO]
    _entries, faults = check(changed, test_area=True)
    assert ("/lifeEvent/open-restaurant/steps/3/tasks/0", code) in [(fault.pointer, fault.code) for fault in faults]
    followed = [*changed, *({**one, "id": f"{one['id']}-b", "from": "2025-10-01"} for one in DEMO if _is(one, entry))]
    assert check(followed, test_area=True)[1] == []


def _is(one: dict[str, Any], name: str) -> bool:
    return bool(f"{one['kind']}/{one['id']}" == name)
