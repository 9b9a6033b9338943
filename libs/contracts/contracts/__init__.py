# SPDX-License-Identifier: EUPL-1.2
"""What crosses a border between offices: events, envelopes, receipts and API models."""
