# SPDX-License-Identifier: EUPL-1.2
"""`python -m local_stack.play PROGRAM …`: run an example office's program on the stack that runs, as that office.

What follows the program's name goes to the program, such as `--once`.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from local_stack import daemon
from local_stack.account import ordinary
from local_stack.demo.programs import SYSTEMS
from local_stack.layout import STATE_FOLDER, open_layout


def main() -> None:
    """Run the program until it ends; its exit code is ours."""
    parser = argparse.ArgumentParser(description="Run an example office's program on the stack that runs.")
    parser.add_argument("program", choices=sorted(SYSTEMS))
    parser.add_argument("--folder", type=Path, default=STATE_FOLDER, help="where the stack keeps its things")
    given, more = parser.parse_known_args()
    layout = open_layout(given.folder, ordinary())
    running = daemon.find(layout)
    if running is None:
        sys.exit("NOT_RUNNING: nothing runs; make up starts the stack")
    # The same folder as in a demo: an office has one memory, whoever starts its program.
    state = layout.run / "demo" / given.program
    state.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", f"example_offices.{given.program}", "--gateway", running.url]
    command += ["--secrets", str(layout.secrets(SYSTEMS[given.program])), "--trust", str(layout.trust_file)]
    sys.exit(subprocess.run([*command, "--state", str(state), *more], check=False).returncode)


if __name__ == "__main__":
    main()
