# SPDX-License-Identifier: EUPL-1.2
"""Housing: attests leases, and which buildings were accepted as safe from fire.

python -m example_offices.housing --gateway URL --secrets DIR --trust FILE --state DIR
"""

from example_offices.registering import Book, lines
from example_offices.serving import serve

BOOKS = [
    Book("lease", "leases.yaml", lines("number")),
    Book("building-fire-acceptance", "buildings.yaml", lines("number")),
]


def main() -> None:
    """Run the program."""
    serve("housing", "Attest leases and buildings.", books=BOOKS)


if __name__ == "__main__":
    main()
