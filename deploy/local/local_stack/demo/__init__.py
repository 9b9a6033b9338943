# SPDX-License-Identifier: EUPL-1.2
"""Demos: a life event played on the real stack, told live, and recounted at the end in code of its own."""
