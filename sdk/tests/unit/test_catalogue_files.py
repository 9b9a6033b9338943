# SPDX-License-Identifier: EUPL-1.2
"""A catalogue as files: what is read, and what is refused before anybody sees it."""

from pathlib import Path

import pytest

from tongban.catalogue_files import CatalogueUnreadable, check_folder, load_entries, load_personas

CATALOGUE = Path(__file__).parents[3] / "catalogue"


def test_the_demo_country_may_be_published() -> None:
    assert check_folder(CATALOGUE) == []


def test_days_stay_text_so_that_the_api_takes_the_entries_as_they_are() -> None:
    assert all(isinstance(entry["from"], str) for entry in load_entries(CATALOGUE))


def test_people_of_the_sandbox_are_no_entries() -> None:
    people = load_personas(CATALOGUE)
    assert people
    assert all(person["number"].startswith("999900") for person in people)
    assert all("kind" in entry for entry in load_entries(CATALOGUE))


def test_a_name_that_stands_twice_in_an_entry_is_refused(tmp_path: Path) -> None:
    (tmp_path / "twice.yaml").write_text("- {kind: power, kind: office}")
    with pytest.raises(CatalogueUnreadable, match="twice"):
        load_entries(tmp_path)


def test_a_file_that_is_no_list_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "plain.yaml").write_text("kind: power")
    with pytest.raises(CatalogueUnreadable, match=r"plain\.yaml"):
        load_entries(tmp_path)
