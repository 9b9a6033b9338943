# SPDX-License-Identifier: EUPL-1.2
"""The shell: documents for programs, one line for a refusal."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tongban import Problem, cli

CATALOGUE = Path(__file__).parents[3] / "catalogue"


def test_a_good_catalogue_is_good() -> None:
    result = CliRunner().invoke(cli.app, ["catalogue", "check", str(CATALOGUE)])
    assert (result.exit_code, result.output) == (0, "good\n")


def test_a_fault_in_a_catalogue_is_printed_and_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("- {kind: power, id: PW-1}")
    result = CliRunner().invoke(cli.app, ["catalogue", "check", str(tmp_path)])
    assert result.exit_code == 1
    assert "PW-1" in result.output


def test_a_catalogue_of_a_sandbox_is_refused_in_production() -> None:
    result = CliRunner().invoke(cli.app, ["catalogue", "check", str(CATALOGUE), "--no-test-area"])
    assert result.exit_code == 1


def test_every_verb_says_what_it_needs() -> None:
    for verb in ("token", "resolve", "issue", "ask", "inbox", "ack", "open", "verify", "receipts"):
        result = CliRunner().invoke(cli.app, [verb, "--help"])
        assert result.exit_code == 0
        assert "--gateway" in result.output


def test_a_refusal_is_one_line_with_its_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused() -> None:
        raise Problem("NO_GRANT", 403, title="No grant covers this request", members={"rule": "gate.grant"})

    monkeypatch.setattr(cli, "app", refused)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == 'NO_GRANT (403): No grant covers this request {"rule": "gate.grant"}\n'
