# SPDX-License-Identifier: EUPL-1.2
"""Natural resources: attests who holds which land title.

python -m example_offices.land --gateway URL --secrets DIR --trust FILE --state DIR
"""

from example_offices.registering import Book, lines
from example_offices.serving import serve

BOOKS = [Book("title", "land.yaml", lines("number"))]


def main() -> None:
    """Run the program."""
    serve("land-registry", "Attest land titles.", books=BOOKS)


if __name__ == "__main__":
    main()
