# SPDX-License-Identifier: EUPL-1.2
"""SQL of identity, one function a query."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from identity.domain import HeldCode, PartyName, Person, RecordKind, Registration, Session, UsedProof
from kit.db import Queries


# ------------------------------------------------------------------------------------------------ registrations
async def registration(db: Queries, kind: RecordKind, name: str) -> Registration | None:
    """Give the newest record of an office or system."""
    row = await db.fetchrow(
        "SELECT version, record FROM registration WHERE kind = $1 AND id = $2 AND version > 0", kind.value, name
    )
    return Registration(kind, name, row["version"], row["record"]) if row else None


async def reserve_registration(tx: Queries, kind: RecordKind, name: str) -> None:
    """Make the row that is locked next, so that two first registrations wait for each other too."""
    await tx.execute(
        "INSERT INTO registration (kind, id, version, record) VALUES ($1, $2, 0, '') ON CONFLICT DO NOTHING",
        kind.value,
        name,
    )


async def lock_registration(tx: Queries, kind: RecordKind, name: str) -> Registration | None:
    """Give the record and keep others from changing it until the commit; version 0 when it was only reserved."""
    row = await tx.fetchrow(
        "SELECT version, record FROM registration WHERE kind = $1 AND id = $2 FOR UPDATE", kind.value, name
    )
    return Registration(kind, name, row["version"], row["record"]) if row else None


async def save_registration(tx: Queries, new: Registration) -> None:
    """Replace the locked record."""
    await tx.execute(
        "UPDATE registration SET version = $3, record = $4 WHERE kind = $1 AND id = $2",
        new.kind.value,
        new.id,
        new.version,
        new.record,
    )


async def claim_keys(tx: Queries, kind: RecordKind, owner: str, kids: Sequence[str]) -> bool:
    """Note that these keys are *owner*'s, for ever. Gives False when one of them is somebody else's."""
    await tx.execute(
        """INSERT INTO registered_key (kid, kind, owner)
           SELECT kid, $1, $2 FROM unnest($3::text[]) AS t (kid) ORDER BY kid ON CONFLICT (kid) DO NOTHING""",
        kind.value,
        owner,
        list(kids),
    )
    foreign = await tx.fetchval(
        "SELECT count(*) FROM registered_key WHERE kid = ANY($3::text[]) AND (kind, owner) <> ($1, $2)",
        kind.value,
        owner,
        list(kids),
    )
    return bool(foreign == 0)


# ------------------------------------------------------------------------------------------------ persons
async def add_person(tx: Queries, person: Person, now: datetime) -> UUID:
    """Add a person, or find the one with that number. Gives the id that stands."""
    await tx.execute(
        """INSERT INTO person (id, number_hash, number_sealed, recorded_at) VALUES ($1, $2, $3, $4)
           ON CONFLICT (number_hash) DO NOTHING""",
        person.id,
        person.number_hash,
        person.number_sealed,
        now,
    )
    found: UUID = await tx.fetchval("SELECT id FROM person WHERE number_hash = $1", person.number_hash)
    return found


async def persons_by_number(db: Queries, hashes: Sequence[bytes]) -> dict[bytes, UUID]:
    """Find persons by the hashes of their numbers; what nobody has is absent."""
    rows = await db.fetch("SELECT number_hash, id FROM person WHERE number_hash = ANY($1::bytea[])", list(hashes))
    return {row["number_hash"]: row["id"] for row in rows}


async def remember_names(tx: Queries, names: Sequence[PartyName]) -> None:
    """Keep which person a party means by a pseudonym that it is about to get; names of nobody are kept just so."""
    await tx.execute(
        """INSERT INTO pseudonym (party, pseudonym, person_id)
           SELECT t.party, t.pseudonym, t.person_id
           FROM unnest($1::text[], $2::text[], $3::uuid[]) AS t (party, pseudonym, person_id)
           ORDER BY t.party, t.pseudonym
           ON CONFLICT (party, pseudonym) DO NOTHING""",
        [name.party for name in names],
        [name.pseudonym for name in names],
        [name.person_id for name in names],
    )


async def person_named(db: Queries, party: str, pseudonym: str) -> UUID | None:
    """Find the person whom *party* calls by this pseudonym; a name of nobody finds nobody."""
    found: UUID | None = await db.fetchval(
        """SELECT p.id FROM pseudonym n JOIN person p ON p.id = n.person_id
           WHERE n.party = $1 AND n.pseudonym = $2""",
        party,
        pseudonym,
    )
    return found


async def add_persona(tx: Queries, name: str, person_id: UUID) -> UUID:
    """Give a fictional person a name, or find whose it is. Gives the person that stands under the name."""
    await tx.execute(
        "INSERT INTO persona (name, person_id) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", name, person_id
    )
    found: UUID = await tx.fetchval("SELECT person_id FROM persona WHERE name = $1", name)
    return found


async def persona(db: Queries, name: str) -> UUID | None:
    """Find a fictional person by name."""
    found: UUID | None = await db.fetchval("SELECT person_id FROM persona WHERE name = $1", name)
    return found


# ------------------------------------------------------------------------------------------------ sessions, proofs
async def add_session(tx: Queries, new: Session) -> None:
    """Open a session."""
    await tx.execute(
        "INSERT INTO session (id, person_id, jkt, opened_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
        new.id,
        new.person_id,
        new.jkt,
        new.opened_at,
        new.expires_at,
    )


async def session(db: Queries, session_id: UUID) -> Session | None:
    """Find a session, ended ones too until they are swept."""
    row = await db.fetchrow("SELECT person_id, jkt, opened_at, expires_at FROM session WHERE id = $1", session_id)
    return Session(session_id, row["person_id"], row["jkt"], row["opened_at"], row["expires_at"]) if row else None


async def keep_code(tx: Queries, person_id: UUID, office: str, code_hash: bytes, until: datetime) -> None:
    """Keep a person's code for an office; the one before it, and the tries at it, are gone."""
    await tx.execute(
        """INSERT INTO confirm_code (person_id, office, code_hash, expires_at, tries) VALUES ($1, $2, $3, $4, 0)
           ON CONFLICT (person_id, office) DO UPDATE
           SET code_hash = excluded.code_hash, expires_at = excluded.expires_at, tries = 0""",
        person_id,
        office,
        code_hash,
        until,
    )


