# SPDX-License-Identifier: EUPL-1.2
"""What a chaos run is made of: load through public doors with its history, faults, waiting for quiet, collecting."""
