# SPDX-License-Identifier: EUPL-1.2
"""House rules about files as they lie in the tree: their length, their first line, and what no file may name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
ELSEWHERE = {"__pycache__", "build", "dist", "node_modules", "LICENSES"}
SPDX = "# SPDX-License-Identifier: EUPL-1.2"
MOST_LINES = 400


def is_ours(path: Path) -> bool:
    """Whether *path* belongs to the checkout, and not to an environment, a cache or a run (git ignores those)."""
    folders = path.relative_to(ROOT).parts[:-1]
    return path.is_file() and not any(
        name in ELSEWHERE or name.endswith(".egg-info") or (name.startswith(".") and name != ".ci") for name in folders
    )


def texts() -> dict[str, str]:
    """All text files of the checkout: path from the root -> text. What is no UTF-8 is no text."""
    found = {}
    for path in sorted(filter(is_ours, ROOT.rglob("*"))):
        try:
            found[path.relative_to(ROOT).as_posix()] = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
    return found


# Written with brackets, so that this file does not match itself.
MACHINE = re.compile(r"(?<![\w.}])/(?:w[o]rk|root|Users|home/[a-z]\w*)(?:/|\b)")
REGISTRY = re.compile(
    r"\b(?:pypi[.]org|files[.]python[h]osted[.]org|registry[.]npmjs[.]org|registry[.]yarnpkg[.]com"
    r"|proxy[.]golang[.]org|sum[.]golang[.]org|repo1?[.]maven(?:[.]apache)?[.]org|crates[.]io"
    r"|(?:index[.]|registry-1[.])?docker[.]io|ghcr[.]io|quay[.]io|deb[.]debian[.]org)\b"
)
STAR = re.compile(r"\b(select|returning)\s+(distinct\s+)?(\w+\.)?\*", re.IGNORECASE)


def too_long(path: str, text: str) -> bool:
    return path.endswith(".py") and len(text.splitlines()) > MOST_LINES


def without_licence(path: str, text: str) -> bool:
    return path.endswith(".py") and text.split("\n", 1)[0] != SPDX


def names_a_machine(_: str, text: str) -> bool:
    return bool(MACHINE.search(text))


def names_a_registry(_: str, text: str) -> bool:
    return bool(REGISTRY.search(text))


def selects_a_star(path: str, text: str) -> bool:
    return path.endswith(".sql") and bool(STAR.search(text))


def spelled(*parts: str) -> str:
    """Put *parts* together: said in one piece, a bad example would be found in this very file."""
    return "".join(parts)


RULES: dict[str, tuple[Callable[[str, str], bool], list[tuple[str, str]], tuple[str, str]]] = {
    "a Python file has at most 400 lines": (
        too_long,
        [("tests/a.py", "\n" * 401)],
        ("tests/a.py", "\n" * 400),
    ),
    "a Python file begins with its licence": (
        without_licence,
        [("a.py", ""), ("a.py", '"""Says what it is."""\n' + SPDX), ("a.py", SPDX + " or so\n")],
        ("a.py", SPDX + "\n"),
    ),
    "no file names a folder of somebody's machine": (
        names_a_machine,
        [
            ("a.md", spelled("cd /", "work/main")),
            ("a.sh", spelled("PATH=/", "root/bin")),
            ("a.yaml", spelled("path: /", "home/ada/x")),
        ],
        ("a.md", "GET /v1/root/7, /tmp/a, ${HOME}/root/x, home/main"),
    ),
    "no file names a place to download from": (
        names_a_registry,
        [("a.lock", spelled("https://pypi", ".org/simple")), ("a.json", spelled("https://registry.", "npmjs.org/x"))],
        ("a.md", "pip, npm and Maven; pypi-org"),
    ),
    "columns are named in SQL files": (
        selects_a_star,
        [("a.sql", spelled("SELECT", " * FROM b")), ("a.sql", spelled("delete from a returning", "  a.*"))],
        ("a.sql", "SELECT count(*) FROM a"),
    ),
}
NAMES = pytest.mark.parametrize("name", RULES)


@NAMES
def test_the_tree_keeps_the_rule(name: str) -> None:
    breaks, _, _ = RULES[name]
    assert [path for path, text in texts().items() if breaks(path, text)] == []


@NAMES
def test_the_rule_can_fail(name: str) -> None:
    breaks, bad, _ = RULES[name]
    assert [example for example in bad if not breaks(*example)] == []


@NAMES
def test_the_rule_lets_good_files_pass(name: str) -> None:
    breaks, _, good = RULES[name]
    assert not breaks(*good)


def test_the_tree_is_seen_at_all() -> None:
    seen = texts()
    assert {"Makefile", ".ci/run", "tests/house/test_tree.py", "libs/kit/kit/__init__.py"} <= set(seen)
    assert not [path for path in seen if path.startswith((".venv/", ".git/"))]
