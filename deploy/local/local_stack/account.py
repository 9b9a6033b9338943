# SPDX-License-Identifier: EUPL-1.2
"""Who runs the child processes: always an ordinary user, also when root calls.

PostgreSQL refuses to run as root, and nothing in the stack needs such power. Called by root, the children belong to the
user behind ``sudo``, or else to ``nobody``.
"""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_stack.errors import StackError

# What a child may see of the caller's environment; the rest (tokens, keys, ...) is nobody's business.
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass(frozen=True)
class Account:
    """An operating-system account. foreign: it isn't the account that this program runs under."""

    name: str
    uid: int
    gid: int
    foreign: bool

    def popen(self) -> dict[str, Any]:
        """Arguments for subprocess that make a child run as this account, in a folder it can enter."""
        if not self.foreign:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": [], "cwd": "/"}

    def give(self, path: Path) -> None:
        """Hand *path* and all below it to this account."""
        if not self.foreign:
            return
        os.chown(path, self.uid, self.gid)
        for folder, names, files in os.walk(path):
            for name in names + files:
                os.chown(Path(folder) / name, self.uid, self.gid, follow_symlinks=False)

    def make_folder(self, path: Path) -> Path:
        """Make *path* with mode 0700 for this account; parents are made for the caller."""
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.foreign:
            os.chown(path, self.uid, self.gid)
        path.chmod(0o700)
        return path

    def can_run(self, command: list[str]) -> bool:
        """Whether this account can run *command* to a good end within 20 s."""
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=20, check=False, env=environment(), **self.popen()
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0


def ordinary() -> Account:
    """The account for children: the caller, or the one behind sudo, or nobody. Raises StackError (`NO_ACCOUNT`)."""
    uid = os.getuid()
    if uid != 0:
        return Account(name=os.environ.get("USER", str(uid)), uid=uid, gid=os.getgid(), foreign=False)
    wanted = os.environ.get("SUDO_UID", "")
    try:
        entry = pwd.getpwuid(int(wanted)) if wanted.isdigit() and wanted != "0" else pwd.getpwnam("nobody")
    except KeyError as missing:
        raise StackError("NO_ACCOUNT", "called by root, and there is neither SUDO_UID nor a user 'nobody'") from missing
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid, foreign=True)


def environment(extra: dict[str, str] | None = None) -> dict[str, str]:
    """The short environment of a child: what it needs of ours, then *extra*."""
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {"PATH": os.defpath, "LANG": "C.UTF-8", **kept, **(extra or {})}


def copy_tree_for(account: Account, source: Path, target: Path) -> Path:
    """Copy *source* to *target* unless it is there, and hand it to *account*. Returns target."""
    if not target.exists():
        part = target.with_name(target.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(source, part, symlinks=True)
        account.give(part)
        part.rename(target)
    return target
