# SPDX-License-Identifier: EUPL-1.2
"""Where a message begins and ends, decided once and in one way, before any parser sees it (RFC 9112).

Two readers that disagree about the end of a message let a caller smuggle a second one past the first reader. So the
head is read strictly line by line here, the body's end is stated once, and the parser behind gets exactly one message
at a time. Pure: no I/O, no clock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from kit.edge.rules import METHODS, EdgeRules, RawHeaders
from kit.errors import InvalidRequest, Kind, MethodNotAllowed, ServiceError, TooLarge

HEAD_END: Final = b"\r\n\r\n"

_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([\x21-\x7e]+) HTTP/1\.([01])")
_HEADER_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")
_LENGTH = re.compile(rb"[0-9]{1,12}")
_HOST = re.compile(rb"[A-Za-z0-9._-]{1,253}(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::[0-9]{1,5})?")
_BARE_LF = re.compile(rb"(?:^|[^\r])\n")
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,8}")


class HeaderTooLarge(ServiceError):
    """The head has more lines or bytes than the edge reads."""

    kind, code, title = Kind.HEADER_TOO_LARGE, "HEADER_TOO_LARGE", "The header is too large"


class BadFraming(InvalidRequest):
    """The message isn't exactly one well-formed HTTP/1.1 request."""

    code, title = "BAD_MESSAGE", "The message is not well-formed HTTP"


class UpgradeRefused(ServiceError):
    """Another protocol was asked for. There is none here."""

    kind, code, title = Kind.UPGRADE, "UPGRADE_NOT_OFFERED", "No other protocol is offered"

    def __init__(self) -> None:
        super().__init__()
        self.headers["upgrade"] = "HTTP/1.1"


@dataclass(frozen=True, slots=True)
class Head:
    """A request's head, read. length: body bytes that follow, None where it comes in chunks."""

    method: str
    length: int | None


def check_growing(begun: bytes | bytearray, rules: EdgeRules) -> None:
    """Refuse a head before its end is seen, if it can't become good. Raises HeaderTooLarge, BadFraming."""
    if len(begun) > rules.header_bytes + rules.target_bytes:
        raise HeaderTooLarge
    if _BARE_LF.search(begun) or begun.startswith(b"\r"):
        raise BadFraming("A line doesn't end in CRLF")


def read_head(head: bytes, rules: EdgeRules) -> Head:
    """Read a whole head, the empty line at its end included.

    Raises BadFraming (`BAD_MESSAGE`), HeaderTooLarge (`HEADER_TOO_LARGE`), MethodNotAllowed (`METHOD_NOT_ALLOWED`),
    TooLarge (`BODY_TOO_LARGE`) and UpgradeRefused (`UPGRADE_NOT_OFFERED`); after any of them the connection ends.
    """
    lines = head[: -len(HEAD_END)].split(b"\r\n")
    request_line = _REQUEST_LINE.fullmatch(lines[0])
    if request_line is None:
        raise BadFraming("The request line is malformed")
    method, target, minor = request_line.groups()
    if len(target) > rules.target_bytes:
        raise BadFraming("The target is too long")
    if len(lines) - 1 > rules.header_lines or len(head) - len(lines[0]) > rules.header_bytes:
        raise HeaderTooLarge
    headers = [_header(line) for line in lines[1:]]
    if method.decode() not in METHODS:  # TRACE, CONNECT, made-up ones
        raise MethodNotAllowed(METHODS)
    if not target.startswith(b"/") or b"#" in target:
        raise BadFraming("The target is not in origin form")
    _check_host(headers)
    _check_wishes(headers)
    return Head(method.decode(), _length(headers, rules, http_1_0=minor == b"0"))


def _header(line: bytes) -> tuple[bytes, bytes]:
    """Split one line. A folded line, a bare CR or LF, a NUL or a space before the colon doesn't match."""
    matched = _HEADER_LINE.fullmatch(line)
    if matched is None:
        raise BadFraming("A header line is malformed")
    return matched[1].lower(), matched[2]


def _check_host(headers: RawHeaders) -> None:
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
        raise BadFraming("Exactly one Host header is needed")


def _length(headers: RawHeaders, rules: EdgeRules, *, http_1_0: bool) -> int | None:
    """Give the body's length, None for chunks. Its end must be stated at most once, in one way."""
    lengths = [value for name, value in headers if name == b"content-length"]
    codings = [value for name, value in headers if name == b"transfer-encoding"]
    if len(lengths) + len(codings) > 1:
        raise BadFraming("The body's end is stated more than once")
    if codings:
        if http_1_0 or codings[0].lower() != b"chunked":
            raise BadFraming("The transfer coding is not supported")
        return None
    if not lengths:
        return 0
    if not _LENGTH.fullmatch(lengths[0]):
        raise BadFraming("Content-Length is not one number")
    if int(lengths[0]) > rules.largest_body:
        raise TooLarge
    return int(lengths[0])


def _check_wishes(headers: RawHeaders) -> None:
    """Refuse another protocol (UpgradeRefused) and expectations that we don't know (BadFraming)."""
    for name, value in headers:
        if name in (b"upgrade", b"http2-settings"):
            raise UpgradeRefused
        if name == b"expect" and value.lower() != b"100-continue":
            raise BadFraming("The expectation is not supported")


class _At(Enum):
    SIZE = 0
    DATA = 1
    DATA_END = 2
    LAST_END = 3
    DONE = 4


class Chunks:
    """Reads a chunked body strictly: sizes in hexadecimal without extensions, CRLF everywhere, no trailers.

    limit: most bytes of data. Bytes come in pieces of any size.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._at = _At.SIZE
        self._line = b""
        self._left = 0
        self.total = 0

    @property
    def done(self) -> bool:
        """Whether the body's end was seen."""
        return self._at is _At.DONE

    def consume(self, data: bytes | bytearray) -> int:
        """Read *data* and give how many of its bytes belong to this body. Raises BadFraming and TooLarge."""
        position = 0
        while position < len(data) and self._at is not _At.DONE:
            if self._at is _At.DATA:
                taken = min(self._left, len(data) - position)
                position += taken
                self._left -= taken
                if self._left == 0:
                    self._at = _At.DATA_END
            else:
                position = self._read_line(data, position)
        return position

    def _read_line(self, data: bytes | bytearray, position: int) -> int:
        """Read up to the end of the line, which may come in a later piece."""
        end = data.find(b"\n", position)
        self._line += data[position:] if end < 0 else data[position : end + 1]
        if len(self._line) > 10:  # eight digits and CRLF
            raise BadFraming("A chunk is malformed")
        if end < 0:
            return len(data)
        line, self._line = self._line, b""
        if not line.endswith(b"\r\n"):
            raise BadFraming("A line doesn't end in CRLF")
        self._take(line[:-2])
        return end + 1

    def _take(self, line: bytes) -> None:
        if self._at is _At.SIZE:
            if not _CHUNK_SIZE.fullmatch(line):  # extensions don't match either
                raise BadFraming("A chunk is malformed")
            self._left = int(line, 16)
            self.total += self._left
            if self.total > self._limit:
                raise TooLarge
            self._at = _At.DATA if self._left else _At.LAST_END
        elif line:
            raise BadFraming("A chunk is malformed" if self._at is _At.DATA_END else "Trailers are not supported")
        else:
            self._at = _At.SIZE if self._at is _At.DATA_END else _At.DONE
