# SPDX-License-Identifier: EUPL-1.2
"""An office that joins brings a card and entries; the stack keeps them, and never a private key."""

import json
from pathlib import Path

import pytest

from local_stack import guests, seed
from local_stack.account import ordinary
from local_stack.errors import StackError
from local_stack.keys import Keyring
from local_stack.layout import Layout
from local_stack.table import DEPLOYMENTS
from tongban.joining import make_keys

PARKS = "119999000000003261"
TEMPLATE = Path(__file__).parents[4] / "examples/offices/template"


def handed_over(folder: Path, office: str = PARKS, system: str = "parks-office") -> Path:
    make_keys(folder, office=office, system=system)
    (folder / "catalogue").mkdir()
    (folder / "catalogue/parks.yaml").write_text((TEMPLATE / "catalogue/parks.yaml").read_text())
    return folder


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    (tmp_path / "run").mkdir()
    return Layout(tmp_path / "state", tmp_path / "run")


def test_a_guest_is_answered_for_by_the_shared_deployment_alone(layout: Layout, tmp_path: Path) -> None:
    guests.keep(layout, guests.read(handed_over(tmp_path / "mine")))
    for system, deployment in DEPLOYMENTS.items():
        assert (PARKS in guests.offices_of(layout, deployment)) is (system == guests.HOST)
    assert not [file for file in layout.run.rglob("*.jwk") if "parks" in str(file)]


def test_a_guest_is_registered_and_released_with_everybody_else(layout: Layout, tmp_path: Path) -> None:
    guests.keep(layout, guests.read(handed_over(tmp_path / "mine")))
    keyring = Keyring(layout, ordinary())
    keyring.make()
    [system] = [one for one in seed.system_records(keyring) if one["systemId"] == "parks-office"]
    [office] = [one for one in seed.office_records(keyring) if one["office"] == PARKS]
    assert (system["operator"], system["role"]) == (PARKS, "office")
    assert {key["use"] for key in office["keys"]} == {"answering", "issuing", "inbox"}
    assert "tree-permit" in {entry["id"] for entry in seed.read_all(layout)[0]}


def test_a_card_that_is_none_or_names_somebody_else_is_refused(tmp_path: Path) -> None:
    folder = handed_over(tmp_path / "mine")
    card = json.loads((folder / "office.json").read_text())
    for change, code in (
        ({"keys": {}}, "CARD_UNREADABLE"),
        ({"system": "licensing"}, "OFFICE_KNOWN"),
        ({"office": "1199990000000006XB"}, "OFFICE_KNOWN"),
    ):
        (folder / "office.json").write_text(json.dumps({**card, **change}))
        with pytest.raises(StackError) as refused:
            guests.read(folder)
        assert refused.value.code == code
