# SPDX-License-Identifier: EUPL-1.2
"""The edge's rules as pure functions (reliability, section 4): what a request may look like before anybody reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from contracts import http as headers_of
from kit import deadline
from kit.errors import DeadlineExceeded, InvalidRequest, Misdirected, TooLarge, WrongMediaType

JSON_ONLY: Final = frozenset({b"application/json"})
METHODS: Final = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
"""Methods that the edge lets through; which of them a path has is the router's answer."""

RawHeaders = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True)
class EdgeRules:
    """What one application's edge enforces. Times in seconds, sizes in bytes."""

    hosts: frozenset[str] = frozenset()
    """Host headers that are ours, lower case; empty lets any single well-formed host through."""
    body_bytes: int = 1 << 20
    """Largest body, where `body_caps` says nothing else."""
    body_caps: Mapping[str, int] = field(default_factory=dict)
    """Path prefix -> largest body."""
    media: Mapping[str, frozenset[bytes]] = field(default_factory=dict)
    """Path prefix -> media types of requests; application/json alone elsewhere. An empty set lets any single one in."""
    outermost: bool = False
    """True at the gateway: drops the headers that only our own hop may set."""
    in_flight: int = 1000
    """Requests worked on at once; more are turned away at once, so that those in hand are finished in time."""
    header_lines: int = 64
    header_bytes: int = 16 * 1024
    target_bytes: int = 8 * 1024
    header_timeout_s: float = 10.0
    body_timeout_s: float = 30.0
    answer_timeout_s: float = 30.0
    idle_timeout_s: float = 75.0
    drain_s: float = 1.0
    """While stopping: how long a kept connection may still bring one last request."""

    def body_cap(self, path: str) -> int:
        """Give the largest body for *path*."""
        return next((cap for prefix, cap in self.body_caps.items() if path.startswith(prefix)), self.body_bytes)

    @property
    def largest_body(self) -> int:
        """Give the largest body of any path."""
        return max((self.body_bytes, *self.body_caps.values()))

    def media_types(self, path: str) -> frozenset[bytes]:
        """Give the media types that a request to *path* may have."""
        return next((types for prefix, types in self.media.items() if path.startswith(prefix)), JSON_ONLY)


# -- path -------------------------------------------------------------------------------------------------------------
_PLAIN_PATH = re.compile(rb"(?:/[A-Za-z0-9._~!$&'()*+,=:@-]+)*/?")
_ANY_PATH = re.compile(rb"(?:/(?:[A-Za-z0-9._~!$&'()*+,=:@-]|%[0-9A-F]{2})+)*/?")
_ESCAPE = re.compile(rb"%([0-9A-F]{2})")
_NEVER_ESCAPED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/\\%;")


def path_is_normal(raw: bytes) -> bool:
    """Tell whether *raw* (before decoding) is in normal form: no reader can take it for another path.

    Refused: empty and dot segments, doubled slashes, `;` parameters, escapes of characters that need none, of
    slashes, backslashes, percent signs and control characters, lower-case escapes, and bytes that aren't UTF-8.
    """
    if not raw.startswith(b"/"):
        return False
    if raw == b"/" or (_PLAIN_PATH.fullmatch(raw) and b"/." not in raw):
        return True
    if not _ANY_PATH.fullmatch(raw):
        return False
    if any(segment in (b".", b"..") for segment in raw.split(b"/")):
        return False
    for escape in _ESCAPE.finditer(raw):
        byte = int(escape.group(1), 16)
        if byte < 0x20 or byte == 0x7F or byte in _NEVER_ESCAPED:
            return False
    return _is_utf8(raw)


def _is_utf8(raw: bytes) -> bool:
    decoded = _ESCAPE.sub(lambda escape: bytes([int(escape.group(1), 16)]), raw)
    try:
        text = decoded.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return text.isprintable()


# -- headers ----------------------------------------------------------------------------------------------------------
_DROPPED: Final = frozenset(
    {
        *(b"forwarded", b"via", b"x-real-ip", b"true-client-ip", b"x-client-ip", b"x-original-url", b"x-rewrite-url"),
        *(b"x-http-method", b"x-http-method-override", b"x-method-override", b"client-cert", b"client-cert-chain"),
        *(
            b"x-client-cert",
            b"x-ssl-client-cert",
            b"x-ssl-cert",
            b"ssl-client-cert",
            b"x-office",
            b"x-system",
            b"x-user",
        ),
        *(b"proxy", b"proxy-authorization", b"proxy-connection", b"cookie"),
    }
)
_DROPPED_PREFIXES: Final = (b"x-forwarded-", b"x-ssl-", b"ssl-client-", b"x-client-cert")
_GATEWAY_ONLY: Final = frozenset(name.lower().encode() for name in headers_of.GATEWAY_ONLY)


def kept_headers(headers: RawHeaders, *, outermost: bool) -> list[tuple[bytes, bytes]]:
    """Give the headers without those that claim an identity or a way, and without any name with an underscore."""
    return [
        (name, value)
        for name, value in headers
        if not (
            name in _DROPPED
            or b"_" in name
            or name.startswith(_DROPPED_PREFIXES)
            or (outermost and name in _GATEWAY_ONLY)
        )
    ]


def only(headers: RawHeaders, name: bytes) -> bytes | None:
    """Give the one value of *name*, None where it is absent. Raises InvalidRequest where it is stated twice."""
    values = [value for known, value in headers if known == name]
    if len(values) > 1:
        raise InvalidRequest(f"The header {name.decode()} is stated more than once")
    return values[0] if values else None


def check_headers(headers: RawHeaders, *, path: str, rules: EdgeRules) -> None:
    """Check host, length, media type and encoding. Raises the ServiceError that refuses the request."""
    host = only(headers, b"host")
    if host is None:
        raise InvalidRequest("Exactly one Host header is needed")
    if rules.hosts and host.decode("latin-1").lower() not in rules.hosts:
        raise Misdirected
    length = only(headers, b"content-length")
    has_body = any(name == b"transfer-encoding" for name, _ in headers)
    if length is not None:
        if not length.isdigit():
            raise InvalidRequest("Content-Length is not a number")
        if int(length) > rules.body_cap(path):
            raise TooLarge
        has_body = has_body or int(length) > 0
    if has_body:
        check_media_type(headers, rules.media_types(path))


def check_media_type(headers: RawHeaders, accepted: frozenset[bytes]) -> None:
    """Demand one Content-Type out of *accepted*, in UTF-8, and no encoding. Raises WrongMediaType."""
    stated = [value for name, value in headers if name == b"content-type"]
    if len(stated) != 1 or any(name == b"content-encoding" for name, _ in headers):
        raise WrongMediaType
    media, _, parameters = stated[0].lower().partition(b";")
    charset = parameters.replace(b" ", b"").replace(b'"', b"")
    if accepted and (media.strip() not in accepted or charset not in (b"", b"charset=utf-8")):
        raise WrongMediaType


def time_allowed_s(headers: RawHeaders) -> float:
    """Give the seconds that the caller grants this call, at most 60, less what this hop keeps for itself.

    Raises InvalidRequest for a malformed `Tongban-Deadline` and DeadlineExceeded where nothing is left.
    """
    stated = only(headers, headers_of.DEADLINE.lower().encode())
    if stated is None:
        return deadline.DEFAULT_S
    if not stated.isdigit() or len(stated) > 9:
        raise InvalidRequest("Tongban-Deadline is not a number of milliseconds")
    left = min(int(stated) / 1000, deadline.MAX_S) - deadline.MARGIN_S
    if left <= 0:
        raise DeadlineExceeded
    return left
