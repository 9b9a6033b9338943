# SPDX-License-Identifier: EUPL-1.2
"""Water: attests its accounts, and follows whoever moves.

python -m example_offices.water --gateway URL --secrets DIR --trust FILE --state DIR [--once]
"""

from example_offices.utilities import run


def main() -> None:
    """Run the program."""
    run("water")


if __name__ == "__main__":
    main()
