# SPDX-License-Identifier: EUPL-1.2
"""Citizen numbers at rest: sealed with AES-256-GCM under a key that the database never sees."""

import os
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES: Final = 12


class Vault:
    """Seals and opens numbers. A sealed number is bound to its person: moved to another row it doesn't open."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, number: str, person_id: UUID) -> bytes:
        """Give nonce (12 bytes), ciphertext and tag."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, number.encode("ascii"), person_id.bytes)

    def open(self, sealed: bytes, person_id: UUID) -> str:
        """Give the number. Raises cryptography's InvalidTag when it isn't this person's, or was changed."""
        return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], person_id.bytes).decode("ascii")
