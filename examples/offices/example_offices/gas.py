# SPDX-License-Identifier: EUPL-1.2
"""Gas: attests its accounts, and follows whoever moves.

python -m example_offices.gas --gateway URL --secrets DIR --trust FILE --state DIR [--once]
"""

from example_offices.utilities import run


def main() -> None:
    """Run the program."""
    run("gas")


if __name__ == "__main__":
    main()
