# SPDX-License-Identifier: EUPL-1.2
"""The gate: may this office have these fields of this person from that office, for this step, now?

Asked twice, by the same rules: exchange-bus asks before it sends a request, the holder before it releases anything,
each from its own replica of the catalogue. Pure: everything it needs is an argument.

    admit  1. listed     the list entry, in force on the day        NOT_IN_POWER_LIST LIST_EXPIRED NO_LEGAL_BASIS ...
           2. granted    a grant covers fields, step and purpose    NO_GRANT PURPOSE_NOT_GRANTED NOT_OFFERED
           3. proven     a live case of that step, and this person  CASE_PROOF_INVALID CASE_NOT_LIVE
           4. requested  the citizen asked, where that is the basis EXPLICIT_REQUEST_MISSING
           5. consented  she agreed, where the law asks for it      CONSENT_MISSING

Days are days of UTC: `recorded_at` in UTC decides which entries are in force, here and at the holder alike.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, ClassVar

from pydantic import ValidationError

from contracts import signing
from contracts.cases import CaseProof, ProofNeed
from contracts.catalogue import Catalogue, CertificateType, Grant, Proof
from kit import aliases
from kit.errors import Kind, ServiceError
from kit.tokens import Claims, KeyOf, TokenRefused, verify


class GateRefused(ServiceError):
    """No data for this request. `rule` names the violated rule, `entry` the list entry that was cited."""

    kind, code, title = Kind.FORBIDDEN, "GATE_REFUSED", "The request may not be made"
    rule: ClassVar[str] = "gate"

    def __init__(self, detail: str = "", *, entry: str | None = None, **facts: Any) -> None:
        named = {} if entry is None else {"entry": entry}
        super().__init__(detail, **{"rule": self.rule, **named, **facts})


class ReferenceUnknown(GateRefused):
    """404: the entry, the release, the type or its version isn't in the catalogue here."""

    kind, code, title = Kind.NOT_FOUND, "REFERENCE_UNKNOWN", "The request refers to something unknown here"
    rule = "gate.reference"


class NotInPowerList(GateRefused):
    """403: the asking office has no power over the service."""

    code, title, rule = "NOT_IN_POWER_LIST", "The office has no power over this service", "gate.power"


class ListExpired(GateRefused):
    """403: the entry isn't in force on the day of the request."""

    code, title, rule = "LIST_EXPIRED", "The list entry is not in force", "gate.entry-in-force"


class NoLegalBasis(GateRefused):
    """403: the entry doesn't let this office ask this in this step, or not on this legal basis."""

    code, title, rule = "NO_LEGAL_BASIS", "The list entry does not allow this question", "gate.entry"


class NoGrant(GateRefused):
    """403: no grant from the holder covers the fields in this step."""

    code, title, rule = "NO_GRANT", "No grant covers this request", "gate.grant"


class PurposeNotGranted(GateRefused):
    """403: there is a grant, for another purpose."""

    code, title, rule = "PURPOSE_NOT_GRANTED", "The grant is for another purpose", "gate.purpose"


class NotOffered(GateRefused):
    """400: the predicate isn't offered for this type."""

    kind, code, title = Kind.INVALID, "NOT_OFFERED", "This is not offered for the type"
    rule = "gate.offer"


class CaseProofInvalid(GateRefused):
    """403: the case proof isn't one, or is about another office, step, service, type or person."""

    code, title, rule = "CASE_PROOF_INVALID", "The case proof does not prove this request", "gate.case-proof"


class CaseNotLive(GateRefused):
    """403: the case is closed, or its proof ended before the request."""

    code, title, rule = "CASE_NOT_LIVE", "The case is not live", "gate.case-live"


class ExplicitRequestMissing(GateRefused):
    """403: the legal basis is the citizen's own request, and she made none."""

    code, title, rule = "EXPLICIT_REQUEST_MISSING", "The citizen has not asked for this fetch", "gate.explicit-request"


