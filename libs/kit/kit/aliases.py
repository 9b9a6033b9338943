# SPDX-License-Identifier: EUPL-1.2
"""Sealed aliases: a person, named so that one party alone can read the name.

An alias is a JWE to party T that holds T's own pseudonym of a person. It names T inside, so that an alias sealed to
a key that two parties came to share still counts for one of them only. Outside an envelope an alias that is kept
is wrapped once more, fresh, so that two uses of it don't match.

    innermost   {"party": T, "pseudonym": P}
    wrapped     {"party": T, "alias": "<the alias inside>"}
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from kit import jose
from kit.jose import JoseError, PrivateKey, PublicKey

_MAX_BYTES: Final = 4 * 1024
_MAX_WRAPS: Final = 2


class AliasRefused(JoseError):
    """An alias that this party can't read: another party's, another key's, or none at all."""


def mint(party_key: PublicKey, party: str, pseudonym: str) -> str:
    """Seal *pseudonym* (what *party* calls the person) to *party*, a USCC or `platform`. Only identity knows how."""
    return jose.seal(orjson.dumps({"party": party, "pseudonym": pseudonym}), party_key)


def wrap(party_key: PublicKey, party: str, alias: str) -> str:
    """Seal a kept alias once more to the same party, so that nobody can tell two uses of it apart from two people."""
    return jose.seal(orjson.dumps({"party": party, "alias": alias}), party_key)


def open_alias(keys: Mapping[str, PrivateKey], party: str, alias: str) -> str:
    """Give the pseudonym that *alias* holds for *party*; wrapped aliases are opened through.

    keys: the party's private keys by kid. Raises AliasRefused.
    """
    for _wraps in range(_MAX_WRAPS + 1):
        content = _open(keys, party, alias)
        pseudonym = content.get("pseudonym")
        if isinstance(pseudonym, str):
            return pseudonym
        alias = _inner(content)
    raise AliasRefused("nested")


def unwrap(keys: Mapping[str, PrivateKey], party: str, alias: str) -> str:
    """Take one wrapping off; an alias that isn't wrapped is given back as it is. Raises AliasRefused."""
    content = _open(keys, party, alias)
    return alias if "pseudonym" in content else _inner(content)


def digest(alias: str) -> str:
    """Give the hash by which a case proof names this very text: SHA-256 of it, base64url."""
    return jose.digest(alias)


def _open(keys: Mapping[str, PrivateKey], party: str, alias: str) -> dict[str, Any]:
    try:
        content = jose.json_object(jose.open_sealed(alias, keys, max_bytes=_MAX_BYTES), "alias")
    except JoseError as why:
        raise AliasRefused(why.reason) from why
    if len(content) != 2 or content.get("party") != party:
        raise AliasRefused("party")
    return content


def _inner(content: Mapping[str, Any]) -> str:
    inner = content.get("alias")
    if not isinstance(inner, str):
        raise AliasRefused("alias")
    return inner
