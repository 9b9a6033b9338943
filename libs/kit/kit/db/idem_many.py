# SPDX-License-Identifier: EUPL-1.2
"""Idempotency keys of many requests in one transaction: for coalescing writers (`kit.db.coalesce`)."""

from collections.abc import Mapping, Sequence

from kit.db.idem import KEPT, Answer, Idem, TwinCommitted, lock_number, read_answer
from kit.db.queries import Queries
from kit.errors import KeyReused, ServiceError, StillRunning
from kit.strictjson import dumps


async def claim_many(tx: Queries, idems: Sequence[Idem]) -> list[Answer | ServiceError | None]:
    """Take the keys of *idems* for this transaction; for each, in order: the stored answer, why not, or None: go on.

    Two of one key in the same call: the second is told StillRunning, as if it had come from elsewhere.
    """
    rows = await tx.fetch(
        """SELECT t.ord, l.got, i.fingerprint, i.status, i.response, i.headers
           FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS t (client_id, key, lock_number, ord)
           CROSS JOIN LATERAL (SELECT pg_try_advisory_xact_lock(t.lock_number) AS got OFFSET 0) l
           LEFT JOIN idem i ON i.client_id = t.client_id AND i.key = t.key AND i.expires_at > now()
           ORDER BY t.ord""",
        [idem.client for idem in idems],
        [idem.key for idem in idems],
        [lock_number(idem) for idem in idems],
    )
    found: list[Answer | ServiceError | None] = []
    seen: set[tuple[str, str]] = set()
    for idem, row in zip(idems, rows, strict=True):
        name = (idem.client, idem.key)
        if not row["got"] or name in seen:
            found.append(StillRunning())
        elif row["status"] is None:
            found.append(None)
        else:
            try:
                found.append(read_answer(idem, row))
            except KeyReused as why:
                found.append(why)
        seen.add(name)
    return found


async def store_many(tx: Queries, answers: Mapping[Idem, Answer]) -> None:
    """Keep the answers in the transaction of their effects. Raises TwinCommitted when one of them was kept before."""
    ordered = sorted(answers.items(), key=lambda pair: (pair[0].client, pair[0].key))
    kept = await tx.execute(
        """INSERT INTO idem AS i (client_id, key, fingerprint, status, response, headers, expires_at)
           SELECT client_id, key, fingerprint, status, response, headers, now() + $7
           FROM unnest($1::text[], $2::text[], $3::bytea[], $4::smallint[], $5::bytea[], $6::bytea[])
                AS t (client_id, key, fingerprint, status, response, headers)
           ON CONFLICT (client_id, key) DO UPDATE
           SET fingerprint = excluded.fingerprint, status = excluded.status, response = excluded.response,
               headers = excluded.headers, expires_at = excluded.expires_at
           WHERE i.expires_at <= now()""",
        [idem.client for idem, _ in ordered],
        [idem.key for idem, _ in ordered],
        [idem.fingerprint for idem, _ in ordered],
        [answer.status for _, answer in ordered],
        [answer.body for _, answer in ordered],
        [dumps(dict(answer.headers)) if answer.headers else None for _, answer in ordered],
        KEPT,
    )
    if kept != len(ordered):
        raise TwinCommitted
