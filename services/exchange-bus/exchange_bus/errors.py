# SPDX-License-Identifier: EUPL-1.2
"""What callers of exchange-bus may see.

    CatalogueInvalid      400  a release with faults; `errors` names each with its path
    PreviewNotOffered     400  a preview was wished where the list entry offers none
    ClocksDontFit         400  the request's deadline, the last check of the gate
    NoHolder              404  nobody who is listed and granted holds it
    NoOfficeKey           503  the holder has no usable key, so nothing can be sealed to it
    DuplicateRequest      409  a second open request of one exchange
    AnswerRefused              why a request was not answered: the holder's code, as a problem
    ├── NotMatched        404  no such person or no such evidence; zero and two look alike
    ├── EvidenceTimeout   504  a clock ran out
    ├── RequestWithdrawn  403  the case was closed meanwhile
    └── HolderFailed      502  everything else that a holder says; its gate's refusals keep their own codes
    ProofRefused          409  a demand on the applicant that the lists don't allow; its code says why

The gate's own refusals are `kit.gate.GateRefused`.
"""

from typing import Final

from kit import gate, proof_gate
from kit.errors import InvalidRequest, Kind, ServiceError, Unavailable


class CatalogueInvalid(InvalidRequest):
    """The release is refused whole: each error has a path independent of files, such as `/grant/G-1/fields/2`."""

    code, title = "CATALOGUE_INVALID", "The release has faults"


class PreviewNotOffered(InvalidRequest):
    """Nobody looks first: the list entry offers no preview, or the subject is an organisation."""

    title = "No preview is offered for this"


class ClocksDontFit(InvalidRequest):
    """The deadline is over, too near or too far."""

    title = "The request's clocks don't fit"


class NoHolder(ServiceError):
    """Nobody whom the list names and a grant binds is known to hold it."""

    kind, code, title = Kind.NOT_FOUND, "NO_HOLDER", "No office is known to hold this"


class NoOfficeKey(Unavailable):
    """The holder has no usable key: nothing is ever sent in the clear instead."""

    code, title = "NO_OFFICE_KEY", "The holder's key isn't known here"


class DuplicateRequest(ServiceError):
    """This exchange has a request that is still open."""

    kind, code, title = Kind.CONFLICT, "DUPLICATE_REQUEST", "The exchange has an open request already"


class AnswerRefused(ServiceError):
    """A request that came to its end without an answer."""


class NotMatched(AnswerRefused):
    """No such person, no such evidence, or more than one: all look the same."""

    kind, code, title = Kind.NOT_FOUND, "NOT_MATCHED", "Nothing matched"


class EvidenceTimeout(AnswerRefused):
    """A clock of the exchange ran out."""

    kind, code, title = Kind.TIMEOUT, "EVIDENCE_TIMEOUT", "The answer did not come in time"


class RequestWithdrawn(AnswerRefused):
    """The case was closed while the request waited."""

    kind, code, title = Kind.FORBIDDEN, "CASE_NOT_LIVE", "The case is not live"


class DeclinedByCitizen(AnswerRefused):
    """The person looked first, and let nothing go."""

    kind, code, title = Kind.FORBIDDEN, "DECLINED_BY_CITIZEN", "The person let nothing go"


class HolderFailed(AnswerRefused):
    """The holder could not answer. `holderCode` is what it said."""

    kind, code, title = Kind.BAD_UPSTREAM, "HOLDER_FAILED", "The holder could not answer"


_BY_CODE: Final[dict[str, type[ServiceError]]] = {
    **{one.code: one for one in gate.GateRefused.__subclasses__()},  # the holder's gate asks by its own replica
    **{one.code: one for one in (NotMatched, EvidenceTimeout, RequestWithdrawn, DeclinedByCitizen)},
}


def answer_refused(code: str) -> ServiceError:
    """Give the problem for a refused request by its stored code."""
    known = _BY_CODE.get(code)
    return known() if known is not None else HolderFailed(holder_code=code)


class ProofRefused(ServiceError):
    """The proof may not be asked of the applicant. `code` of the problem is the proof gate's own."""

    kind, code, title = Kind.CONFLICT, "PROOF_REFUSED", "Proof not to be asked"


class ProofNotInPower(ProofRefused):
    """The asking office has no power over the service."""

    kind, code = Kind.FORBIDDEN, "NOT_IN_POWER_LIST"


PROOF_REFUSALS: Final[dict[str, type[ProofRefused]]] = {
    ProofNotInPower.code: ProofNotInPower,
    **{
        code: type(f"Proof_{code}", (ProofRefused,), {"code": code})
        for code in proof_gate.CODES
        if code not in (ProofNotInPower.code, proof_gate.ACCEPTED)
    },
}
"""Code -> problem. One class a code, since a code belongs to a class; they differ in nothing else."""
