# SPDX-License-Identifier: EUPL-1.2
"""A client that talks to an application in the same process: the whole edge, without a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from kit.edge import EdgeMiddleware


@asynccontextmanager
async def asgi_client(app: Any, *, headers: dict[str, str] | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of *app* whose Host is one that the application's rules let in."""
    hosts = sorted(app.rules.hosts) if isinstance(app, EdgeMiddleware) else []
    base = f"http://{hosts[0] if hosts else 'application'}"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base, headers=headers) as client:
        yield client
