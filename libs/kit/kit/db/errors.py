# SPDX-License-Identifier: EUPL-1.2
"""What the database driver says, in our words. Translated here, once.

ServiceError
 └─ Unavailable          lost connection, shut down, time-out, deadlock: try again (503)
IntegrityError
 ├─ UniqueViolation      .constraint says which
 └─ ForeignKeyViolation  .constraint says which
"""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from kit.errors import Unavailable

_PASSING = (
    OSError,  # refused, reset, host away
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,  # "connection is closed", "pool is closing"
    asyncpg.OperatorInterventionError,  # shut down, crash of another backend, statement time-out
    asyncpg.InsufficientResourcesError,  # too many connections, out of memory, disk full
    asyncpg.TransactionRollbackError,  # deadlock, serialization
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InternalClientError,  # the protocol was torn in the middle of an answer
)


class IntegrityError(Exception):
    """A constraint said no. constraint: its name in the schema; branch on that."""

    def __init__(self, constraint: str) -> None:
        super().__init__(constraint)
        self.constraint = constraint


class UniqueViolation(IntegrityError):
    """The row is there already."""


class ForeignKeyViolation(IntegrityError):
    """The row that is pointed at isn't there, or is still pointed at."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the driver raises into Unavailable, UniqueViolation or ForeignKeyViolation; the rest is a bug."""
    try:
        yield
    except asyncpg.UniqueViolationError as why:
        raise UniqueViolation(why.constraint_name or "") from why
    except asyncpg.ForeignKeyViolationError as why:
        raise ForeignKeyViolation(why.constraint_name or "") from why
    except _PASSING as why:
        raise Unavailable from why
