# SPDX-License-Identifier: EUPL-1.2
"""What an office brings when it joins: keys of its own, and a card with their public halves for the platform."""

import json
from pathlib import Path
from typing import Final

from contracts.identifiers import parse_uscc
from tongban.jose import PrivateKey

CARD: Final = "office.json"
SECRETS: Final = "secrets"
USES: Final = ("sig", "inbox")
"""`sig` signs the system's requests; `inbox` opens what is sealed to the office."""


def make_keys(folder: Path, *, office: str, system: str) -> Path:
    """Make the two keys of an office's system, and the card that the platform registers; gives the card's path.

    folder: gets `secrets/sig.jwk` and `secrets/inbox.jwk`, which never leave the office, and `office.json`. Keys that
    are there are kept, so a repeat gives the same card. Raises IdentifierInvalid for an office that is no USCC.
    """
    parse_uscc(office)
    secrets = folder / SECRETS
    secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
    keys = {use: _key(secrets / f"{use}.jwk").public.jwk() for use in USES}
    card = folder / CARD
    card.write_text(json.dumps({"office": office, "system": system, "keys": keys}, indent=1) + "\n", encoding="ascii")
    return card


def _key(path: Path) -> PrivateKey:
    if not path.exists():
        PrivateKey.generate().save(path)
    return PrivateKey.load(path)
