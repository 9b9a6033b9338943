# SPDX-License-Identifier: EUPL-1.2
"""SQL of certificates: one function a query, `tx` first, domain objects in and out. No rules here.

certificates: as they are issued and read, and serials. changes: operations under a lock, and their journal. versions:
the next one, and those that were. sharing: what waits to be sealed, aliases, share numbers. evidence: what answers
need, and the journal. snapshots: which grants have begun, and how far each grantee was told what stood before.
previews: requests that wait for the person they are about.
"""

from certificates.store import certificates, changes, evidence, previews, sharing, snapshots, versions

__all__ = ["certificates", "changes", "evidence", "previews", "sharing", "snapshots", "versions"]
