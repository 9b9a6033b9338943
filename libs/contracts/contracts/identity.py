# SPDX-License-Identifier: EUPL-1.2
"""What identity says and answers: offices, systems, persons, aliases, tokens."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from contracts.base import Code, Jwe, Jwk, Kid, Model, OfficeCode, Pseudonym, SystemId, Text, Timestamp

RoleName = Literal["office", "gateway", "identity", "cases", "exchange-bus", "certificates", "ledger", "portal"]
Party = Annotated[str, StringConstraints(pattern=r"^([0-9A-HJ-NPQRTUWXY]{18}|platform)$")]
"""An office (USCC) or the word `platform`."""
CitizenNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{17}[0-9X]$")]


class SystemKey(Model):
    """A public key of a system. `use`: sig (assertions, receipts, envelopes), token (identity's), enc (ledger's)."""

    kid: Kid
    use: Literal["sig", "token", "enc"]
    jwk: Jwk
    from_: Timestamp = Field(alias="from")
    to: Timestamp | None = None
    status: Literal["active", "revoked"] = "active"


class SystemRecord(Model):
    """Body of a record of `identity.system.v1`; also `POST /v1/systems` (bootstrap)."""

    system_id: SystemId
    operator: OfficeCode
    offices: list[OfficeCode]
    role: RoleName
    keys: list[SystemKey]
    status: Literal["active", "revoked"] = "active"


class OfficeKey(Model):
    """A public key of an office. `use`: answering and inbox (ECDH-ES), issuing (ES256, for offline checks)."""

    kid: Kid
    use: Literal["answering", "inbox", "issuing"]
    jwk: Jwk
    from_: Timestamp = Field(alias="from")
    to: Timestamp | None = None
    status: Literal["active", "revoked"] = "active"


class OfficeRecord(Model):
    """Body of a record of `identity.office.v1`; also `POST /v1/offices` (bootstrap). `office` may be `platform`."""

    office: Party
    keys: list[OfficeKey]
    status: Literal["active", "revoked"] = "active"


class Registered(Model):
    """Answer to a registration: 201."""

    id: Text
    version: int


class Resolve(Model):
    """`POST /v1/persons/resolve`: numbers that the calling office lawfully holds; at most 500."""

    numbers: Annotated[list[CitizenNumber], Field(min_length=1, max_length=500)]


class Resolved(Model):
    """The caller's own pseudonyms, in the order asked; null for a number nobody has."""

    subjects: list[Pseudonym | None]


class MakeHandle(Model):
    """`POST /v1/persons/handles`: a citizen turns another person's number into an opaque handle."""

    number: CitizenNumber


class Handle(Model):
    """An alias for the platform; looks the same for a number nobody has."""

    handle: Jwe


class AliasUse(Model):
    """Whom an alias is for, and which of the party's keys opens it."""

    party: Party
    use: Literal["answering", "inbox"] = "answering"


class MintAliases(Model):
    """`POST /v1/aliases` (cases, certificates): aliases of one person for several parties.

    `from` is the party whose pseudonym `subject` is: `platform` for cases, one of its offices for certificates.
    """

    from_: Party = Field(alias="from")
    subject: Pseudonym
    to: Annotated[list[AliasUse], Field(min_length=1, max_length=50)]


class Alias(Model):
    """One sealed alias."""

    party: Party
    use: Literal["answering", "inbox"]
    alias: Jwe


class Aliases(Model):
    """In the order asked."""

    aliases: list[Alias]


class RegisterPersona(Model):
    """`POST /v1/sandbox/personas` (bootstrap, sandbox only): a fictional person of area 999900."""

    persona: Code
    number: CitizenNumber


class OpenSession(Model):
    """`POST /v1/sandbox/sessions` (sandbox only): log a persona in. The DPoP proof beside it binds the token."""

    persona: Code


class Session(Model):
    """A citizen's access token for the platform."""

    access_token: Annotated[str, StringConstraints(max_length=8192)]
    token_type: Literal["DPoP"] = "DPoP"  # noqa: S105 - a scheme, no secret
    expires_in: int


class MakeConfirmCode(Model):
    """`POST /v1/confirm-codes` (citizen): a code to tell a clerk of that office, who may then act for her."""

    office: OfficeCode


class ConfirmCode(Model):
    """201: counts once, for that office, until `expires_at`. A new one ends the one before."""

    code: Annotated[str, StringConstraints(pattern=r"^[0-9]{8}$")]
    expires_at: Timestamp


class OpenWindow(Model):
    """`POST /v1/window-sessions` (a system of the office): the person at the window, and the code that she told.

    `clerk`: what the office calls its clerk; it stands in the sealed part of every receipt of the session.
    """

    number: CitizenNumber
    code: Annotated[str, StringConstraints(pattern=r"^[0-9]{8}$")]
    clerk: Code


class WindowSession(Session):
    """201: a token for the platform that speaks for the citizen, bound to the key of the system that asked for it.

    Its claim `act` says who acts: {sub: system id, office, clerk} (RFC 8693, section 4.1).
    """
