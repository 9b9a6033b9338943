# SPDX-License-Identifier: EUPL-1.2
"""The life of a process: read settings, start parts, serve, stop in order; and die whole if a part dies.

python -m <service> serve | work | run | migrate [--phase pre|post] | check-config
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NoReturn, Protocol, TypeVar

import uvicorn
import uvloop

from kit import crash, telemetry
from kit.edge import EdgeMiddleware, EdgeRules
from kit.edge.protocol import edge_protocol
from kit.health import Health
from kit.settings import ServiceSettings, SettingsErrors, load

VERBS: Final = ("serve", "work", "run", "migrate", "check-config")
EXIT_USAGE: Final = 2

Part = Callable[[asyncio.Event], Awaitable[None]]
"""A worker of the process: runs until the event is set, then finishes what it has in hand and returns."""

log = telemetry.get_logger()


@dataclass(frozen=True)
class Running:
    """What a service consists of once it is open.

    app: the API, None where this process doesn't serve. parts: workers by name. health: its readiness.
    """

    app: Any | None
    parts: Mapping[str, Part]
    health: Health = field(default_factory=Health)


class Service(Protocol):
    """A service that can be opened: the object that `app.build` gives."""

    async def open(self, stack: AsyncExitStack, *, serve: bool, work: bool) -> Running:
        """Connect everything; whatever must be closed goes on *stack*. serve, work: which half this process is."""
        ...


S = TypeVar("S", bound=ServiceSettings)


def main(
    service_name: str,
    settings_class: type[S],
    build: Callable[[S], Service],
    migrations_package: str,
    *,
    argv: Sequence[str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> None:
    """Run one verb of a service and exit: 0 when it went well, 1 when a part died, 2 for wrong usage or settings."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] not in VERBS:
        _complain([f"usage: python -m {migrations_package} {{{'|'.join(VERBS)}}}"])
    settings = _settings(settings_class, os.environ if environ is None else environ)
    verb = words[0]
    if verb != "migrate" and (faults := settings.file_faults()):  # migrating needs the database alone
        _complain(faults)
    crash.arm(settings.crash_point)
    if verb == "check-config":
        print(f"{service_name}: settings are complete")  # noqa: T201 - this verb talks to a person
        return
    telemetry.start(service_name, settings)
    if verb == "migrate":
        uvloop.run(_migrate(settings, migrations_package, "post" if words[1:] == ["--phase", "post"] else "pre"))
        return
    service = build(settings)
    code = uvloop.run(_run(service, settings, serve=verb != "work", work=verb != "serve"))
    telemetry.stop()
    if code:
        raise SystemExit(code)


def _settings(settings_class: type[S], environ: Mapping[str, str]) -> S:
    try:
        settings = load(settings_class, environ)
    except SettingsErrors as exc:
        _complain(exc.lines)
    if settings.crash_point not in (None, *crash.POINTS):
        _complain(["CRASH_POINT: no such crash point"])
    return settings


def _complain(lines: Sequence[str]) -> NoReturn:
    for line in lines:
        print(line, file=sys.stderr)  # noqa: T201 - before there is a log
    raise SystemExit(EXIT_USAGE)


async def _migrate(settings: ServiceSettings, package: str, phase: Literal["pre", "post"]) -> None:
    from kit.migrations import migrate  # noqa: PLC0415 - serving processes don't need it

    await migrate(settings, package, phase)


async def _run(service: Service, settings: ServiceSettings, *, serve: bool, work: bool) -> int:
    """Open, run until SIGTERM or until a part dies, close in reverse. Gives the exit code."""
    stop = asyncio.Event()
    with _signals(stop):
        try:
            async with AsyncExitStack() as stack:
                opening = asyncio.create_task(service.open(stack, serve=serve, work=work))
                running = await _unless(stop, opening)
                if running is not None:
                    await _Process(running, settings, stop).live()
        except Exception as exc:  # noqa: BLE001 - the last words of the process
            log.critical("process_died", part=_part_of(exc), **telemetry.fault(_first(exc)))
            return 1
    log.info("process_stopped")
    return 0


