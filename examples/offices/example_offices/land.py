# SPDX-License-Identifier: EUPL-1.2
"""Natural resources: attests who holds which land title.

python -m example_offices.land --gateway URL --secrets DIR --trust FILE --state DIR
"""

import argparse
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from example_offices import program
from example_offices.registering import Entry, register
from tongban import Office


def entries(file: Path) -> Iterator[Entry]:
    """Give each title of the land register."""
    for row in program.read_register(file):
        yield Entry(
            number=row["number"],
            key=row["title"],
            claims={"holder": program.SELF, "place": row["place"], "use": row["use"], "number": row["title"]},
            valid_from=date.fromisoformat(row["since"]),
        )


async def work(office: Office, given: argparse.Namespace) -> None:
    """Register every title."""
    stand = await register(office, "title", entries(given.register), program.say)
    program.say(f"title: {stand} entries stand on the platform")


def main() -> None:
    """Run the program."""
    parser = program.options("Attest land titles.")
    parser.add_argument("--register", type=Path, default=program.REGISTERS / "land.yaml", help="the land register")
    program.run("land-registry", parser, work)


if __name__ == "__main__":
    main()
