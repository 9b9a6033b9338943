# SPDX-License-Identifier: EUPL-1.2
"""What changed between two catalogues, said so that a person can judge it."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from contracts.catalogue import Entry, parse_entry
from tongban import catalogue_diff, cli
from tongban.catalogue_files import CatalogueUnreadable, load_entries

CATALOGUE = Path(__file__).parents[3] / "catalogue"
MARKET, TAX, FIRE = "1199990000000006XB", "119999000000000941", "11999900000000078B"
RAW = load_entries(CATALOGUE)


def _entries(**changes: dict[str, Any] | None) -> list[Entry]:
    """Give the demo country with entries changed by id (`_` for `-`); None takes one out."""
    by_id = {name.replace("_", "-"): change for name, change in changes.items()}
    kept = [raw for raw in RAW if by_id.get(raw["id"], {}) is not None]
    return [parse_entry({**raw, **(by_id.get(raw["id"]) or {})}) for raw in kept]


def _words(before: list[Entry], after: list[Entry]) -> list[str]:
    return [line.strip() for line in catalogue_diff.in_words(before, after)]


def test_the_same_catalogue_has_no_difference() -> None:
    assert _words(_entries(), list(reversed(_entries()))) == ["no difference"]


def test_a_power_that_is_new_is_said_under_its_office() -> None:
    said = _words(_entries(PW_0251=None), _entries())
    assert said[0] == f"Fire ({FIRE})"
    assert said[1:] == [
        "newly: may issue fire-check in fire-check, by Fire Protection Law, from 2025-09-01 on [PW-0251]"
    ]


def test_a_grant_that_is_gone_is_said_to_whoever_lived_on_it() -> None:
    office, said = _words(_entries(), _entries(G_0902=None))
    assert office == f"Tax ({TAX})"
    assert said == (
        "no longer: may hear of food-licence (number, place) of Market regulation for tax-registration "
        "whenever it changes, by Tax Collection Law [G-0902]"
    )


def test_an_entry_that_got_an_end_is_no_longer_and_says_from_when() -> None:
    said = _words(_entries(), _entries(P_0263={"to": "2027-01-01"}))
    assert said[1] == (
        "no longer: may ask the applicant for sign-text in open-restaurant/r6, by local rule on shop signs, "
        "from 2027-01-01 on [P-0263]"
    )


def test_a_changed_deadline_says_from_what_to_what() -> None:
    wish = {"version": 2, "within": {"workingDays": 15}, "onSilence": "escalate", "from": "2027-01-01"}
    said = _words(_entries(), _entries(RS_0261=wish))
    assert said[2:] == [
        "version 1 -> 2",
        "from: 2025-09-01 -> 2027-01-01",
        "onSilence: deemed -> escalate",
        "within.workingDays: 5 -> 15",
    ]


def test_a_fee_is_said_in_yuan() -> None:
    said = _words(_entries(), _entries(RS_0261={"version": 2, "fee": 12005}))
    assert said[1].endswith("silence passes it; charges 120.05 yuan [RS-0261]")
    assert said[2:] == ["version 1 -> 2", "fee: 50.00 yuan -> 120.05 yuan"]


def test_who_sees_first_what_would_go_is_said_also_where_the_entry_leaves_it_out() -> None:
    said = _words(_entries(), _entries(P_0244={"version": 2, "preview": "required"}))
    assert "(by register, title of Natural resources or lease of Housing), seen first by the person, by" in said[1]
    assert said[2:] == ["version 1 -> 2", "preview: offered -> required"]
    by_law = _words(_entries(), _entries(P_0244={"version": 2, "legalBasis": "law"}))
    assert by_law[2:] == ["version 1 -> 2", "legalBasis: request -> law", "preview: offered -> none"]


def test_each_clock_that_changed_is_said_by_its_name() -> None:
    said = _words(_entries(), _entries(P_0244={"version": 2, "clocks": {"opening": "PT30M", "deciding": "PT2H"}}))
    assert said[2:] == ["version 1 -> 2", "clocks.deciding: nothing -> PT2H", "clocks.opening: nothing -> PT30M"]


def test_fields_that_come_and_go_are_named() -> None:
    said = _words(_entries(), _entries(G_0251={"version": 2, "fields": ["number", "scope"]}))
    assert "fields: scope came; tradeName, place went" in said


def test_a_step_of_a_life_event_is_named_by_its_id() -> None:
    event = next(raw for raw in RAW if raw["id"] == "open-restaurant")
    steps = [{**step, "mode": "auto"} if step["id"] == "r6" else step for step in event["steps"] if step["id"] != "r7"]
    said = _words(_entries(), _entries(open_restaurant={"version": 2, "steps": steps}))
    assert said[0] == f"Market regulation ({MARKET})"
    assert {"steps r6.mode: review -> auto", "steps: r7 is gone"} <= set(said)


def test_a_change_within_a_version_is_pointed_out_since_publishing_refuses_it() -> None:
    said = _words(_entries(), _entries(RS_0261={"risk": "medium"}))
    assert said[2:] == ["in the same version, which no running release takes", "risk: low -> medium"]


def test_a_power_that_moves_to_another_office_is_said_to_both() -> None:
    said = _words(_entries(), _entries(PW_0271={"office": MARKET}))
    assert [line.split(":")[0] for line in said] == [
        f"Market regulation ({MARKET})",
        "newly",
        "Tobacco (119999000000001317)",
        "no longer",
    ]


def test_the_calendar_concerns_everybody() -> None:
    said = _words(_entries(), _entries(working_days={"version": 2, "workdays": ["2026-01-04"]}))
    assert said[0] == "Everybody"


def test_every_kind_of_entry_has_words() -> None:
    said = catalogue_diff.in_words([], _entries())
    assert len(said) > len(RAW)
    assert not any(" newly: lifeEvent" in line or " newly: grant" in line for line in said)


def test_a_folder_and_a_release_as_published_may_be_compared(tmp_path: Path) -> None:
    release = tmp_path / "release.json"
    release.write_text(json.dumps({"entries": [raw for raw in RAW if raw["id"] != "PW-0251"]}))
    result = CliRunner().invoke(cli.app, ["catalogue", "diff", str(release), str(CATALOGUE)])
    assert result.exit_code == 0
    assert "may issue fire-check" in result.output


@pytest.mark.parametrize("text", ["{", "{}", '{"entries": [1]}', '[{"kind": "power"}]'])
def test_a_file_that_is_no_release_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "release.json").write_text(text)
    with pytest.raises(CatalogueUnreadable):
        catalogue_diff.read(tmp_path / "release.json")
    result = CliRunner().invoke(cli.app, ["catalogue", "diff", str(CATALOGUE), str(tmp_path / "release.json")])
    assert result.exit_code == 1
