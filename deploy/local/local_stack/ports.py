# SPDX-License-Identifier: EUPL-1.2
"""Free TCP ports on the loopback interface, chosen once and kept over restarts.

The runner never holds a port open on behalf of a service: a dead service must refuse connections, not let them hang.
What it holds is the port's name, as an abstract socket that the kernel drops with this process: stacks that start at
the same time, each before its services listen, never choose the same port.
"""

import atexit
import secrets
import socket
import sys
import threading
import time
from collections.abc import Iterable

LOOPBACK = "127.0.0.1"
BELOW_EPHEMERAL = range(18000, 32000)


_held: dict[int, socket.socket] = {}
_lock = threading.Lock()


def hold(port: int) -> bool:
    """Keep *port* for this process until `release`, or its end; False where another process, or we, have it already."""
    with _lock:
        if port in _held:
            return False
        name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            if sys.platform == "linux":  # elsewhere there are no abstract names, and only `is_free` tells
                name.bind(f"\0tongban-port-{port}")
        except OSError:
            name.close()
            return False
        _held[port] = name
        return True


def release(ports: Iterable[int]) -> None:
    """Let others have these ports."""
    with _lock:
        for port in ports:
            if port in _held:
                _held.pop(port).close()


@atexit.register
def _release_all() -> None:
    """Close what is still held: the kernel would drop it just so, but not without the interpreter's complaint."""
    release(list(_held))


def take(port: int) -> bool:
    """Hold *port* if a server could listen on it now."""
    if not hold(port):
        return False
    if is_free(port):
        return True
    release([port])
    return False


def is_free(port: int) -> bool:
    """Whether a server could listen on *port* of the loopback interface now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def answers(port: int, timeout_s: float = 0.5) -> bool:
    """Whether something accepts connections on *port*. It says nothing about readiness."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout_s):
            return True
    except OSError:
        return False


def choose(taken: Iterable[int] = ()) -> int:
    """A port that is free now and not in *taken*; it is held.

    Below the range from which the system takes ports for outgoing connections: one of those could otherwise sit on the
    port of a service that is down for a moment.
    """
    avoid = set(taken)
    while True:
        port = secrets.choice(BELOW_EPHEMERAL)
        if port not in avoid and take(port):
            return port


def choose_from(first: int, taken: Iterable[int] = ()) -> int:
    """The first free port counting up from *first*, within 100; after that any free port. It is held."""
    avoid = set(taken)
    for port in range(first, first + 100):
        if port not in avoid and take(port):
            return port
    return choose(avoid)


def wait_until_free(port: int, timeout_s: float) -> bool:
    """Wait until nothing listens on *port* any more; False when *timeout_s* has passed first."""
    end = time.monotonic() + timeout_s
    while not is_free(port):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
