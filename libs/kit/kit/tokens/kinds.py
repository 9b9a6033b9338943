# SPDX-License-Identifier: EUPL-1.2
"""The kinds of signed things: what each must say, how long it may live, how large it may be."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from contracts import signing

SKEW_S: Final = 10
"""Clocks of two houses may differ by this much (seconds)."""

_TIMED: Final = frozenset({"iss", "sub", "aud", "iat", "nbf", "exp", "jti"})
_KIB: Final = 1024


@dataclass(frozen=True, slots=True)
class Rule:
    """What a verifier demands of one kind.

    required: registered claims that must be there; those of RFC 7519 are checked wherever they are.
    life_s: longest time from iat to exp, seconds; None where the kind's own rules bound it (a step's deadline).
    self_issued: iss and sub must be the same system.
    """

    required: frozenset[str] = _TIMED
    life_s: int | None = None
    max_bytes: int = 8 * _KIB
    self_issued: bool = False


RULES: Final[Mapping[str, Rule]] = {
    signing.ACCESS_TOKEN: Rule(life_s=300),
    signing.ASSERTION: Rule(life_s=60, self_issued=True),
    signing.HOP: Rule(life_s=60, self_issued=True),
    signing.CLIENT_ASSERTION: Rule(life_s=60, self_issued=True),
    # A proof lists every need of a step with one digest per possible holder, so it outgrows a token.
    signing.CASE_PROOF: Rule(required=frozenset({"iss", "iat", "exp", "jti"}), max_bytes=16 * _KIB),
    signing.ENVELOPE: Rule(required=frozenset({"iss", "aud", "iat", "jti"}), max_bytes=512 * _KIB),
    signing.RECORD: Rule(required=frozenset({"iss", "sub", "iat"}), max_bytes=64 * _KIB),
    signing.RELEASE: Rule(required=frozenset({"iss", "iat"}), max_bytes=1024 * _KIB),
}
"""`typ` -> rule. DPoP proofs carry their own key and have a verifier of their own (`verify_dpop`)."""
