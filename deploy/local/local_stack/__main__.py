# SPDX-License-Identifier: EUPL-1.2
"""``python -m local_stack VERB``: the stack on a laptop. ``make`` calls it."""

import importlib
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from local_stack import control, daemon, doctor, lock_kafka, status
from local_stack.account import ordinary
from local_stack.errors import StackError
from local_stack.layout import STATE_FOLDER, open_layout
from local_stack.plan import Options
from local_stack.state import StackState
from local_stack.supervisor import tail
from local_stack.table import Profile

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
Folder = Annotated[Path, typer.Option(help="Where this stack keeps its things.")]
ProfileOption = Annotated[str, typer.Option(help="laptop (one process a service) or pairs (two of each that matters).")]
InfraOnly = Annotated[bool, typer.Option("--infra-only", help="PostgreSQL and Kafka, without services.")]


@app.command()
def up(folder: Folder = STATE_FOLDER, profile: ProfileOption = "laptop", infra_only: InfraOnly = False) -> None:
    """Start PostgreSQL, Kafka and every service, each gated on real readiness."""
    began = time.monotonic()
    if not doctor.report([f for f in doctor.hard(ordinary()) if f.ok is False], _say):
        raise typer.Exit(1)
    state = daemon.up(folder, Options(profile=_profile(profile), infra_only=infra_only), _say)
    _say(f"\nup after {time.monotonic() - began:.0f} s. Gateway: {state.url or 'none'}")
    _say(f"personas: {', '.join(_personas())}")
    _say("make status | logs P=<process> | demo | down")


@app.command()
def down(folder: Folder = STATE_FOLDER) -> None:
    """Stop the stack. Its data stays for the next start."""
    _say("stopped" if daemon.down(folder, _say) else "nothing runs")


@app.command(name="status")
def show_status(folder: Folder = STATE_FOLDER) -> None:
    """What runs, is it ready, and does anything pile up."""
    width = None if sys.stdout.isatty() else 120
    Console(width=width).print(status.render(_running(folder)))


@app.command()
def logs(
    process: Annotated[str, typer.Argument(help="Name of a process; without it, all names.")] = "",
    folder: Folder = STATE_FOLDER,
    lines: Annotated[int, typer.Option("-n", help="How many lines.")] = 200,
    follow: Annotated[bool, typer.Option("-f", help="Go on as it writes.")] = False,
) -> None:
    """What a process wrote, in this run or the last one."""
    layout = open_layout(folder, ordinary())
    log = layout.log(process)
    if not process or not log.exists():
        names = sorted(path.stem for path in (layout.state / "logs").glob("*.log"))
        _say("P=<process>, one of: " + ", ".join(names))
        raise typer.Exit(0 if not process else 1)
    _say(tail(log, lines))
    if follow:
        _follow(log)


@app.command(name="doctor")
def examine(folder: Folder = STATE_FOLDER) -> None:
    """Is this machine fit, and what is missing."""
    if not doctor.report(doctor.examine(folder), _say):
        raise typer.Exit(1)


@app.command()
def restart(process: str, folder: Folder = STATE_FOLDER) -> None:
    """Restart one process and wait until it is ready."""
    _say(control.ask(Path(_running(folder).control), "restart", name=process))


@app.command()
def kill(process: str, signal: str = "SIGKILL", folder: Folder = STATE_FOLDER) -> None:
    """Send a signal to one process, to see what happens."""
    _say(control.ask(Path(_running(folder).control), "kill", name=process, signal=signal))


@app.command()
def demo(event: Annotated[str, typer.Argument(help="Which life event.")] = "") -> None:
    """Watch a life event from application to licence."""
    raise typer.Exit(importlib.import_module("local_stack.demo.play").main(event or None))


@app.command(name="demo-check")
def demo_check(event: Annotated[str, typer.Argument(help="Which life event.")] = "") -> None:
    """Recompute what the last demo claimed, from SQL and topics; without a running stack, run the demo first."""
    raise typer.Exit(importlib.import_module("local_stack.demo.play").check_again(event or None))


@app.command(name="lock-kafka")
def lock_kafka_jars() -> None:
    """Write the list of Kafka's jars again (needs Maven)."""
    lock_kafka.main()


@app.command(hidden=True)
def supervise(folder: Folder, profile: ProfileOption = "laptop", infra_only: InfraOnly = False) -> None:
    """Be the parent of everything, until told to stop; `up` starts this."""
    raise typer.Exit(daemon.supervise(folder, Options(profile=_profile(profile), infra_only=infra_only)))


def _profile(name: str) -> Profile:
    if name == "laptop":
        return "laptop"
    if name == "pairs":
        return "pairs"
    raise StackError("PROFILE_UNKNOWN", f"no profile {name!r}; there are laptop and pairs")


def _running(folder: Path) -> StackState:
    state = daemon.find(open_layout(folder, ordinary()))
    if state is None:
        raise StackError("NOT_RUNNING", "nothing runs; make up starts the stack")
    return state


def _personas() -> list[str]:
    seed = importlib.import_module("local_stack.seed")
    _entries, personas = seed.read_catalogue(seed.CATALOGUE)
    return [str(persona["persona"]) for persona in personas]


def _follow(log: Path) -> None:
    with log.open(errors="replace") as file:
        file.seek(0, 2)
        while True:
            line = file.readline()
            if line:
                sys.stdout.write(line)
            else:
                time.sleep(0.2)


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    """Run a verb; what the runner refuses is one clear line and exit 1."""
    try:
        app()
    except StackError as problem:
        sys.stderr.write(f"{problem.code}: {problem.text}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