class ConsentMissing(GateRefused):
    """403: the legal basis is consent, and there is none in force."""

    code, title, rule = "CONSENT_MISSING", "No consent covers this request", "gate.consent"


@dataclass(frozen=True, slots=True)
class SubjectDigests:
    """Whom a request is about, as a case proof names it: digests, nothing that tells who it is.

    holders: office (USCC) -> digest of the alias for that office, for the offices that the request could go to.
    """

    platform: str
    holders: Mapping[str, str]

    @classmethod
    def person(cls, platform_alias: str, holder_aliases: Mapping[str, str]) -> "SubjectDigests":
        """Take the digests of a person's aliases, each of the very text that travels."""
        holders = {office: aliases.digest(alias) for office, alias in holder_aliases.items()}
        return cls(aliases.digest(platform_alias), holders)

    @classmethod
    def organisation(cls, uscc: str, offices: Iterable[str]) -> "SubjectDigests":
        """Name an organisation: its public code stands where a person's aliases would, for every office alike."""
        digest = aliases.digest(uscc)
        return cls(digest, dict.fromkeys(offices, digest))


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request as both gates see it.

    holder: at the holder its own code, so that nobody else's grant counts; None at exchange-bus.
    case_proof: the JWS as it travels. Exactly one of fields and predicate.
    """

    asker: str
    holder: str | None
    entry: str
    release: int
    type: str
    type_version: int
    fields: tuple[str, ...] | None
    predicate: str | None
    purpose: str
    basis: str
    case_id: str
    step: str
    case_proof: str
    subject: SubjectDigests


@dataclass(frozen=True, slots=True)
class Listed:
    """The list entry, the type, and the entry's sources of that type in the entry's order."""

    entry: Proof
    type: CertificateType
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Admitted:
    """The gate is open. grants: possible holder (USCC) -> the grant that covers the request, in the entry's order."""

    entry: Proof
    type: CertificateType
    grants: Mapping[str, Grant]
    proof: CaseProof
    need: ProofNeed


def day_of(moment: datetime) -> date:
    """Give the day on which a request recorded at *moment* is judged."""
    return moment.astimezone(UTC).date()


def admit(
    catalogue: Catalogue, question: Question, *, key_of: KeyOf, recorded_at: datetime, case_closed: bool = False
) -> Admitted:
    """Judge *question* by all rules in their order. Raises the GateRefused of the first that doesn't hold.

    key_of: keys of systems with the role `cases`, and of nobody else. recorded_at: when exchange-bus recorded the
    request; a holder judges by that moment too, since the message may have waited. case_closed: known here as closed.
    """
    on = day_of(recorded_at)
    found = listed(catalogue, question, on)
    grants = granted(catalogue, question, found, on)
    proof = read_case_proof(question.case_proof, key_of=key_of, recorded_at=recorded_at, entry=question.entry)
    bound(question, found.entry, proof)
    if case_closed:  # before the person is looked at: a closed case is closed for everybody
        raise CaseNotLive(entry=question.entry)
    need = proven(question, proof)
    if found.entry.legal_basis == "request":
        requested(proof, question.entry)
    if found.entry.legal_basis == "consent":
        # No consent is registered anywhere yet, so none can be in force: the gate stays shut.
        raise ConsentMissing(entry=question.entry)
    return Admitted(found.entry, found.type, grants, proof, need)


