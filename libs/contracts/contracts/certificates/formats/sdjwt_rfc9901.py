# SPDX-License-Identifier: EUPL-1.2
"""Selective disclosure for JWTs (RFC 9901): hiding claims behind digests, and finding them again."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from contracts.certificates.formats.jws_rfc7515 import FormatRefused, compact_json, decode, digest, encode, strict_json

_DIGESTS: Final = "_sd"
_ALGORITHM: Final = "_sd_alg"
_SHA256: Final = "sha-256"
_ELEMENT: Final = "..."
_SALT_BYTES: Final = 16
_MAX_DISCLOSURES: Final = 512
_MAX_DEPTH: Final = 16

KB_TYP: Final = "kb+jwt"
Names = Collection[str]
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Concealed:
    """Claims with some of them hidden: the payload to sign, and the disclosures to hand out beside it."""

    payload: dict[str, Any]
    disclosures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parts:
    """An SD-JWT taken apart. key_binding: the KB-JWT, empty where there is none."""

    jwt: str
    disclosures: tuple[str, ...]
    key_binding: str

    @property
    def unbound(self) -> str:
        """The SD-JWT without its KB-JWT, closing `~` included: what `sd_hash` covers."""
        return pack(self.jwt, self.disclosures)


def conceal(claims: Mapping[str, Any], names: Names, *, elements: Names = (), decoys: int = 0) -> Concealed:
    """Hide the top-level claims *names*, and each element of the arrays *elements* by itself.

    decoys: how many digests of nothing to mix in, so that nobody can count what is hidden.
    """
    payload: dict[str, Any] = {}
    disclosures: list[str] = []
    digests: list[str] = []
    for name, value in claims.items():
        shown = value
        if name in elements:
            hidden = [_disclosure(element) for element in value]
            disclosures += hidden
            shown = [{_ELEMENT: digest(text)} for text in hidden]
        if name in names:
            text = _disclosure(name, shown)
            disclosures.append(text)
            digests.append(digest(text))
        else:
            payload[name] = shown
    digests += [digest(secrets.token_urlsafe(_SALT_BYTES)) for _ in range(decoys)]
    if digests:
        payload[_DIGESTS] = sorted(digests)  # sorted: their order must not tell which claim is which
    payload[_ALGORITHM] = _SHA256
    return Concealed(payload, tuple(disclosures))


def _disclosure(*content: object) -> str:
    return encode(compact_json([secrets.token_urlsafe(_SALT_BYTES), *content]))


def pack(jwt: str, disclosures: Sequence[str], key_binding: str = "") -> str:
    """Write an SD-JWT: the JWT, each disclosure, then the KB-JWT or nothing, with `~` between."""
    return "~".join([jwt, *disclosures, key_binding])


def unpack(text: str) -> Parts:
    """Take an SD-JWT apart. Raises FormatRefused (`MALFORMED`)."""
    jwt, *rest = text.split("~")
    if not rest or len(rest) - 1 > _MAX_DISCLOSURES or not all(rest[:-1]):
        raise FormatRefused("MALFORMED")
    return Parts(jwt, tuple(rest[:-1]), rest[-1])


def sd_hash(text: str) -> str:
    """Give the hash over exactly what is presented: JWT and disclosures with the closing `~`, without a KB-JWT."""
    return digest(unpack(text).unbound)


@dataclass(slots=True)
class Revealer:
    """Puts disclosures back where their digests stand, once each. Source: RFC 9901 section 7.1."""

    disclosures: Sequence[str]
    paths: dict[str, Path] = field(default_factory=dict)
    """Disclosure -> path of the claim that it reveals."""
    _open: dict[str, tuple[str, list[Any]]] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    def reveal(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Give the claims as disclosed. Raises FormatRefused (`DISCLOSURE_INVALID`) for anything that is off."""
        if payload.get(_ALGORITHM, _SHA256) != _SHA256:
            raise FormatRefused("DISCLOSURE_INVALID")
        for text in self.disclosures:
            self._open[digest(text)] = text, _content(text)
        if len(self._open) != len(self.disclosures):
            raise FormatRefused("DISCLOSURE_INVALID")
        claims = self._object({name: value for name, value in payload.items() if name != _ALGORITHM}, ())
        if len(self.paths) != len(self.disclosures):  # one that belongs to no digest
            raise FormatRefused("DISCLOSURE_INVALID")
        return claims

    def _value(self, value: Any, path: Path) -> Any:
        if len(path) > _MAX_DEPTH:
            raise FormatRefused("DISCLOSURE_INVALID")
        if isinstance(value, dict):
            return self._object(value, path)
        if isinstance(value, list):
            return self._array(value, path)
        return value

    def _object(self, members: Mapping[str, Any], path: Path) -> dict[str, Any]:
        if _ELEMENT in members or _ALGORITHM in members:
            raise FormatRefused("DISCLOSURE_INVALID")
        shown = {name: self._value(value, (*path, name)) for name, value in members.items() if name != _DIGESTS}
        digests = members.get(_DIGESTS, [])
        if not isinstance(digests, list):
            raise FormatRefused("DISCLOSURE_INVALID")
        for one in digests:
            found = self._take(one, 3)
            if found is None:
                continue
            text, (_salt, name, value) = found
            if not isinstance(name, str) or name in {_DIGESTS, _ELEMENT, _ALGORITHM} or name in shown:
                raise FormatRefused("DISCLOSURE_INVALID")
            self.paths[text] = (*path, name)
            shown[name] = self._value(value, (*path, name))
        return shown

    def _array(self, elements: list[Any], path: Path) -> list[Any]:
        shown = []
        for index, element in enumerate(elements):
            here = (*path, index)
            if not isinstance(element, dict) or _ELEMENT not in element:
                shown.append(self._value(element, here))
                continue
            if len(element) != 1:
                raise FormatRefused("DISCLOSURE_INVALID")
            found = self._take(element[_ELEMENT], 2)
            if found is not None:
                text, (_salt, value) = found
                self.paths[text] = here
                shown.append(self._value(value, here))
        return shown

    def _take(self, one: object, length: int) -> tuple[str, list[Any]] | None:
        """Find the disclosure behind a digest; None for a decoy or a claim that isn't disclosed."""
        if not isinstance(one, str) or one in self._seen:  # a digest twice could reveal one value in two places
            raise FormatRefused("DISCLOSURE_INVALID")
        self._seen.add(one)
        found = self._open.get(one)
        if found is not None and len(found[1]) != length:
            raise FormatRefused("DISCLOSURE_INVALID")
        return found


