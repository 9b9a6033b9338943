# SPDX-License-Identifier: EUPL-1.2
"""The clerk's desk: what waits is listed, and each thing is decided once."""

import sys
from pathlib import Path

import pytest

from example_offices import clerk
from example_offices.clerk import Clerk

from .doubles import DAY, task

ONE = task("open-restaurant/r4", mode="review", visit={"id": "site", "on": "2026-12-01"})


def run(monkeypatch: pytest.MonkeyPatch, state: Path, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["clerk", "--state", str(state), *words])
    clerk.main()


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    held = Clerk(tmp_path)
    held.ask(ONE)
    held.ask(ONE)
    held.plan_inspection(ONE.task_id, "open-restaurant/r5", DAY)
    held.close()
    return tmp_path


def test_what_waits_is_listed_with_its_dates(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, desk, "list")
    assert capsys.readouterr().out.splitlines() == [
        f"review {ONE.task_id} some-service (open-restaurant/r4), due 2026-11-24, joint visit 2026-12-01",
        f"inspect {ONE.task_id} (open-restaurant/r5), by 2026-11-24",
    ]


def test_a_review_is_decided_once(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, desk, "approve", ONE.task_id)
    with pytest.raises(SystemExit, match="no review"):
        run(monkeypatch, desk, "refuse", ONE.task_id, "--code", "LATE", "--reason", "too late")
    held = Clerk(desk)
    verdict = held.verdict(ONE.task_id)
    held.close()
    assert verdict is not None
    assert verdict.approved


def test_a_refusal_needs_a_code_that_an_app_can_act_on(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="KITCHEN_UNFIT"):
        run(monkeypatch, desk, "refuse", ONE.task_id, "--code", "no good", "--reason", "dirty")
    run(monkeypatch, desk, "refuse", ONE.task_id, "--code", "KITCHEN_UNFIT", "--reason", "dirty")
    held = Clerk(desk)
    verdict = held.verdict(ONE.task_id)
    held.close()
    assert verdict is not None
    assert (verdict.approved, verdict.code, verdict.reason) == (False, "KITCHEN_UNFIT", "dirty")


def test_an_inspection_is_told_once(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, desk, "inspect", ONE.task_id, "false")
    with pytest.raises(SystemExit, match="no inspection"):
        run(monkeypatch, desk, "inspect", ONE.task_id, "passed")
    run(monkeypatch, desk, "approve", ONE.task_id)
    run(monkeypatch, desk, "list")
    assert capsys.readouterr().out.splitlines()[-1] == "nothing waits"
    held = Clerk(desk)
    assert held.inspected() == [(ONE.task_id, "false")]
    held.inspection_done(ONE.task_id)
    assert held.inspected() == []
    held.close()