async def _unless(stop: asyncio.Event, opening: asyncio.Task[Running]) -> Running | None:
    """Give what *opening* gives, or None where the stop comes first: a start that hangs can be ended too."""
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([opening, stopped], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if opening.done():
        return opening.result()
    opening.cancel()
    await asyncio.wait([opening])
    return None


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


class PartDied(RuntimeError):
    """A part of the process ended by itself, or with an error. Nobody restarts half of a process."""

    def __init__(self, part: str) -> None:
        super().__init__(f"the part {part} ended by itself")
        self.part = part


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: the process decides when it stops."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Process:
    """Everything that runs in one process, and the order in which it stops."""

    def __init__(self, running: Running, settings: ServiceSettings, stop: asyncio.Event) -> None:
        self._health = running.health
        self._parts = running.parts
        self._stop = stop
        self._grace_s = settings.shutdown_grace_s
        self._api = None if running.app is None else server(running.app, self._grace_s)
        self._probes = server(running.health, 1)
        self._addresses = settings.host, settings.port, settings.internal_port
        self._stop_parts = asyncio.Event()

    async def live(self) -> None:
        """Run all parts until the stop is asked for; if one ends before, all end, and PartDied says which."""
        host, port, internal_port = self._addresses
        inner = listen(host, internal_port)
        outer = listen(host, port) if self._api else None
        async with asyncio.TaskGroup() as group:
            probes = group.create_task(self._watched("probes", self._probes.serve([inner])))
            api = group.create_task(self._watched("api", self._api.serve([outer]))) if self._api and outer else None
            tasks = [
                group.create_task(self._watched(name, part(self._stop_parts))) for name, part in self._parts.items()
            ]
            gc.collect()
            gc.freeze()  # what exists now lives as long as the process; no collection needs to look at it again
            log.info("process_started", count=len(tasks))
            await self._stop.wait()
            log.info("process_stopping", grace_seconds=self._grace_s)
            await self._finish(api, tasks)
            self._probes.should_exit = True
            await asyncio.wait([probes], timeout=2)

    async def _finish(self, api: asyncio.Task[None] | None, tasks: Sequence[asyncio.Task[None]]) -> None:
        """Not ready first, then the requests in hand, then the parts; what isn't done in time is cancelled."""
        self._health.stopping.set()
        try:
            async with asyncio.timeout(self._grace_s):
                if api is not None and self._api is not None:
                    self._api.should_exit = True
                    await asyncio.wait([api])
                self._stop_parts.set()
                if tasks:
                    await asyncio.wait(tasks)
        except TimeoutError:
            self._stop_parts.set()
            log.warning("stopped_before_all_was_done", count=sum(not task.done() for task in tasks))
            for task in (*tasks, *([api] if api else [])):
                task.cancel()

    async def _watched(self, name: str, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as exc:
            raise PartDied(name) from exc
        except asyncio.CancelledError as exc:
            task = asyncio.current_task()
            if task is not None and not task.cancelling():  # a cancellation that a library let out: nobody asked us
                raise PartDied(name) from exc
            raise
        if not self._stop.is_set():
            raise PartDied(name)


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket; port 0 takes a free one. Raises OSError, before anything else has started."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


def server(app: Any, grace_s: float) -> uvicorn.Server:
    """Make the server of one application, with the edge's wire protocol: no names, dates or access log of uvicorn."""
    rules = app.rules if isinstance(app, EdgeMiddleware) else getattr(app, "rules", None) or EdgeRules(drain_s=0)
    config = uvicorn.Config(
        app,
        http=edge_protocol(rules),
        ws="none",
        loop="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=int(rules.idle_timeout_s),
        timeout_graceful_shutdown=max(1, int(grace_s)),
    )
    return _Server(config)


def _first(exc: BaseException) -> BaseException:
    """Give the failure that began it: inside a group, and before the part that reported it."""
    while True:
        if isinstance(exc, BaseExceptionGroup):
            exc = exc.exceptions[0]
        elif isinstance(exc, PartDied) and exc.__cause__ is not None:
            exc = exc.__cause__
        else:
            return exc


def _part_of(exc: BaseException) -> str:
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return exc.part if isinstance(exc, PartDied) else "start"
