# SPDX-License-Identifier: EUPL-1.2
"""The four offices of the demo, written with the SDK."""
