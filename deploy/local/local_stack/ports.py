# SPDX-License-Identifier: EUPL-1.2
"""Free TCP ports on the loopback interface, chosen once and kept over restarts.

The runner never holds a port open on behalf of a service: a dead service must refuse connections, not let them hang.
"""

import secrets
import socket
import time
from collections.abc import Iterable

LOOPBACK = "127.0.0.1"
BELOW_EPHEMERAL = range(18000, 32000)


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
    """A port that is free now and not in *taken*.

    Below the range from which the system takes ports for outgoing connections: one of those could otherwise sit on the
    port of a service that is down for a moment.
    """
    avoid = set(taken)
    while True:
        port = secrets.choice(BELOW_EPHEMERAL)
        if port not in avoid and is_free(port):
            return port


def choose_from(first: int, taken: Iterable[int] = ()) -> int:
    """The first free port counting up from *first*, within 100; after that any free port."""
    avoid = set(taken)
    for port in range(first, first + 100):
        if port not in avoid and is_free(port):
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
