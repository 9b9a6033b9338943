# SPDX-License-Identifier: EUPL-1.2
"""The offices of the demo country, written with the SDK."""
