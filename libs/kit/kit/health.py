# SPDX-License-Identifier: EUPL-1.2
"""Probes and metrics on the internal port: /startupz /readyz /livez /metrics.

Ready means: every named check holds and nobody asked us to stop. Alive means: the loop still answers.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from kit import strictjson
from kit.telemetry import metrics

CHECK_LIMIT_S: Final = 2.0

Check = Callable[[], Awaitable[bool | str | None]]
"""True or None: holds. False: not yet. A text (a code): doesn't hold, and why. An exception: doesn't hold."""


class Health:
    """Named checks of one process, and whether it is stopping."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self._notes: dict[str, Callable[[], object]] = {}
        self._started = False
        self.stopping = asyncio.Event()
        """Set on SIGTERM, before anything stops: who makes callers wait lets them go now."""

    def add(self, name: str, check: Check) -> None:
        """Let readiness depend on *check*."""
        self._checks[name] = check

    def note(self, name: str, value: Callable[[], object]) -> None:
        """Show *value* beside the checks; readiness doesn't depend on it."""
        self._notes[name] = value

    async def ready(self) -> tuple[bool, dict[str, str]]:
        """Run all checks at once. Gives whether all hold, and `ok` or the reason by name."""
        states = await asyncio.gather(*(self._state(check) for check in self._checks.values()))
        found = dict(zip(self._checks, states, strict=True))
        good = all(state == "ok" for state in states) and not self.stopping.is_set()
        self._started = self._started or good
        return good, found

    async def _state(self, check: Check) -> str:
        try:
            async with asyncio.timeout(CHECK_LIMIT_S):
                result = await check()
        except Exception as exc:  # noqa: BLE001 - a check that breaks is a check that doesn't hold
            return getattr(exc, "code", type(exc).__name__)
        if isinstance(result, str):
            return result
        return "waiting" if result is False else "ok"

    async def answer(self, path: str) -> tuple[int, str, bytes]:
        """Give status, media type and body for one probe."""
        if path == "/metrics":
            return 200, "text/plain; version=0.0.4; charset=utf-8", metrics.exposition()
        if path == "/livez":
            return 200, "application/json", strictjson.dumps({"status": "ok", "checks": {}})
        if path not in ("/readyz", "/startupz"):
            return 404, "application/json", strictjson.dumps({"status": "unknown"})
        good, checks = await self.ready()
        if path == "/startupz":
            good = self._started
        status = "ok" if good else "stopping" if self.stopping.is_set() else "waiting"
        document: dict[str, Any] = {"status": status, "checks": checks}
        if self._notes:
            document["notes"] = {name: value() for name, value in self._notes.items()}
        return (200 if good else 503), "application/json", strictjson.dumps(document)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve the probes as an ASGI application."""
        if scope["type"] != "http":
            return
        status, media, body = await self.answer(scope["path"])
        headers = [(b"content-type", media.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
