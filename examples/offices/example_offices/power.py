# SPDX-License-Identifier: EUPL-1.2
"""Power: attests its accounts, and follows whoever moves.

python -m example_offices.power --gateway URL --secrets DIR --trust FILE --state DIR [--once]
"""

from example_offices.utilities import run


def main() -> None:
    """Run the program."""
    run("power")


if __name__ == "__main__":
    main()
