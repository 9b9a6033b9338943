# SPDX-License-Identifier: EUPL-1.2
"""An office makes its keys itself; the card that it hands over holds public halves only."""

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tongban import PrivateKey
from tongban.cli import app
from tongban.joining import make_keys

PARKS = "119999000000003261"


def test_the_card_holds_public_halves_and_the_secrets_stay_closed(tmp_path: Path) -> None:
    card = json.loads(make_keys(tmp_path, office=PARKS, system="parks-office").read_text())
    assert (card["office"], card["system"]) == (PARKS, "parks-office")
    for use, jwk in card["keys"].items():
        file = tmp_path / "secrets" / f"{use}.jwk"
        assert "d" not in jwk
        assert PrivateKey.load(file).public.jwk() == jwk
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_repeat_keeps_the_keys(tmp_path: Path) -> None:
    first, second = (make_keys(tmp_path, office=PARKS, system="parks-office").read_text() for _ in range(2))
    assert first == second


def test_a_key_file_is_never_overwritten(tmp_path: Path) -> None:
    PrivateKey.generate().save(tmp_path / "sig.jwk")
    with pytest.raises(FileExistsError):
        PrivateKey.generate().save(tmp_path / "sig.jwk")


@pytest.mark.parametrize(("office", "code"), [(PARKS, 0), ("119999000000003262", 1)])
def test_the_command_takes_a_valid_office_only(tmp_path: Path, office: str, code: int) -> None:
    done = CliRunner().invoke(app, ["keys", str(tmp_path), office, "parks-office"])
    assert done.exit_code == code
    assert (tmp_path / "office.json").exists() is (code == 0)
