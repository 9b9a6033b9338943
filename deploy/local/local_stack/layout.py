# SPDX-License-Identifier: EUPL-1.2
"""Where a stack keeps its things.

The state folder (logs, state file) belongs to the caller. The run folder (data, keys, passwords) belongs to the
account that the processes run under. Called by root, that account can't enter a checkout in root's home, so the run
folder then lies in the system's temporary folder, and a pointer to it in the state folder.
"""

import hashlib
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from local_stack.account import Account

CHECKOUT = Path(__file__).resolve().parents[3]
STATE_FOLDER = CHECKOUT / ".local" / "stack"
SOCKET_PATH_BYTES = 100
"""Above this, systems refuse the path of a Unix socket."""


@dataclass(frozen=True)
class Layout:
    """The folders and files of one stack."""

    state: Path
    run: Path

    @property
    def state_file(self) -> Path:
        """See ``state``."""
        return self.state / "state.json"

    @property
    def ports_file(self) -> Path:
        """The ports of this stack: kept, since a Kafka data folder knows its own address."""
        return self.run / "ports.json"

    @property
    def trust_file(self) -> Path:
        """Public keys that every service pins."""
        return self.run / "trust.json"

    @property
    def bootstrap_key(self) -> Path:
        """The runner's own private key, for seeding."""
        return self.run / "bootstrap.jwk"

    @property
    def seeded(self) -> Path:
        """Written once seeding has succeeded; holds the digest of what was seeded."""
        return self.run / "seeded"

    def log(self, name: str) -> Path:
        """The log of one process."""
        return self.state / "logs" / f"{name}.log"

    def secrets(self, system: str) -> Path:
        """The folder of a system's private keys."""
        return self.run / "secrets" / system

    def password(self, database: str) -> Path:
        """The file with the password of a database's role."""
        return self.run / "passwords" / database

    def replica(self, process: str) -> Path:
        """The folder where a process keeps its replicas."""
        return self.run / "replicas" / process

    def control(self) -> Path:
        """The supervisor's socket; its name is a hash in the temporary folder when the path would be too long."""
        near = self.state / "control.sock"
        if len(os.fsencode(near)) <= SOCKET_PATH_BYTES:
            return near
        return self.run / "c" if len(os.fsencode(self.run)) < SOCKET_PATH_BYTES - 2 else _short(self.state)


def open_layout(state: Path, account: Account) -> Layout:
    """Make both folders, or find them again."""
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    (state / "logs").mkdir(exist_ok=True)
    return Layout(state, _run_folder(state, account))


def revision() -> str:
    """What version of the code this is: the commit, or `unknown` outside a checkout."""
    try:
        done = subprocess.run(
            ["git", "-C", str(CHECKOUT), "rev-parse", "--short", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def _run_folder(state: Path, account: Account) -> Path:
    if not account.foreign:
        return account.make_folder(state / "run")
    pointer = state / "run-folder"
    if pointer.exists():
        known = Path(pointer.read_text().strip())
        # Taken again only if it is still that account's own: the temporary folder is everybody's.
        if known.is_dir() and not known.is_symlink() and known.stat().st_uid == account.uid:
            return known
    run = account.make_folder(Path(tempfile.mkdtemp(prefix="tongban-")))
    pointer.write_text(f"{run}\n")
    return run


def _short(state: Path) -> Path:
    name = hashlib.sha256(os.fsencode(state)).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"tongban-{os.getuid()}-{name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / "c"
