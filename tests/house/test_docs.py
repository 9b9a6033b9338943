# SPDX-License-Identifier: EUPL-1.2
"""What the documents tell a reader to run exists; what they link to is there."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRACKED = subprocess.run(
    ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
).stdout.split()
VERBS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")
SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)
MADE = re.compile(r"(?:^|`)make ([a-z][a-z-]*)", re.MULTILINE)
INLINE = re.compile(r"`make ([a-z][a-z-]*)")
MODULE = re.compile(r"python -m ([a-z_.]+)")
PYTHON = [
    path
    for pattern in ("*/*", "*/*/*", "*/*/*/*", "*/*/*/*/*")
    for path in ROOT.glob(pattern + ".py")
    if ".venv" not in path.parts
]
RUNNABLE = {path.parent.name for path in PYTHON if path.name == "__main__.py"} | {
    ".".join([*path.parts[-depth:-1], path.stem]) for path in PYTHON for depth in (2, 3)
}


@pytest.mark.parametrize("document", TRACKED)
def test_every_link_of_a_document_leads_somewhere(document: str) -> None:
    file = ROOT / document
    dead = [target for target in LINK.findall(file.read_text()) if not (file.parent / target).exists()]
    assert not dead


@pytest.mark.parametrize("document", TRACKED)
def test_every_make_verb_and_module_that_a_document_names_exists(document: str) -> None:
    text = (ROOT / document).read_text()
    blocks = "\n".join(SHELL.findall(text))
    assert set(MADE.findall(blocks)) | set(INLINE.findall(text)) <= VERBS
    assert set(MODULE.findall(text)) <= RUNNABLE


def test_a_document_with_a_dead_link_or_a_made_up_verb_would_be_found() -> None:
    assert LINK.findall("see [this](nowhere.md) and [that](https://example.org)") == ["nowhere.md"]
    assert MADE.findall("run `make fireworks` now") == ["fireworks"]
    assert "fireworks" not in VERBS


@pytest.mark.parametrize("decision", sorted((ROOT / "docs/decisions").glob("*.md")), ids=lambda file: file.stem)
def test_a_decision_record_stays_short(decision: Path) -> None:
    assert len(decision.read_text().splitlines()) <= 50


def test_decision_records_are_numbered_without_a_gap() -> None:
    numbers = sorted(int(file.name[:4]) for file in (ROOT / "docs/decisions").glob("*.md"))
    assert numbers
    assert numbers == list(range(1, len(numbers) + 1))
