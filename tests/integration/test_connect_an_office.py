# SPDX-License-Identifier: EUPL-1.2
"""Whoever follows the guide connects an office: each of its commands is run as it stands there."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_stack.harness import Stack

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs/how-to/connect-an-office.md"
BLOCKS = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
WITHIN_S = 60.0


@pytest.fixture(scope="module")
def own() -> Iterator[Stack]:
    """A stack to itself: an office more than the others' tests count on."""
    with Stack(profile="laptop") as running:
        yield running


class Reader:
    """Somebody who types the guide's commands, with a folder elsewhere and a stack that runs already."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._stack, self._office = stack, folder / "my-office"

    def follow(self, block: str) -> str:
        """Run one block from the checkout's root; gives what it printed."""
        ours = {".venv/bin/tongban": f"{sys.executable} -m tongban", ".venv/bin/python": sys.executable}
        ours["my-office"] = str(self._office)
        text = re.sub("|".join(map(re.escape, ours)), lambda found: ours[found[0]], block)
        text = re.sub(r"(-m local_stack\.\w+.*)", rf"\1 --folder {self._stack.layout.state}", text)
        known = self._office / "platform.env"
        before = f"set -a && . {known} && set +a\n" if known.exists() else ""
        done = subprocess.run(
            ["bash", "-ec", before + text], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, f"{block}{done.stdout}{done.stderr}"
        return done.stdout

    def restart(self, said: str) -> None:
        """Do what a supervisor does where there is one: this stack's is the test."""
        for name in re.findall(r"^restart (\S+)$", said, re.MULTILINE):
            self._stack.restart(name)


def test_the_guide_leads_from_nothing_to_the_first_certificate_and_share(own: Stack, tmp_path: Path) -> None:
    reader = Reader(own, tmp_path)
    up, copied, made, joined, attested, shared, looked = BLOCKS
    assert up == "make up\n"
    reader.follow(copied)
    assert "stays with you" in reader.follow(made)
    said = reader.follow(joined)
    assert "parks-office takes part" in said
    reader.restart(said)
    licences = {reader.follow(attested) for _ in range(2)}
    assert len(licences) == 1
    assert "TP-2026-0001 has licence 1.2.156.3005.2" in licences.pop()
    until, said = time.monotonic() + WITHIN_S, ""
    while "title issued, status 01: {'place': '7 Pine Street, Lakeside', 'use': 'dwelling'}" not in said:
        assert time.monotonic() < until, said
        said += reader.follow(shared)
    assert reader.follow(looked).startswith('{"subjects": ["')


def test_an_office_whose_entries_do_not_hold_is_not_let_in(own: Stack, tmp_path: Path) -> None:
    reader = Reader(own, tmp_path)
    for block in BLOCKS[1:3]:
        reader.follow(block)
    entries = tmp_path / "my-office/catalogue/parks.yaml"
    entries.write_text(entries.read_text().replace("fields: [place, use], mode", "fields: [place, number], mode"))
    with pytest.raises(AssertionError, match="ENTRIES_WRONG"):
        reader.follow(BLOCKS[3])