def _content(text: str) -> list[Any]:
    content = strict_json(decode(text))
    if not isinstance(content, list) or len(content) not in (2, 3) or not isinstance(content[0], str):
        raise FormatRefused("DISCLOSURE_INVALID")
    return content


def _paths(text: str) -> tuple[Parts, dict[str, Path]]:
    """Find what each disclosure reveals, without verifying anything: for whoever holds the credential."""
    parts = unpack(text)
    pieces = parts.jwt.split(".")
    payload = strict_json(decode(pieces[1])) if len(pieces) == 3 else None
    if not isinstance(payload, dict):
        raise FormatRefused("MALFORMED")
    revealer = Revealer(parts.disclosures)
    revealer.reveal(payload)
    return parts, revealer.paths


def disclosed(text: str) -> frozenset[str]:
    """Name the top-level claims that *text* discloses selectively. Raises FormatRefused."""
    return frozenset(str(path[0]) for path in _paths(text)[1].values())


def present(text: str, names: Names) -> str:
    """Keep only the disclosures of the top-level claims *names*, with what lies inside them; drops a KB-JWT.

    Names that aren't there are no error: the verifier sees what is missing. Raises FormatRefused.
    """
    parts, paths = _paths(text)
    return pack(parts.jwt, [one for one in parts.disclosures if paths[one][0] in names])
