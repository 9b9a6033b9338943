# SPDX-License-Identifier: EUPL-1.2
"""The directory: who holds what about whom."""

from collections.abc import Sequence

from exchange_bus.domain.records import Holding
from kit.db import Queries


async def put(tx: Queries, holdings: Sequence[Holding]) -> None:
    """Keep the newest version of each holding; an older one changes nothing. At most one row a certificate."""
    await tx.execute(
        """INSERT INTO holding AS h (certificate_id, type, office, version, status, valid_from, valid_to, person,
                                     organisation)
           SELECT certificate_id, type, office, version, status, valid_from, valid_to, person, organisation
           FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::text[], $6::date[], $7::date[], $8::text[],
                       $9::text[])
                AS t (certificate_id, type, office, version, status, valid_from, valid_to, person, organisation)
           ORDER BY certificate_id
           ON CONFLICT (certificate_id) DO UPDATE SET type = excluded.type, office = excluded.office,
             version = excluded.version, status = excluded.status, valid_from = excluded.valid_from,
             valid_to = excluded.valid_to, person = excluded.person, organisation = excluded.organisation
           WHERE h.version <= excluded.version""",
        [one.certificate_id for one in holdings],
        [one.type for one in holdings],
        [one.office for one in holdings],
        [one.version for one in holdings],
        [one.status for one in holdings],
        [one.valid_from for one in holdings],
        [one.valid_to for one in holdings],
        [one.person for one in holdings],
        [one.organisation for one in holdings],
    )


async def drop(tx: Queries, certificate_ids: Sequence[str]) -> None:
    """Forget holdings that were erased at their source."""
    await tx.execute("DELETE FROM holding WHERE certificate_id = ANY($1::uuid[])", list(certificate_ids))


async def holders(tx: Queries, type_name: str, *, person: str | None, organisation: str | None) -> set[str]:
    """Name the offices that hold a valid certificate of the type about this person or organisation."""
    rows = await tx.fetch(
        """SELECT DISTINCT office FROM holding
           WHERE type = $1 AND status = '01' AND (person = $2 OR organisation = $3)""",
        type_name,
        person,
        organisation,
    )
    return {row["office"] for row in rows}
