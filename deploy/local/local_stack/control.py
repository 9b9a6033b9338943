# SPDX-License-Identifier: EUPL-1.2
"""How `status`, `down` and others speak with the supervisor: JSON lines over a Unix socket of mode 0600."""

import json
import os
import socket
import socketserver
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from local_stack.errors import StackError

Verb = Callable[[dict[str, Any]], Any]


class ControlServer:
    """Answers one request a connection: ``{"verb": ..., "args": {...}}`` -> ``{"result": ...}`` or code and text."""

    def __init__(self, path: Path, verbs: Mapping[str, Verb]) -> None:
        """Listens from now on; anything that lies at *path* is taken for the leftover of a dead run."""
        self.path = path
        path.unlink(missing_ok=True)
        self._server = _Server(str(path), _Handler, bind_and_activate=False)
        self._server.verbs = verbs
        before = os.umask(0o177)
        try:
            self._server.server_bind()
        finally:
            os.umask(before)
        self._server.server_activate()
        threading.Thread(target=self._server.serve_forever, args=(0.2,), name="control", daemon=True).start()

    def close(self) -> None:
        """Stop listening and remove the socket."""
        self._server.shutdown()
        self._server.server_close()
        self.path.unlink(missing_ok=True)


def ask(path: Path, verb: str, timeout_s: float = 120.0, **args: Any) -> Any:
    """Ask the supervisor. Raises StackError with its code, or `SUPERVISOR_AWAY` when nobody listens at *path*."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_s)
            connection.connect(str(path))
            connection.sendall(json.dumps({"verb": verb, "args": args}).encode() + b"\n")
            with connection.makefile("rb") as file:
                answer = json.loads(file.readline() or b"{}")
    except (OSError, ValueError) as away:
        raise StackError("SUPERVISOR_AWAY", f"no supervisor answers at {path}: {away}") from away
    if "result" not in answer:
        raise StackError(answer.get("code", "SUPERVISOR_AWAY"), answer.get("text", "the supervisor went away"))
    return answer["result"]


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    verbs: Mapping[str, Verb]


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        """Answer one line."""
        self.wfile.write(json.dumps(self._answer(self.rfile.readline(65536))).encode() + b"\n")

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            return {"result": self.server.verbs[request["verb"]](request["args"])}
        except StackError as refused:
            return {"code": refused.code, "text": refused.text}
        except (ValueError, KeyError, TypeError) as wrong:
            return {"code": "REQUEST_WRONG", "text": f"{type(wrong).__name__}: {wrong}"}
