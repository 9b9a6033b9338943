# SPDX-License-Identifier: EUPL-1.2
"""Tokens and proofs as an attacker would make them, who may even hold the right keys."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives import hashes, hmac

from kit import jose
from kit.jose import PrivateKey, b64u, b64u_decode, digest
from tongban.clock import system_clock

from .knocking import Knock
from .scene import Scene, key_of

Json = dict[str, Any]
STRANGER = PrivateKey.generate()
"""A key that nobody has registered."""


def unsigned(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """Write header and claims of a JWS."""
    return ".".join(b64u(json.dumps(part).encode()) for part in (header, claims))


def jws(header: Mapping[str, Any], claims: Mapping[str, Any], key: PrivateKey) -> str:
    """Sign any claims under any header."""
    text = unsigned(header, claims)
    real = jose.sign_jws(b"{}", key, "x")  # only to see that the key signs
    assert real
    return f"{text}.{b64u(key.sign(text.encode('ascii')))}"


def hs256(header: Mapping[str, Any], claims: Mapping[str, Any], secret: bytes) -> str:
    """Sign with a shared secret."""
    text = unsigned(header, claims)
    mac = hmac.HMAC(secret, hashes.SHA256())
    mac.update(text.encode("ascii"))
    return f"{text}.{b64u(mac.finalize())}"


def claims_of(token: str) -> Json:
    """Read a token's claims without checking anything."""
    read = json.loads(b64u_decode(token.split(".")[1]))
    assert isinstance(read, dict)
    return read


def seconds(**shift: float) -> int:
    """Give now, shifted, in seconds since the epoch."""
    return int((system_clock() + timedelta(**shift)).timestamp())


class Forger:
    """Makes access tokens of the tax office with identity's own key, each with one thing wrong."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.key = key_of(scene.stack, "identity", "token.jwk")
        self.header = {"alg": "ES256", "kid": self.key.kid, "typ": "at+jwt"}

    async def token(
        self, *, key: PrivateKey | None = None, header: Mapping[str, Any] | None = None, **changes: Any
    ) -> str:
        """Sign the tax office's claims anew, changed. A claim that is `...` is left out."""
        claims = claims_of(await self.scene.token("tax-office"))
        claims |= {"iat": seconds(), "nbf": seconds(), "exp": seconds(minutes=5), "jti": str(uuid4())} | changes
        claims = {name: value for name, value in claims.items() if value is not ...}
        return jws({**self.header, **(header or {})}, claims, key or self.key)

    def proof(
        self, token: str | None, *, key: Any = None, header: Mapping[str, Any] | None = None, **changes: Any
    ) -> str:
        """Make the tax office's proof for a look into its inbox, changed."""
        own = key or kit_key(self.scene.callers["tax-office"].key)
        url = self.scene.stack.url("gateway") + "/v1/inbox"
        claims = {"jti": str(uuid4()), "htm": "GET", "htu": url, "iat": seconds()}
        if token is not None:
            claims["ath"] = digest(token)
        jwk = {name: value for name, value in own.public.jwk().items() if name != "kid"}
        head = {"alg": "ES256", "typ": "dpop+jwt", "jwk": jwk, **(header or {})}
        claims = {name: value for name, value in {**claims, **changes}.items() if value is not ...}
        return jws({name: value for name, value in head.items() if value is not ...}, claims, own)

    def with_token(self, token: str, scheme: str = "DPoP", proof: str | None = None) -> Knock:
        """Give the look into the tax office's inbox with this token."""
        headers = {"authorization": f"{scheme} {token}", "dpop": proof or self.proof(token)}
        return self.scene.inbox().but(who=None, headers=headers)


def kit_key(key: Any) -> PrivateKey:
    """Turn the SDK's private key into kit's: what it never shows, a thief would have."""
    numbers = key._private.private_numbers()
    return PrivateKey.from_jwk({**key.public.jwk(), "d": b64u(numbers.private_value.to_bytes(32, "big"))})


Make = Callable[[Forger], Any]
