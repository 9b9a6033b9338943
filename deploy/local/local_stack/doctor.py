# SPDX-License-Identifier: EUPL-1.2
"""Is this machine fit for the stack? Each check tells what it found and, if it isn't fine, the remedy.

``hard`` checks must pass before a start; the others warn.
"""

import os
import re
import resource
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import psutil

from local_stack import jars, java, postgres, state
from local_stack.account import Account, ordinary
from local_stack.child import is_same
from local_stack.errors import StackError
from local_stack.layout import CHECKOUT, SOCKET_PATH_BYTES, open_layout
from local_stack.plan import can_run_services
from local_stack.ports import is_free
from local_stack.table import GATEWAY_PORT

MEMORY_MB = 2500
DISK_MB = 2000
DESCRIPTORS = 4096
PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)(?P<marker>[^\\]*)", re.MULTILINE)
OPTIONAL = ("mvn", "git", "psql", "chromium", "kubectl")


@dataclass(frozen=True)
class Finding:
    """What one check found. ok None: a warning."""

    name: str
    ok: bool | None
    found: str
    remedy: str = ""


def examine(folder: Path) -> list[Finding]:
    """All checks for a stack in *folder*, hard ones first."""
    account = ordinary()
    return [
        *hard(account),
        _lock(),
        _jars(),
        _services_account(account),
        _memory(),
        _disk(Path(tempfile.gettempdir()), "disk for data"),
        _socket(folder),
        _port(),
        _leftovers(folder, account),
        *(_optional(tool) for tool in OPTIONAL),
    ]


def hard(account: Account) -> list[Finding]:
    """Those without which nothing starts."""
    return [_python(), _postgres(account), _java(), _descriptors()]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", sys.version_info >= (3, 11), version, "install Python 3.11 or later, then make setup")


def _lock() -> Finding:
    text = (CHECKOUT / "requirements.lock").read_text()
    wrong = []
    for pinned in PINNED.finditer(text):
        try:
            fits = metadata.version(pinned["name"]) == pinned["version"]
        except metadata.PackageNotFoundError:
            # A line with a condition may be for another system or Python.
            fits = bool(pinned["marker"].strip())
        if not fits:
            wrong.append(pinned["name"])
    found = f"{len(wrong)} differ: {', '.join(wrong[:5])}" if wrong else "as locked"
    return Finding("libraries", not wrong or None, found, "make setup")


def _postgres(account: Account) -> Finding:
    if os.environ.get("DATABASE_URL"):
        return Finding("PostgreSQL", ok=True, found="DATABASE_URL is set: nothing is started")
    try:
        binaries = postgres.find()
    except StackError as missing:
        return Finding("PostgreSQL", ok=False, found=missing.text, remedy="make setup, or set TONGBAN_PG_BIN")
    direct = account.can_run([str(binaries.folder / "postgres"), "--version"])
    how = "" if direct else f"; copied for {account.name}, who can't run it there"
    return Finding("PostgreSQL", ok=True, found=f"{binaries.version} ({binaries.found}{how})")


def _java() -> Finding:
    if os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        return Finding("Java", ok=True, found="KAFKA_BOOTSTRAP_SERVERS is set: nothing is started")
    try:
        found = java.find()
    except StackError as missing:
        return Finding("Java", ok=False, found=missing.text, remedy="make setup, or set TONGBAN_JAVA")
    return Finding("Java", ok=True, found=f"{found.major} ({found.found})")


def _jars() -> Finding:
    if given := os.environ.get("TONGBAN_KAFKA_LIBS"):
        holds = any(Path(given).glob("kafka*.jar"))
        return Finding("Kafka jars", holds, f"TONGBAN_KAFKA_LIBS={given}", "mend the path")
    wanted = jars.read_list()
    absent = jars.missing(jars.cache_folder(), wanted)
    if not absent:
        return Finding("Kafka jars", ok=True, found=f"{len(wanted)} in the cache, hashes as listed")
    found = f"{len(absent)} of {len(wanted)} missing or changed"
    return Finding("Kafka jars", ok=None, found=found, remedy="none needed: the next start fetches them")


def _services_account(account: Account) -> Finding:
    if can_run_services(account):
        return Finding("account", ok=True, found=f"processes run as {account.name}")
    found = f"services run as root: {account.name} can't enter {sys.prefix}"
    remedy = "call make as an ordinary user, or keep Python and the checkout outside root's home"
    return Finding("account", ok=None, found=found, remedy=remedy)


def _memory() -> Finding:
    free = psutil.virtual_memory().available // 1_000_000
    return Finding("memory", (free >= MEMORY_MB) or None, f"{free} MB free", f"have {MEMORY_MB} MB free")


def _disk(folder: Path, name: str) -> Finding:
    free = shutil.disk_usage(folder).free // 1_000_000
    return Finding(name, (free >= DISK_MB) or None, f"{free} MB free in {folder}", f"have {DISK_MB} MB free")


def _descriptors() -> Finding:
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # The supervisor raises its own limit to what is needed, so only the upper bound can be too low.
    enough = most >= DESCRIPTORS or most == resource.RLIM_INFINITY
    return Finding("open files", enough, f"{soft} (at most {most})", f"ulimit -Hn {DESCRIPTORS}")


def raise_descriptors() -> None:
    """Allow this process and its children DESCRIPTORS open files, where the system lets us."""
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < DESCRIPTORS:
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, most))


def _socket(folder: Path) -> Finding:
    path = open_layout(folder, ordinary()).control()
    length = len(os.fsencode(path))
    return Finding("socket path", length <= SOCKET_PATH_BYTES, f"{length} bytes", "use a shorter TMPDIR")


def _port() -> Finding:
    free = is_free(GATEWAY_PORT)
    found = f"{GATEWAY_PORT} is {'free' if free else 'taken'}"
    return Finding("gateway's port", free or None, found, "none needed: the next free port is taken")


def _leftovers(folder: Path, account: Account) -> Finding:
    known = state.read(open_layout(folder, account).state_file)
    if known is None:
        return Finding("leftovers", ok=True, found="none")
    if is_same(*known.supervisor):
        return Finding("leftovers", ok=True, found="none; the stack runs")
    alive = [one.name for one in known.processes.values() if one.pid and is_same(one.pid, one.started or 0)]
    found = f"a dead run left {', '.join(alive) or 'its state file'}"
    return Finding("leftovers", ok=None, found=found, remedy="make down")


def _optional(tool: str) -> Finding:
    return Finding(f"optional: {tool}", ok=True, found="there" if shutil.which(tool) else "not there (not needed)")


def report(findings: list[Finding], say: Callable[[str], None]) -> bool:
    """Say each finding in a line; remedies where something isn't fine. Returns whether nothing hard failed."""
    for finding in findings:
        mark = {True: "ok  ", None: "warn", False: "FAIL"}[finding.ok]
        say(f"{mark} {finding.name:<18} {finding.found}")
        if not finding.ok and finding.remedy:
            say(f"{'':<24}remedy: {finding.remedy}")
    return all(finding.ok is not False for finding in findings)
