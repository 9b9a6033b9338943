# SPDX-License-Identifier: EUPL-1.2
"""Who may sign what: one `typ` a kind of signed thing, and the roles that every verifier demands after `iss`."""

from contracts.roles import Role

ACCESS_TOKEN = "at+jwt"  # noqa: S105 - a typ, no secret
CLIENT_ASSERTION = "client-authentication+jwt"
DPOP_PROOF = "dpop+jwt"
ASSERTION = "assertion+jwt"
HOP = "hop+jwt"
CASE_PROOF = "case-proof+jwt"
ENVELOPE = "envelope+jwt"
RECORD = "record+jwt"
RELEASE = "catalogue-release+jwt"

ENVELOPE_SIGNERS: dict[str, frozenset[Role]] = {
    "ask": frozenset({Role.EXCHANGE_BUS}),
    "answer": frozenset({Role.CERTIFICATES}),
    "share": frozenset({Role.CERTIFICATES}),
    "task": frozenset({Role.CASES}),
    "correction": frozenset({Role.CERTIFICATES}),
}
"""Kind of envelope -> roles whose signature counts."""
