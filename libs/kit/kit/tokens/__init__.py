# SPDX-License-Identifier: EUPL-1.2
"""Signed tokens: who says so, for whom, until when. One verifier for all kinds (reliability rules for tokens).

TokenRefused (401 TOKEN_INVALID)
    its `reason` is for our logs: one fixed word, no value
    DpopRefused: a DPoP proof, or the binding of a token to it, failed (`invalid_dpop_proof` in WWW-Authenticate)
"""

from kit.tokens.claims import Claims, DpopRefused, KeyOf, TokenRefused
from kit.tokens.dpop import DpopProof, ath, dpop_proof, verify_dpop
from kit.tokens.kinds import RULES, SKEW_S, Rule
from kit.tokens.signing import AssertionSigner, HopSigner, sign
from kit.tokens.verifying import peek_issuer, verify

__all__ = [
    "RULES",
    "SKEW_S",
    "AssertionSigner",
    "Claims",
    "DpopProof",
    "DpopRefused",
    "HopSigner",
    "KeyOf",
    "Rule",
    "TokenRefused",
    "ath",
    "dpop_proof",
    "peek_issuer",
    "sign",
    "verify",
    "verify_dpop",
]
