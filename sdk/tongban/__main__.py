# SPDX-License-Identifier: EUPL-1.2
"""`python -m tongban`."""

from tongban.cli import main

main()
