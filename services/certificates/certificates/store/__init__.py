# SPDX-License-Identifier: EUPL-1.2
"""SQL of certificates: one function a query, `tx` first, domain objects in and out. No rules here.

certificates: the certificates themselves and their serials. sharing: what waits to be sealed, aliases, share numbers.
evidence: what answers need, and the journal.
"""

from certificates.store import certificates, evidence, sharing

__all__ = ["certificates", "evidence", "sharing"]
