# SPDX-License-Identifier: EUPL-1.2
"""What holds for every test: a unit test reaches no network, not even by accident."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

# Real PostgreSQL and Kafka for tests that ask for them (`fresh_database`, `kafka_server`). Only a root conftest may
# name plugins.
pytest_plugins = ["local_stack.testing"]

INTERNET = {socket.AF_INET, socket.AF_INET6}


class NetworkUsedError(AssertionError):
    """A unit test, or what it tests, tried to reach the network."""


@pytest.fixture(autouse=True)
def _no_sockets(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Close the network to tests under `tests/unit`. An event loop's own socket pair stays open (AF_UNIX)."""
    folder = request.path.as_posix()
    if "/tests/unit/" not in folder:
        return
    for name in ("connect", "connect_ex", "bind", "sendto"):
        monkeypatch.setattr(socket.socket, name, _closed(getattr(socket.socket, name)))


def _closed(real: Callable[..., Any]) -> Callable[..., Any]:
    """Give *real* back for local sockets; for internet ones, say what is wrong instead."""

    def guarded(self: socket.socket, *args: Any) -> Any:
        if self.family in INTERNET:
            message = f"a unit test must not use the network: {real.__name__}{args!r}"
            raise NetworkUsedError(message)
        return real(self, *args)

    return guarded
