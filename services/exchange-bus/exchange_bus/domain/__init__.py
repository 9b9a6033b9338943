# SPDX-License-Identifier: EUPL-1.2
"""Rules of exchange-bus that need nothing but their arguments. The gate's rules, shared with holders, are in kit."""
