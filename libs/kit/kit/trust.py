# SPDX-License-Identifier: EUPL-1.2
"""The pinned public keys that everything else hangs on: one file, given to each service by its operator."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from kit import jose
from kit.jose import JoseError, PublicKey


@dataclass(frozen=True, slots=True)
class Trust:
    """The three pinned keys.

    registry: signs the records of offices and systems (identity). catalogue: signs releases (exchange-bus).
    bootstrap: whoever seeds an empty house; its assertions have `iss` `bootstrap`.
    """

    registry: PublicKey
    catalogue: PublicKey
    bootstrap: PublicKey

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the trust file: `{"registry": JWK, "catalogue": JWK, "bootstrap": JWK}`, public keys, nothing else.

        Raises OSError when it can't be read, JoseError when it is something else.
        """
        content = jose.json_object(path.read_bytes(), "trust file")
        if content.keys() != {"registry", "catalogue", "bootstrap"}:
            raise JoseError("trust file")
        keys = {name: _key(jwk) for name, jwk in content.items()}
        if len({key.kid for key in keys.values()}) != len(keys):
            raise JoseError("kid twice")
        return cls(**keys)


def _key(jwk: object) -> PublicKey:
    if not isinstance(jwk, dict):
        raise JoseError("trust file")
    return PublicKey.from_jwk(jwk)
