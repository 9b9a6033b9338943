# SPDX-License-Identifier: EUPL-1.2
"""An office's program, put together: its registers go on the platform first, then its desk opens."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from example_offices import program
from example_offices.clerk import Clerk
from example_offices.desk import Desk, Hear, Ways
from example_offices.drawer import Drawer
from example_offices.program import Say
from example_offices.rechecking import Again
from example_offices.registering import Book, open_book
from example_offices.rules import Rule
from tongban import Office
from tongban.clock import system_clock

Listener = Callable[[Office, Path, Say], Hear]
"""Makes what hears shares, out of the office, its state folder and where to talk."""


def serve(
    system: str,
    purpose: str,
    *,
    books: Sequence[Book] = (),
    rules: Mapping[str, Rule] | None = None,
    listener: Listener | None = None,
    again: Mapping[str, Again] | None = None,
    confirmed: Mapping[str, Any] | None = None,
) -> None:
    """Run an office's program as *system*. Without rules and listener it ends once its registers stand.

    again: what is done again when news come, by the step whose task is open. confirmed: what changes in a certificate
    when an inspection confirms what was promised.
    """
    parser = program.options(purpose)
    parser.add_argument("--registers", type=Path, default=program.REGISTERS, help="folder with the office's registers")
    parser.add_argument("--demand", metavar="FACT", help="ask the applicant for this proof before deciding")
    parser.add_argument("--silent", action="store_true", help="decide nothing until silence has decided it")
    parser.add_argument("--by-rule", action="store_true", help="decide reviews by the rule alone, without the clerk")

    async def work(office: Office, given: argparse.Namespace) -> None:
        today = system_clock().date()
        for book in books:
            await open_book(office, book, given.registers, today, program.say)
        if rules or listener:
            hear = None if listener is None else listener(office, given.state, program.say)
            ways = Ways(rules or {}, hear, given.demand, given.silent, given.by_rule, confirmed or {}, again or {})
            await _attend(office, given, ways)

    program.run(system, parser, work)


async def _attend(office: Office, given: argparse.Namespace, ways: Ways) -> None:
    drawer, clerk = Drawer(given.state / "drawer.sqlite"), Clerk(given.state)
    desk = Desk(office, drawer, program.say, ways, clerk)
    program.say("the desk is open")
    try:
        await program.attend(office, given, desk.take, desk.look)
    finally:
        clerk.close()
        drawer.close()