def listed(catalogue: Catalogue, question: Question, on: date) -> Listed:
    """Find the list entry that allows the question, and those of its sources that hold the type.

    Raises ReferenceUnknown, NotInPowerList, ListExpired, NoLegalBasis.
    """
    cited = question.entry
    if not catalogue.known(Proof, cited) or not 1 <= question.release <= catalogue.release:
        raise ReferenceUnknown("entry or release")  # not said again: what the catalogue doesn't know came from outside
    # Power comes before force (domain, the proof gate's order), so the service is that of any version of the entry.
    services = {e.service for e in catalogue.versions(Proof, cited)}
    if not any(catalogue.has_power(question.asker, service, on) for service in services):
        raise NotInPowerList(entry=cited)
    entry = catalogue.get(Proof, cited, on)
    if entry is None:
        raise ListExpired(entry=cited)
    found = _type(catalogue, question, on)
    if entry.asked_by != question.asker or entry.step not in (None, question.step):
        raise NoLegalBasis(entry=cited)
    sources = tuple(s.office for s in entry.sources if s.type == question.type)
    if question.holder is not None:
        sources = tuple(office for office in sources if office == question.holder)
    if not sources or entry.legal_basis != question.basis:
        raise NoLegalBasis(entry=cited)
    return Listed(entry, found, sources)


def _type(catalogue: Catalogue, question: Question, on: date) -> CertificateType:
    """Find the version of the type that the question names: any in force will do, so change can come in waves."""
    for entry in catalogue.versions(CertificateType, question.type):
        if entry.version == question.type_version and entry.in_force(on):
            return entry
    raise ReferenceUnknown("type or version", entry=question.entry)


def granted(catalogue: Catalogue, question: Question, found: Listed, on: date) -> dict[str, Grant]:
    """Find, for each source, the grant that covers the question; sources without one are left out.

    Raises NotOffered, NoGrant when there is none at all, PurposeNotGranted when the purpose alone is in the way.
    """
    if question.predicate is not None or question.fields is None:
        raise NotOffered("No predicate is registered for this type.", entry=question.entry)
    asked = set(question.fields)
    covering: dict[str, Grant] = {}
    purpose_alone = False
    for office in found.sources:
        grants = catalogue.grants(
            on, mode="onRequest", type_name=question.type, provider=office, consumer=question.asker
        )
        for grant in grants:
            if not asked <= set(grant.fields) or question.step not in grant.steps or grant.basis != question.basis:
                continue
            if grant.purpose == question.purpose:
                covering.setdefault(office, grant)
            else:
                purpose_alone = True
    if not covering:
        raise (PurposeNotGranted if purpose_alone else NoGrant)(entry=question.entry)
    return covering


def read_case_proof(token: str, *, key_of: KeyOf, recorded_at: datetime, entry: str | None = None) -> CaseProof:
    """Verify a case proof as of *recorded_at* and read it. Raises CaseProofInvalid, CaseNotLive when it has ended."""
    try:
        claims: Claims = verify(token, signing.CASE_PROOF, key_of=key_of, audience=None, now=recorded_at)
        return CaseProof.model_validate(dict(claims.data))
    except TokenRefused as why:
        raise (CaseNotLive if why.reason == "expired" else CaseProofInvalid)(entry=entry) from why
    except ValidationError as why:
        raise CaseProofInvalid(entry=entry) from why


def bound(question: Question, entry: Proof, proof: CaseProof) -> None:
    """Demand that *proof* is about this office, step, service and case. Raises CaseProofInvalid."""
    claimed = (proof.office, proof.step, proof.service, proof.case_id)
    if claimed != (question.asker, question.step, entry.service, question.case_id):
        raise CaseProofInvalid(entry=question.entry)


def proven(question: Question, proof: CaseProof) -> ProofNeed:
    """Find the row of *proof* with the type and all the aliases of this person. Raises CaseProofInvalid."""
    wanted = question.subject
    for need in proof.needs:
        same_holders = all(need.holders.get(office) == digest for office, digest in wanted.holders.items())
        # All from one row: an alias of another person in the same case must not slip in.
        if (need.type, need.platform) == (question.type, wanted.platform) and wanted.holders and same_holders:
            return need
    raise CaseProofInvalid(entry=question.entry)


def requested(proof: CaseProof, entry: str | None = None) -> None:
    """Demand the citizen's own request, which cases signed into the proof. Raises ExplicitRequestMissing."""
    slot = proof.explicit_request
    if slot.at is None or slot.text_version is None:
        raise ExplicitRequestMissing(entry=entry)
