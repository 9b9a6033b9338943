# SPDX-License-Identifier: EUPL-1.2
"""A fact that an office holds has no second entry beside it by which the applicant could be asked."""

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
