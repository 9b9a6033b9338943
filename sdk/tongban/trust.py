# SPDX-License-Identifier: EUPL-1.2
"""The pinned public keys that every offline check hangs on, in one file that the platform's operator hands out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tongban import jose
from tongban.jose import PublicKey
from tongban.problems import NotBelieved, NotConfigured


@dataclass(frozen=True)
class Trust:
    """registry: signs the records of offices and systems. catalogue: signs releases of the lists."""

    registry: PublicKey
    catalogue: PublicKey

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read `{"registry": JWK, "catalogue": JWK, ...}`. Raises NotConfigured (`TRUST_FILE_UNREADABLE`)."""
        try:
            content = jose.json_object(path.read_bytes())
            return cls(PublicKey(content["registry"]), PublicKey(content["catalogue"]))
        except (OSError, KeyError, AttributeError, NotBelieved) as why:
            raise NotConfigured("TRUST_FILE_UNREADABLE", path.name) from why
