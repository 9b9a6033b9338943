# SPDX-License-Identifier: EUPL-1.2
"""The guard in the root conftest does what it promises."""

import asyncio
import socket

import pytest


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
@pytest.mark.parametrize("attempt", ["connect", "connect_ex", "bind"])
def test_a_unit_test_cannot_reach_the_network(family: socket.AddressFamily, host: str, attempt: str) -> None:
    with socket.socket(family) as probe, pytest.raises(AssertionError, match="must not use the network"):
        getattr(probe, attempt)((host, 9))


async def test_a_unit_test_cannot_open_a_connection_with_asyncio() -> None:
    with pytest.raises(AssertionError, match="must not use the network"):
        await asyncio.open_connection("127.0.0.1", 9)


async def test_the_event_loop_still_works() -> None:
    near, far = socket.socketpair()
    with near, far:
        near.sendall(b"x")
        far.setblocking(False)
        assert await asyncio.get_running_loop().sock_recv(far, 1) == b"x"
