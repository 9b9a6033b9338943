# SPDX-License-Identifier: EUPL-1.2
"""What certificates says and answers."""
