# SPDX-License-Identifier: EUPL-1.2
"""Receipts of every look at a person's data, and the citizen's view of them."""
