# SPDX-License-Identifier: EUPL-1.2
"""The service's own PostgreSQL: transactions that carry their events, receipts and stored answers with them."""

from kit.db.coalesce import Coalescer, coalescing
from kit.db.database import OUTBOX_CHANNEL, Database, DatabaseSettings, open_db
from kit.db.errors import ForeignKeyViolation, IntegrityError, UniqueViolation
from kit.db.idem import Answer, Idem, TwinCommitted, fingerprint
from kit.db.idem_many import claim_many, store_many
from kit.db.queries import Queries, Row
from kit.db.side import Hint
from kit.db.transaction import Transaction

__all__ = [
    "OUTBOX_CHANNEL",
    "Answer",
    "Coalescer",
    "Database",
    "DatabaseSettings",
    "ForeignKeyViolation",
    "Hint",
    "Idem",
    "IntegrityError",
    "Queries",
    "Row",
    "Transaction",
    "TwinCommitted",
    "UniqueViolation",
    "claim_many",
    "coalescing",
    "fingerprint",
    "open_db",
    "store_many",
]
