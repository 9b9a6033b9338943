# SPDX-License-Identifier: EUPL-1.2
"""Verifying a credential or presentation: every check by name, and the first that fails gives the code."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final, Protocol

from certificates import store
from certificates.service.credentials import CERTIFICATE_URN, ISSUERS, TYPES
from certificates.service.rulebook import Rulebook
from contracts.certificates import formats
from contracts.certificates.api import Check, Verdict
from contracts.certificates.formats import FormatRefused, Verified
from kit.db import Database
from kit.gate import day_of
from kit.jose import PublicKey

NEEDS_NO_STATUS: Final = timedelta(hours=24)
"""A copy that lives no longer than this is good without a look at the register."""

CHECKS: Final = (
    ("form", ("MALFORMED",)),
    ("typ", ("TYPE_WRONG",)),
    ("algorithm", ("ALGORITHM_REFUSED",)),
    ("key", ("KEY_UNKNOWN",)),
    ("signature", ("SIGNATURE_INVALID",)),
    ("time", ("EXPIRED", "NOT_YET_VALID")),
    ("disclosures", ("DISCLOSURE_INVALID",)),
    ("vct", ("VCT_UNEXPECTED",)),
    ("audience", ("AUDIENCE_WRONG",)),
    ("issuer", ("ISSUER_NOT_LISTED",)),
    ("status", ("STATUS_NOT_VALID", "STATUS_UNKNOWN")),
)
"""Checks in their order, and the codes by which each fails."""


class IssuingKeys(Protocol):
    """What we need of the registry."""

    def issuing_keys(self, office: str) -> dict[str, PublicKey]:
        """Give an office's issuing keys that were not revoked, by kid."""
        ...


class Verifying:
    """The use case `verify`. offices: those whose register is here."""

    def __init__(self, *, db: Database, rulebook: Rulebook, registry: IssuingKeys, offices: Sequence[str]) -> None:
        self._db = db
        self._rulebook = rulebook
        self._registry = registry
        self._offices = frozenset(offices)

    async def verify(self, credential: str, office: str) -> Verdict:
        """Judge *credential* for the asking office, which a presentation must be made for. Raises Unavailable."""
        try:
            verified = formats.verify(credential, key_of=self._key_of, now=self._rulebook.now(), audience=office)
        except FormatRefused as why:
            return _failed(why.code)
        issuer, type_name = verified.issuer.removeprefix(ISSUERS), verified.vct.removeprefix(TYPES).partition("/")[0]
        if self._rulebook.catalogue().may_issue(issuer, type_name, day_of(verified.issued_at)) is None:
            return _failed("ISSUER_NOT_LISTED")
        return await self._with_status(verified, issuer)

    def _key_of(self, iss: str, kid: str) -> Callable[[bytes, bytes], bool] | None:
        if not iss.startswith(ISSUERS):
            return None
        key = self._registry.issuing_keys(iss.removeprefix(ISSUERS)).get(kid)
        return None if key is None else key.verifies

    async def _with_status(self, verified: Verified, office: str) -> Verdict:
        """Look the certificate up, last of all; without its register a long-lived copy is never called valid."""
        urn = verified.claims.get("jti")
        if not isinstance(urn, str) or not urn.startswith(CERTIFICATE_URN):
            short = verified.expires_at is not None and verified.expires_at - verified.issued_at <= NEEDS_NO_STATUS
            return _passed(verified) if short else _failed("STATUS_UNKNOWN", verdict="unknown")
        if office not in self._offices:
            return _failed("STATUS_UNKNOWN", verdict="unknown")
        async with self._db.read() as reader:
            held = await store.certificates.read(reader, office, urn.removeprefix(CERTIFICATE_URN))
            former = await store.versions.status_of_licence(reader, office, str(verified.claims.get("licenceId")))
        if held is not None and former is not None:  # a copy of a version that was replaced
            return _failed("STATUS_NOT_VALID").model_copy(update={"status": former})
        if held is None or held.licence_id != verified.claims.get("licenceId"):
            return _failed("STATUS_UNKNOWN", verdict="unknown")
        if not held.shows(self._rulebook.today()):
            return _failed("STATUS_NOT_VALID").model_copy(update={"status": held.status})
        return _passed(verified).model_copy(update={"status": held.status})


def _passed(verified: Verified) -> Verdict:
    return Verdict(verdict="valid", checks=[Check(name=name, ok=True) for name, _ in CHECKS], claims=verified.claims)


def _failed(code: str, *, verdict: str = "invalid") -> Verdict:
    checks: list[Check] = []
    for name, codes in CHECKS:
        checks.append(Check(name=name, ok=code not in codes))
        if code in codes:
            break
    return Verdict.model_validate({"verdict": verdict, "code": code, "checks": checks})
