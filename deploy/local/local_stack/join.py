# SPDX-License-Identifier: EUPL-1.2
"""`python -m local_stack.join FOLDER`: let an office take part in the stack that runs, as its operator would.

FOLDER holds `office.json`, made by `tongban keys`, and the office's entries in `catalogue`. The secrets stay out of it.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from contracts.catalogue.check import check
from local_stack import control, daemon, guests, seed
from local_stack.account import ordinary
from local_stack.environment import Surroundings
from local_stack.errors import StackError
from local_stack.keys import Keyring
from local_stack.layout import STATE_FOLDER, Layout, open_layout
from local_stack.state import StackState
from local_stack.table import Profile

Say = Callable[[str], None]


def join(layout: Layout, running: StackState, folder: Path, say: Say) -> None:
    """Register the office in *folder*, release its entries with all others, and tell it where the platform is.

    Raises StackError: CARD_UNREADABLE, OFFICE_KNOWN, ENTRIES_WRONG (with every fault), SEED_REFUSED.
    """
    # 1. Check before anything is touched.
    guest = guests.read(folder)
    entries = seed.read_catalogue(seed.CATALOGUE)[0] + seed.read_catalogue(guest.entries)[0]
    faults = check(entries, test_area=True)[1]
    if faults:
        raise StackError("ENTRIES_WRONG", "\n".join(str(fault) for fault in faults))
    # 2. Register and release, the office's keys for answering and issuing being made on the way.
    guests.keep(layout, guest)
    seed.run(layout, Keyring(layout, ordinary()), _around(layout, running), say)
    # 3. The deployment that answers for it reads its offices when it starts.
    for name in [name for name in running.processes if name.startswith(guests.HOST)]:
        if running.control:
            say(control.ask(Path(running.control), "restart", name=name))
        else:
            say(f"restart {name}")
    _tell(layout, running, folder, guest.system)
    say(f"{guest.system} takes part; its settings are in {folder / 'platform.env'}")


def _around(layout: Layout, running: StackState) -> Surroundings:
    ports = json.loads(layout.ports_file.read_text())
    profile: Profile = "pairs" if running.profile == "pairs" else "laptop"
    return Surroundings(layout=layout, profile=profile, ports=ports, database_server="", kafka="")


def _tell(layout: Layout, running: StackState, folder: Path, system: str) -> None:
    """Write what the office must know: the gateway's address and the keys that it pins."""
    shutil.copyfile(layout.trust_file, folder / "trust.json")
    settings = {
        "GATEWAY": running.url,
        "SYSTEM": system,
        "SECRETS": folder / "secrets",
        "STATE": folder / "state",
        "TRUST": folder / "trust.json",
    }
    lines = [f"TONGBAN_{name}={value}" for name, value in settings.items()]
    (folder / "platform.env").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Run it; what is refused is one clear line and exit 1."""
    parser = argparse.ArgumentParser(description="Let an office take part in the stack that runs.")
    parser.add_argument("office", type=Path, help="folder with office.json and catalogue/")
    parser.add_argument("--folder", type=Path, default=STATE_FOLDER, help="where the stack keeps its things")
    given = parser.parse_args()
    layout = open_layout(given.folder, ordinary())
    try:
        running = daemon.find(layout)
        if running is None or running.phase != "ready":
            raise StackError("NOT_RUNNING", "nothing runs; make up starts the stack")
        join(layout, running, given.office, lambda line: print(line, flush=True))
    except StackError as problem:
        sys.exit(f"{problem.code}: {problem.text}")


if __name__ == "__main__":
    main()
