# SPDX-License-Identifier: EUPL-1.2
"""The court: attests judgments, such as divorces.

python -m example_offices.court --gateway URL --secrets DIR --trust FILE --state DIR
"""

from example_offices.registering import Book, lines
from example_offices.serving import serve

BOOKS = [Book("judgment", "judgments.yaml", lines("number"))]


def main() -> None:
    """Run the program."""
    serve("court", "Attest judgments.", books=BOOKS)


if __name__ == "__main__":
    main()
