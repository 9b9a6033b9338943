# SPDX-License-Identifier: EUPL-1.2
"""One door: who asks, may they, where to, within which deadline; forwards; keeps receipts."""
