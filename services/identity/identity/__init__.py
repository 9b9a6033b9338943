# SPDX-License-Identifier: EUPL-1.2
"""Offices, systems and their keys; citizens, log-in, tokens; per-office pseudonyms."""
