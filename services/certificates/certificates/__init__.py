# SPDX-License-Identifier: EUPL-1.2
"""What an office attests: issue, suspend, reinstate, revoke, verify, seal to whoever is granted."""