async def count_try(tx: Queries, person_id: UUID, office: str, until: datetime) -> HeldCode:
    """Count a try at a person's code for an office, lock it until the commit, and give it.

    until: how long a try is kept where there was no code.
    """
    row = await tx.fetchrow(
        """INSERT INTO confirm_code AS c (person_id, office, code_hash, expires_at, tries) VALUES ($1, $2, NULL, $3, 1)
           ON CONFLICT (person_id, office) DO UPDATE SET tries = c.tries + 1
           RETURNING code_hash, expires_at, tries""",
        person_id,
        office,
        until,
    )
    if row is None:
        raise LookupError("an upsert gives its row")
    return HeldCode(row["code_hash"], row["expires_at"], row["tries"])


async def end_code(tx: Queries, person_id: UUID, office: str) -> None:
    """Use a code up."""
    await tx.execute("DELETE FROM confirm_code WHERE person_id = $1 AND office = $2", person_id, office)


async def claim_proofs(db: Queries, proofs: Sequence[UsedProof]) -> set[UsedProof]:
    """Use up these proofs. Gives those that nobody had used before, in whichever process."""
    rows = await db.fetch(
        """INSERT INTO used_proof (issuer, jti, expires_at)
           SELECT issuer, jti, expires_at
           FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS t (issuer, jti, expires_at)
           ORDER BY issuer, jti
           ON CONFLICT (issuer, jti) DO NOTHING
           RETURNING issuer, jti""",
        [proof.issuer for proof in proofs],
        [proof.jti for proof in proofs],
        [proof.expires_at for proof in proofs],
    )
    taken = {(row["issuer"], row["jti"]) for row in rows}
    return {proof for proof in proofs if (proof.issuer, proof.jti) in taken}


async def count_handle(tx: Queries, subject: str, now: datetime, window: timedelta, limit: int) -> bool:
    """Count one look-up by *subject* now. Gives False, and counts nothing, when *limit* fell into the last *window*."""
    counted = await tx.fetchval(
        """INSERT INTO handle_use AS h (subject, used_at) VALUES ($1, ARRAY[$2::timestamptz])
           ON CONFLICT (subject) DO UPDATE
           SET used_at = array(SELECT u FROM unnest(h.used_at) AS u WHERE u > $2 - $3::interval) || $2
           WHERE (SELECT count(*) FROM unnest(h.used_at) AS u WHERE u > $2 - $3::interval) < $4
           RETURNING true""",
        subject,
        now,
        window,
        limit,
    )
    return counted is True


async def sweep(db: Queries, now: datetime) -> int:
    """Remove proofs, sessions and codes that are over, and counts that no limit looks at any more. Gives how many."""
    proofs = await db.execute("DELETE FROM used_proof WHERE expires_at < $1", now)
    sessions = await db.execute("DELETE FROM session WHERE expires_at < $1", now)
    codes = await db.execute("DELETE FROM confirm_code WHERE expires_at < $1", now)
    uses = await db.execute(
        "DELETE FROM handle_use WHERE used_at[cardinality(used_at)] < $1", now - timedelta(minutes=5)
    )
    return proofs + sessions + codes + uses
