# SPDX-License-Identifier: EUPL-1.2
"""Life events: one application, many offices."""
