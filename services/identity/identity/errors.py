# SPDX-License-Identifier: EUPL-1.2
"""What callers of identity may see beside the kit's own errors.

ServiceError
├── PartiesNotConnected   403  no list entry and no grant connects the two parties
├── NoOfficeKey           409  the party has no usable key to seal to
├── KeyTaken              409  a key is registered by somebody else
├── ConfirmCodeWrong      403  no such code of such a person for this office: which of it, nobody is told
├── SystemRevoked         409  a revoked system stays revoked
└── PersonaTaken          409  the name belongs to another fictional person
OAuthError                     the token endpoint's own shape (RFC 6749, section 5.2)
"""

from enum import StrEnum

from kit.errors import Kind, ServiceError


class PartiesNotConnected(ServiceError):
    """Nothing in the catalogue lets the one party name a person to the other."""

    kind, code, title = Kind.FORBIDDEN, "PARTIES_NOT_CONNECTED", "No list entry or grant connects these parties"


class NoOfficeKey(ServiceError):
    """The party has registered no key of that use, or none is in force."""

    kind, code, title = Kind.CONFLICT, "NO_OFFICE_KEY", "The party has no usable key"


class KeyTaken(ServiceError):
    """The key belongs to another system or office."""

    kind, code, title = Kind.CONFLICT, "KEY_TAKEN", "A key is registered to another owner"


class ConfirmCodeWrong(ServiceError):
    """Number, code or office are wrong, or the code is over: always this very answer."""

    kind, code, title = Kind.FORBIDDEN, "CONFIRM_CODE_WRONG", "The code does not count for this person at this office"


class SystemRevoked(ServiceError):
    """Revocation is final: the system comes back under a new id and new keys."""

    kind, code, title = Kind.CONFLICT, "SYSTEM_REVOKED", "The system is revoked"


class PersonaTaken(ServiceError):
    """The persona is registered with another number."""

    kind, code, title = Kind.CONFLICT, "PERSONA_TAKEN", "The persona belongs to another number"


class OAuthCode(StrEnum):
    """Error codes of the token endpoint: RFC 6749 section 5.2, RFC 8693 section 2.2.2, RFC 9449 section 5."""

    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT = "invalid_client"
    UNAUTHORIZED_CLIENT = "unauthorized_client"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
    INVALID_SCOPE = "invalid_scope"
    INVALID_TARGET = "invalid_target"
    INVALID_DPOP_PROOF = "invalid_dpop_proof"


class OAuthError(Exception):
    """A refusal of the token endpoint. description: one fixed sentence, never a value that came from outside."""

    def __init__(self, code: OAuthCode, description: str) -> None:
        super().__init__(code)
        self.code = code
        self.description = description

    @property
    def status(self) -> int:
        """401 for a client that we don't believe, 400 for everything else."""
        return 401 if self.code is OAuthCode.INVALID_CLIENT else 400
