# SPDX-License-Identifier: EUPL-1.2
"""Plain HTTP to our own processes on the loopback interface: probes and seeding. The standard library does."""

import http.client
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from local_stack.errors import StackError
from local_stack.ports import LOOPBACK


@dataclass(frozen=True)
class Answer:
    """What a process answered."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def call(
    method: str, url: str, *, headers: Mapping[str, str] | None = None, body: object = None, timeout_s: float = 10.0
) -> Answer:
    """One request, no redirects, no retries. body: sent as JSON. Raises OSError when there is no answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or LOOPBACK, parts.port, timeout=timeout_s)
    data = None if body is None else json.dumps(body).encode()
    kind = {} if data is None else {"Content-Type": "application/json"}
    try:
        connection.request(method, parts.path or "/", body=data, headers={**kind, **(headers or {})})
        answer = connection.getresponse()
        return Answer(answer.status, answer.read())
    except http.client.HTTPException as broken:
        raise OSError(f"no HTTP answer: {type(broken).__name__}") from broken
    finally:
        connection.close()


def wait_ready(internal_port: int, timeout_s: float, alive: Callable[[], bool]) -> None:
    """Wait for 200 at ``/readyz``. Raises StackError (`NOT_READY`) with what it last said."""
    end = time.monotonic() + timeout_s
    last = "no answer"
    while True:
        try:
            answer = call("GET", f"http://{LOOPBACK}:{internal_port}/readyz", timeout_s=2)
        except OSError:
            last = "no answer" if last == "no answer" else last
        else:
            if answer.status == 200:
                return
            last = answer.body.decode(errors="replace")[:500]
        if not alive() or time.monotonic() > end:
            raise StackError("NOT_READY", f"not ready: {last}")
        time.sleep(0.1)
