# SPDX-License-Identifier: EUPL-1.2
"""Measures the stack beside the floors that it stands on. `make bench`; nothing here is asserted."""
