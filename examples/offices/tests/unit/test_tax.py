# SPDX-License-Identifier: EUPL-1.2
"""Tax learns number and place, and nothing while a licence is suspended."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contracts.certificates.api import Presentation
from contracts.envelopes import Share
from contracts.exchange_bus import Delivery
from contracts.ids import uuid7
from example_offices.tax import Desk, Licences
from tongban import Facts, NotBelieved, Opened

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
MARKET = "1199990000000006XB"


def share(fact: str, status: str, version: int) -> Share:
    shown = Presentation(credential="x~", evidence_digest="A" * 43) if status == "01" else None
    return Share.model_validate(
        {"share_id": "S" * 43, "grant_id": "G-0902", "fact": fact, "type": "food-licence", "office": MARKET,
         "certificate_version": version, "status": status, "presentation": shown}
    )  # fmt: skip


def delivery() -> Delivery:
    return Delivery(
        delivery_id=str(uuid7()), seq=1, event_id=str(uuid7()), kind="share", key="S" * 43, keyseq=1, time=NOW,
        attributes={}, envelope="e30.AA.AA.AA.AA",
    )  # fmt: skip


class FakeOffice:
    def __init__(self, *bodies: Share | NotBelieved) -> None:
        self.bodies = list(bodies)

    async def open(self, _delivery: Delivery) -> Opened:
        body = self.bodies.pop(0)
        if isinstance(body, NotBelieved):
            raise body
        return Opened("share", "certificates-2", str(uuid7()), str(uuid7()), body, "A" * 43)

    def verify_offline(self, _presentation: Presentation, **_expected: Any) -> Facts:
        return Facts(MARKET, "food-licence", {"number": "JY1", "place": "12 Lotus Lane"}, None, NOW, None)


async def test_tax_follows_a_licence_through_suspension_and_back(tmp_path: Path) -> None:
    said: list[str] = []
    office = FakeOffice(share("issued", "01", 1), share("suspended", "02", 2), share("reinstated", "01", 3))
    desk = Desk(office, Licences(tmp_path / "licences.json"), said.append)  # type: ignore[arg-type]
    for _ in range(3):
        await desk.take(delivery())
    assert [line.split(",")[0] for line in said] == [
        "food-licence issued",
        "food-licence suspended",
        "food-licence reinstated",
    ]
    assert "number JY1" in said[1]  # known from before: the suspension itself discloses nothing
    (known,) = json.loads((tmp_path / "licences.json").read_text()).values()
    assert known == {"number": "JY1", "place": "12 Lotus Lane", "status": "01"}


async def test_what_can_not_be_believed_changes_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    desk = Desk(FakeOffice(NotBelieved("ROLE_WRONG")), Licences(tmp_path / "l.json"), said.append)  # type: ignore[arg-type]
    await desk.take(delivery())
    assert said == ["delivery put aside: ROLE_WRONG"]
    assert not (tmp_path / "l.json").exists()
