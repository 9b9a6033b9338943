# SPDX-License-Identifier: EUPL-1.2
"""The import rules in .importlinter can fail: each is broken once, in a copy of the bare plan."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = "from importlinter.cli import lint_imports_command as lint; lint(['--no-cache'])"

BREACHES = {
    "independence": {"cases/service.py": "import identity"},
    "libraries": {"kit/x.py": "import cases"},
    "contracts": {"contracts/x.py": "import kit"},
    "outsiders": {"tongban/x.py": "import kit"},
    "rooms": {"identity/service.py": "import identity.api", "identity/api.py": ""},
    "store": {"identity/store.py": "", "identity/api.py": "import identity.store"},
    "domain": {"identity/domain.py": "import pydantic"},
    "kafka": {"identity/service.py": "import aiokafka"},
    "http": {"identity/clients.py": "import httpx"},
    "database": {"identity/service.py": "import asyncpg"},
}
ALLOWED = {
    "kit/kafka.py": "import aiokafka",
    "kit/http.py": "import httpx",
    "kit/db.py": "import asyncpg",
    "identity/app.py": "import identity.service, identity.store, kit.db",
    "identity/service.py": "import identity.store, identity.domain, kit.http, contracts",
    "identity/store.py": "import asyncpg, identity.domain",
    "identity/domain.py": "import identity.errors",
    "identity/errors.py": "import kit",
    "tongban/http.py": "import httpx, contracts",
    "example_offices/x.py": "import tongban",
}


def rules() -> configparser.ConfigParser:
    """The rules as they stand."""
    config = configparser.ConfigParser()
    config.read(ROOT / ".importlinter", "utf-8")
    return config


def lint(tree: Path, files: dict[str, str]) -> str:
    """Lay out all packages, empty but for *files*, and give what import-linter says about them."""
    config = rules()
    for package in config["importlinter"]["root_packages"].split():
        (tree / package).mkdir()
        (tree / package / "__init__.py").touch()
    for name, text in files.items():
        (tree / name).write_text(text + "\n", "utf-8")
    (tree / ".importlinter").write_text((ROOT / ".importlinter").read_text("utf-8"), "utf-8")
    environment = os.environ | {"PYTHONPATH": str(tree), "COLUMNS": "200", "NO_COLOR": "1"}
    answer = subprocess.run(
        [sys.executable, "-c", LINT], cwd=tree, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return answer.stdout + answer.stderr


def title(rule: str) -> str:
    return rules()[f"importlinter:contract:{rule}"]["name"]


@pytest.mark.parametrize("rule", BREACHES)
def test_an_import_rule_can_fail(rule: str, tmp_path: Path) -> None:
    assert f"{title(rule)} BROKEN" in lint(tmp_path, BREACHES[rule])


def test_a_new_room_fails_until_it_has_a_floor(tmp_path: Path) -> None:
    assert f"{title('rooms')} BROKEN" in lint(tmp_path, {"identity/misc.py": ""})


def test_what_the_plan_allows_passes(tmp_path: Path) -> None:
    said = lint(tmp_path, ALLOWED)
    assert "0 broken" in said, said


def test_every_import_rule_is_broken_here_once() -> None:
    known = {name.removeprefix("importlinter:contract:") for name in rules().sections() if ":contract:" in name}
    assert known == set(BREACHES)
