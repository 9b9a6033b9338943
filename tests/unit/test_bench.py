# SPDX-License-Identifier: EUPL-1.2
"""The bench works at all: its parts that need no stack, as a program. What it measures is asserted nowhere."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_bench_names_the_machine_and_writes_every_row(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    command = [sys.executable, "-m", "bench", "--quick", "--only", "crypto,lists", "--json", str(figures)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    written = json.loads(figures.read_text("utf-8"))
    assert {"command", "machine", "python", "servers"} <= set(written["head"])
    assert [row["name"].partition(":")[0] for row in written["rows"]] == [
        "ES256 sign",
        "ES256 verify",
        "seal 1 KB",
        "open 1 KB",
        "gate decision, admitted",
        "proof gate",
        "plan of open-restaurant, p95",
    ]
    assert all(row["value"] > 0 and row["floor"] > 0 for row in written["rows"])


def test_the_bench_refuses_a_part_that_it_doesnt_have() -> None:
    command = [sys.executable, "-m", "bench", "--only", "coffee"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "coffee" in done.stderr


WRITES = """
import asyncio
from bench.bare_life import Notebook
from cases import store
book = Notebook()
asyncio.run(store.mark_asked(book, "ask", "request"))
print(book.calls[0][0].split()[:2], book.calls[0][1])
"""


def test_what_cases_writes_of_an_ask_can_be_written_down_for_the_floor() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WRITES], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['UPDATE', 'need'] ('ask', 'request')"
