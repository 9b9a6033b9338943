# SPDX-License-Identifier: EUPL-1.2
"""The guide to adding a life event works as it is written: its files, then its commands, in a copy of the catalogue."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/how-to/add-a-life-event.md").read_text(encoding="utf-8")
FILE = re.compile(r"^`([\w./-]+)`:\n\n```(?:yaml|python)\n(.*?)```", re.DOTALL | re.MULTILINE)
SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)


def _run(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run the guide's commands with the tools of this environment, and stop at the first that fails."""
    found = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": found, "TMPDIR": str(folder)}
    command = ["bash", "-eu", "-c", script]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def _follow(folder: Path) -> str:
    """Do what the guide says, in its order: the commands before a file, then the file. Gives what was printed."""
    shutil.copytree(ROOT / "catalogue", folder / "catalogue")
    script = []
    for part in re.split(r"(?=^`[\w./-]+`:\n\n```)", GUIDE, flags=re.MULTILINE):
        for name, text in FILE.findall(part):
            source = folder / "written" / name
            source.parent.mkdir(parents=True, exist_ok=True)
            source.write_text(text, encoding="utf-8")
            script.append(f"mkdir -p $(dirname {name}) && cp written/{name} {name}")
        script += SHELL.findall(part)
    done = _run(folder, "\n".join(script))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_guide_leads_to_a_life_event_that_may_be_published(tmp_path: Path) -> None:
    printed = _follow(tmp_path)
    assert printed.startswith("good\n")
    assert "Urban management (119999000000000866)" in printed
    assert "newly: leads new-sign: Put up a new sign (s1)" in printed
    assert "1 passed" in printed


def test_the_guide_writes_one_file_of_data_and_its_test() -> None:
    names = [name for name, _text in FILE.findall(GUIDE)]
    assert names == ["catalogue/life-events/new-sign.yaml", "services/cases/tests/unit/test_new_sign.py"]


def test_a_mistake_in_the_guides_file_would_be_found(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "catalogue", tmp_path / "catalogue")
    (_, text), *_ = FILE.findall(GUIDE)
    spoilt = text.replace("id: P-0712", "id: P-0799").replace("type: lease}]}", "type: seizure}]}")
    (tmp_path / "catalogue/life-events/new-sign.yaml").write_text(spoilt, encoding="utf-8")
    done = _run(tmp_path, "tongban catalogue check catalogue")
    assert done.returncode == 1
    assert "/lifeEvent/new-sign/steps/0/needs/1/anyOf/1/type: PROOF_MISSING" in done.stdout
