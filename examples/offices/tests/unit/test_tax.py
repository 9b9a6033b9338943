# SPDX-License-Identifier: EUPL-1.2
"""Tax learns number and place, and nothing while a licence is suspended."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.certificates.api import Presentation
from contracts.envelopes import Share
from example_offices.desk import Desk, Ways
from example_offices.drawer import Drawer
from example_offices.tax import listener
from tongban import Facts, NotBelieved

from .doubles import MARKET, NOW, FakeOffice, delivery


def share(fact: str, status: str, version: int) -> Share:
    shown = Presentation(credential="x~", evidence_digest="A" * 43) if status == "01" else None
    return Share.model_validate(
        {"share_id": "S" * 43, "grant_id": "G-0902", "fact": fact, "type": "food-licence", "office": MARKET,
         "certificate_version": version, "status": status, "presentation": shown}
    )  # fmt: skip


class TaxOffice(FakeOffice):
    holds = True

    def verify_offline(self, _presentation: Presentation, **_expected: Any) -> Facts:
        if not self.holds:
            raise NotBelieved("SIGNATURE_INVALID")
        return Facts(MARKET, "food-licence", {"number": "JY1", "place": "12 Lotus Lane"}, None, NOW, None)


@pytest.fixture
def drawer(tmp_path: Path) -> Iterator[Drawer]:
    held = Drawer(tmp_path / "drawer.sqlite")
    yield held
    held.close()


async def hear(office: TaxOffice, drawer: Drawer, folder: Path, *shares: Share) -> list[str]:
    said: list[str] = []
    desk = Desk(office, drawer, said.append, Ways(hear=listener(office, folder, said.append)))  # type: ignore[arg-type]
    for place, one in enumerate(shares):
        office.bodies[f"s{place}"] = one
        await desk.take(delivery("share", f"s{place}"))
    return said


async def test_tax_follows_a_licence_through_suspension_and_back(drawer: Drawer, tmp_path: Path) -> None:
    shares = share("issued", "01", 1), share("suspended", "02", 2), share("reinstated", "01", 3)
    said = await hear(TaxOffice(), drawer, tmp_path, *shares)
    assert [line.split(",")[0] for line in said] == [
        "food-licence issued",
        "food-licence suspended",
        "food-licence reinstated",
    ]
    assert "number JY1" in said[1]  # known from before: the suspension itself discloses nothing
    (known,) = json.loads((tmp_path / "licences.json").read_text()).values()
    assert known == {"number": "JY1", "place": "12 Lotus Lane", "status": "01"}


async def test_what_can_not_be_believed_changes_nothing(drawer: Drawer, tmp_path: Path) -> None:
    office = TaxOffice()
    office.holds = False
    assert await hear(office, drawer, tmp_path, share("issued", "01", 1)) == ["delivery put aside: SIGNATURE_INVALID"]
    assert not (tmp_path / "licences.json").exists()
