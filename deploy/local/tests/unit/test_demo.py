# SPDX-License-Identifier: EUPL-1.2
"""The demo's check can fail, and the demo says so."""

import asyncio
import io
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from rich.console import Console

from kit.events import Record
from kit.jose import PrivateKey, seal
from kit.kafka import Raw
from local_stack.demo import food_check, play
from local_stack.demo.bus import Seen, Watch, topics_of
from local_stack.demo.programs import Program
from local_stack.demo.screen import Screen
from local_stack.demo.target import Target
from local_stack.demo.told import Told
from local_stack.errors import StackError
from local_stack.layout import Layout
from local_stack.offices import HEALTH, TAX
from local_stack.table import DEPLOYMENTS, OFFICE_SYSTEMS

SINCE = datetime(2026, 11, 24, 9, tzinfo=UTC)


def raw(topic: str, value: bytes, key: bytes = b"k") -> Raw:
    return Raw(topic, 0, 0, int(SINCE.timestamp() * 1000), key, value, [("ce_type", b"x")])


def record(topic: str, *, source: str = "/zz/119999000000002030/cases", value: bytes = b"{}") -> Record:
    return Record(
        topic=topic, partition=0, offset=0, key="k", id=uuid4(), type="cases.case.opened.v1", source=source,
        time=SINCE + timedelta(seconds=1), keyseq=1, attributes={}, data=value,
    )  # fmt: skip


@pytest.fixture
def where(tmp_path: Path) -> Target:
    """A target whose key files are there; nothing runs."""
    layout = Layout(tmp_path, tmp_path)
    for deployment in DEPLOYMENTS.values():
        layout.secrets(deployment.system).mkdir(parents=True)
        for office in deployment.offices:
            key_file(layout, deployment.system, f"answering-{office}")
    for system in OFFICE_SYSTEMS:
        layout.secrets(system.system).mkdir(parents=True)
        if system.inbox:
            key_file(layout, system.system, "inbox")
    return Target("http://127.0.0.1:1", "127.0.0.1:1", "postgresql://127.0.0.1/postgres", layout)


def key_file(layout: Layout, system: str, name: str) -> None:
    key = PrivateKey.generate()
    (layout.secrets(system) / f"{name}.jwk").write_text(str(key.jwk()).replace("'", '"'))


def test_there_is_no_demo_of_an_unknown_event(capsys: pytest.CaptureFixture[str]) -> None:
    assert play.main("open-a-zoo") == 2
    assert "food-licence" in capsys.readouterr().err


def test_a_figure_that_differs_is_named_with_both_values() -> None:
    assert food_check.compared({"uploads": 0, "asks": 2}, {"uploads": 0, "asks": 3}) == [
        "asks: the demo says 2, recomputed 3"
    ]


def test_a_figure_that_only_one_side_has_differs() -> None:
    assert len(food_check.compared({"a": 1}, {"b": 1})) == 2


def test_an_envelope_to_the_wrong_office_is_found(where: Target) -> None:
    tax = PrivateKey.load(where.secrets("tax-office") / "inbox.jwk").public
    health = PrivateKey.load(where.secrets("certificates-1") / f"answering-{HEALTH}.jwk").public
    good = [
        raw(f"envelope.{TAX}.v1", seal(b"x", tax).encode()),
        raw(f"evidence.ask.{HEALTH}.v1", seal(b"x", health).encode()),
    ]
    assert food_check._sealed_well(where, good) == []
    assert food_check._sealed_well(where, [raw(f"envelope.{TAX}.v1", seal(b"x", health).encode())])


def test_a_number_in_the_clear_is_found_wherever_it_stands() -> None:
    told = Told("food-licence", SINCE, secrets=["999900198908220138"])
    assert food_check._nothing_in_the_clear(told, [raw("cases.case.v1", b"{}")]) == []
    assert food_check._nothing_in_the_clear(told, [raw("cases.case.v1", b'{"n":"999900198908220138"}')])
    assert food_check._nothing_in_the_clear(told, [raw("cases.case.v1", b"{}", key=b"999900198908220138")])


def test_what_comes_at_the_end_is_not_counted() -> None:
    told = Told("food-licence", SINCE, until=SINCE + timedelta(seconds=1))
    assert told.contains("2026-11-24T09:00:00.000Z")
    assert told.contains("2026-11-24T09:00:00.999Z")
    assert not told.contains("2026-11-24T09:00:01.000Z")


def test_every_sealed_topic_is_watched() -> None:
    assert {f"evidence.ask.{HEALTH}.v1", f"envelope.{HEALTH}.v1", "receipts.receipt.v1"} <= set(topics_of([HEALTH]))


def test_the_screen_says_who_wrote_and_to_whom_it_is_sealed() -> None:
    out = io.StringIO()
    screen = Screen({TAX: "Tax"}, SINCE, Console(file=out, width=300))
    screen.know_keys({"kid-1": (TAX, "inbox")})
    screen.bus(Seen(record(f"envelope.{TAX}.v1"), SINCE + timedelta(seconds=1.01), 900), "kid-1")
    assert "sealed to Tax" in out.getvalue()
    assert "cases" in out.getvalue()


async def test_waiting_in_vain_ends_with_a_clear_error() -> None:
    watch = Watch(SINCE, lambda _seen: None)
    with pytest.raises(StackError, match="the answer did not come"):
        await watch.until("the answer", lambda _seen: True, timeout_s=0.05)


async def test_a_program_that_dies_is_noticed_at_once() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "print('NO_GRANT: no')", stdout=asyncio.subprocess.PIPE
    )
    lines: list[str] = []
    program = Program("tax", process, lambda _name, line: lines.append(line))
    with pytest.raises(StackError, match="NO_GRANT"):
        await program.line("issued", timeout_s=20)
    await program.stop()
    assert lines == ["NO_GRANT: no"]
