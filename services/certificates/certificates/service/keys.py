# SPDX-License-Identifier: EUPL-1.2
"""The private keys of one deployment, read once at start."""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from kit.jose import PrivateKey, b64u


class Secrets(Protocol):
    """What we read of the settings."""

    @property
    def offices(self) -> Sequence[str]:
        """Offices of this deployment."""
        ...

    def jwk(self, name: str) -> dict[str, str]:
        """Read a private key."""
        ...

    def secret(self, name: str) -> bytes:
        """Read a secret."""
        ...


@dataclass(frozen=True)
class Keys:
    """sig signs for the deployment; issuing signs credentials and answering opens, each by office (USCC)."""

    sig: PrivateKey
    issuing: Mapping[str, PrivateKey]
    answering: Mapping[str, PrivateKey]
    share_key: bytes

    @classmethod
    def load(cls, secrets: Secrets) -> Self:
        """Read them all. Raises OSError or JoseError for one that is missing or no such key."""
        return cls(
            PrivateKey.from_jwk(secrets.jwk("sig.jwk")),
            {office: PrivateKey.from_jwk(secrets.jwk(f"issuing-{office}.jwk")) for office in secrets.offices},
            {office: PrivateKey.from_jwk(secrets.jwk(f"answering-{office}.jwk")) for office in secrets.offices},
            secrets.secret("share.key"),
        )

    def opening(self, office: str) -> dict[str, PrivateKey]:
        """Give the keys by kid that open what is sealed to *office*."""
        key = self.answering[office]
        return {key.kid: key}

    def share_id(self, grant_id: str, certificate_id: str) -> str:
        """Name one certificate under one grant: two offices can't match their copies by it."""
        return self._mac(b"share", f"{grant_id}\x00{certificate_id}")

    def subject_key(self, office: str, subject: str) -> str:
        """Name a person in the journal, for search: keyed, so a copy of the journal gives no pseudonym away."""
        return self._mac(b"journal", f"{office}\x00{subject}")

    def _mac(self, use: bytes, text: str) -> str:
        return b64u(hmac.digest(self.share_key, use + b"\x00" + text.encode(), "sha256"))
