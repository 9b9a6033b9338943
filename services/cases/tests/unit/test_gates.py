# SPDX-License-Identifier: EUPL-1.2
"""An office's demand on the applicant passes two gates; where they differ, somebody is told."""

import io
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from cases.errors import Refused
from cases.service.gates import pass_gates
from cases.service.parts import Parts
from contracts.catalogue import Catalogue
from contracts.catalogue.entries import parse_entry
from contracts.exchange_bus import DemandAccepted, DemandProof
from contracts.http import Exchange
from contracts.ids import uuid7
from kit.errors import Kind, UpstreamError
from kit.telemetry.logs import start_logs, stop_logs

OFFICE = "1199990000000006XB"
SINCE = {"law": "a law", "from": "2025-01-01"}
LISTS = Catalogue(
    7,
    [
        parse_entry({"kind": "power", "id": "PW-1", "office": OFFICE, "service": "s", "action": "decide", **SINCE}),
        parse_entry(
            {"kind": "proof", "id": "P-1", "service": "s", "askedBy": OFFICE, "proves": "plan", "route": "applicant"}
            | SINCE
        ),
    ],
)


class Bus:
    """exchange-bus: says what a test tells it to."""

    def __init__(self, code: str) -> None:
        self.code, self.asked = code, list[DemandProof]()

    async def demand(self, demand: DemandProof, key: str, exchange: Exchange) -> DemandAccepted:
        self.asked.append(demand)
        if self.code == "ACCEPTED":
            return DemandAccepted(demand_id=str(uuid7()), entry="P-1", release=7)
        raise Refused(UpstreamError(Kind.CONFLICT, self.code))


@pytest.fixture
def alarms() -> Iterator[Any]:
    root, out = logging.getLogger(), io.BytesIO()
    handlers, level = root.handlers, root.level
    start_logs(base={}, level="info", sandbox=False, out=out)
    yield lambda: [orjson.loads(line) for line in out.getvalue().splitlines()]
    stop_logs()
    root.handlers = handlers
    root.setLevel(level)


async def passed(bus: Bus, **more: Any) -> DemandAccepted:
    parts = SimpleNamespace(catalogue=lambda: LISTS, clock=lambda: datetime(2026, 11, 24, tzinfo=UTC), exchange_bus=bus)
    wish = DemandProof.model_validate({"asked_by": OFFICE, "service": "s", "proves": "plan", "cites": "P-1", **more})
    return await pass_gates(cast("Parts", parts), wish, "key", Exchange.new())


async def test_a_demand_that_both_gates_let_through_stands(alarms: Any) -> None:
    assert (await passed(Bus("ACCEPTED"))).entry == "P-1"
    assert alarms() == []


async def test_a_demand_that_both_gates_refuse_is_refused_and_was_put_to_the_one_that_writes_receipts(
    alarms: Any,
) -> None:
    bus = Bus("NO_LEGAL_BASIS")
    with pytest.raises(Refused) as refused:
        await passed(bus, cites=None)
    assert (refused.value.code, refused.value.kind) == ("NO_LEGAL_BASIS", Kind.CONFLICT)
    assert len(bus.asked) == 1
    assert alarms() == []


@pytest.mark.parametrize(("theirs", "cites"), [("LIST_EXPIRED", "P-1"), ("ACCEPTED", None)])
async def test_where_the_gates_differ_exchange_bus_has_the_last_word_and_an_alarm_goes_off(
    alarms: Any, theirs: str, cites: str | None
) -> None:
    if theirs == "ACCEPTED":
        await passed(Bus(theirs), cites=cites)
    else:
        with pytest.raises(Refused):
            await passed(Bus(theirs), cites=cites)
    [alarm] = alarms()
    assert (alarm["level"], alarm["event"], alarm["code"]) == ("error", "proof_gates_differ", theirs)
    assert alarm["expected"] == ("NO_LEGAL_BASIS" if cites is None else "ACCEPTED")
    assert (alarm["office"], alarm["release"]) == (OFFICE, 7)


async def test_a_refusal_that_is_no_verdict_is_no_difference(alarms: Any) -> None:
    with pytest.raises(Refused):
        await passed(Bus("REQUEST_STILL_RUNNING"))
    assert alarms() == []
