# SPDX-License-Identifier: EUPL-1.2
"""A whole process: how it starts, serves, stops and dies. And how one service calls another."""

import asyncio
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from kit import deadline
from kit.errors import Kind, ServiceError, UpstreamError, UpstreamUnavailable
from kit.http import Forwarder, HttpAnswer, ServiceClient
from kit.http.wire import Wire, WireError
from kit.process import listen

SERVICE = textwrap.dedent(
    """
    import asyncio, os, sys
    from fastapi import Request, Response
    from pydantic_settings import SettingsConfigDict
    from kit.api import StrictRouter, create_api
    from kit.errors import Forbidden
    from kit.health import Health
    from kit.process import Running, main
    from kit.settings import ServiceSettings

    class Settings(ServiceSettings):
        model_config = SettingsConfigDict(env_prefix="TEST_")
        die: bool = False
        hang: bool = False

    router = StrictRouter(prefix="/v1")

    @router.get("/slow")
    async def slow() -> dict[str, str]:
        await asyncio.sleep(0.5)
        return {"done": "yes"}

    @router.get("/headers")
    async def headers(request: Request) -> dict[str, str]:
        return dict(request.headers)

    @router.post("/refused")
    async def refused() -> Response:
        raise Forbidden("not you")

    class App:
        def __init__(self, settings: Settings) -> None:
            self.settings = settings

        async def open(self, stack, *, serve, work):
            stack.callback(print, "closed", flush=True)
            if self.settings.hang:
                print("hanging", flush=True)
                await asyncio.sleep(60)
            async def part(stop: asyncio.Event) -> None:
                if self.settings.die:
                    raise ValueError("canary")
                await stop.wait()
                print("part finished", flush=True)
            app = create_api(self.settings, routers=[router], state={}, service="test")
            return Running(app=app, parts={"worker": part}, health=Health())

    main("test", Settings, App, "test_service")
    """
)


def free_port() -> int:
    with listen("127.0.0.1", 0) as taken:
        return int(taken.getsockname()[1])


async def get(url: str, path: str) -> HttpAnswer:
    wire = Wire(url)
    try:
        return await wire.request("GET", path, [], b"")
    finally:
        await wire.close()


class Started:
    """A service process of this test, and where it listens."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, internal_port: int) -> None:
        self.process, self.url, self.probes = process, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{internal_port}"

    async def ready(self) -> None:
        async with asyncio.timeout(15):
            while not await self._is_ready():  # noqa: ASYNC110 - another process; there is no event to wait for
                await asyncio.sleep(0.05)

    async def _is_ready(self) -> bool:
        try:
            return (await get(self.probes, "/readyz")).status == 200
        except WireError:
            return False

    async def ended(self) -> tuple[int, list[str], str]:
        async with asyncio.timeout(15):
            out, err = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, out.decode().splitlines(), err.decode()


@asynccontextmanager
async def started(folder: Path, verb: str = "run", **settings: str) -> AsyncIterator[Started]:
    (folder / "service.py").write_text(SERVICE)
    (folder / "trust.json").write_text("{}")
    port, internal_port = free_port(), free_port()
    given: Mapping[str, Any] = {
        "DATABASE_URL": "postgresql://x@127.0.0.1/x",
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "PORT": port,
        "INTERNAL_PORT": internal_port,
        "SYSTEM": "test",
        "OPERATOR": "119999000000002030",
        "PUBLIC_URL": "http://gateway.example",
        "SECRETS_DIR": folder,
        "TRUST_FILE": folder / "trust.json",
        "REPLICA_DIR": folder,
        **settings,
    }
    environ = {**os.environ, **{f"TEST_{name}": str(value) for name, value in given.items()}}
    process = await asyncio.create_subprocess_exec(
        sys.executable, folder / "service.py", verb, env=environ, stdout=-1, stderr=-1
    )
    try:
        yield Started(process, port, internal_port)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def test_sigterm_finishes_the_request_in_hand_then_the_parts_then_closes(tmp_path: Path) -> None:
    async with started(tmp_path) as service:
        await service.ready()
        in_hand = asyncio.create_task(get(service.url, "/v1/slow"))
        await asyncio.sleep(0.2)
        service.process.send_signal(signal.SIGTERM)
        answer = await in_hand
        assert (answer.status, answer.json()) == (200, {"done": "yes"})
        code, out, err = await service.ended()
        assert (code, err) == (0, "")
        assert [line for line in out if not line.startswith("{")] == ["part finished", "closed"]
        events = [orjson.loads(line)["event"] for line in out if line.startswith("{")]
        assert events == ["process_started", "process_stopping", "request", "process_stopped"]


async def test_a_part_that_dies_takes_the_process_with_it_and_says_which(tmp_path: Path) -> None:
    async with started(tmp_path, DIE="true") as service:
        code, out, _ = await service.ended()
        last = orjson.loads(out[-1])
        assert (code, last["event"], last["part"], last["error_type"]) == (1, "process_died", "worker", "ValueError")
        assert "canary" not in "".join(out)
        assert "closed" in out


async def test_a_port_that_is_taken_ends_the_start_with_a_clear_line(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as taken:
        async with started(tmp_path, PORT=str(taken.getsockname()[1])) as service:
            code, out, _ = await service.ended()
            assert (code, orjson.loads(out[-1])["error_type"]) == (1, "OSError")


async def test_a_start_that_hangs_can_be_ended(tmp_path: Path) -> None:
    async with started(tmp_path, HANG="true") as service:
        assert service.process.stdout is not None
        assert await service.process.stdout.readline() == b"hanging\n"
        service.process.send_signal(signal.SIGTERM)
        code, out, _ = await service.ended()
        assert (code, "closed" in out) == (0, True)


async def test_check_config_names_every_mistake_and_exits_2(tmp_path: Path) -> None:
    async with started(tmp_path, "check-config", PORTS="1", SYSTEM="Not An Id") as service:
        code, _, err = await service.ended()
        assert code == 2
        assert [line.split(":")[0] for line in err.splitlines()] == ["TEST_PORTS", "TEST_SYSTEM"]
    async with started(tmp_path, "check-config") as service:
        assert await service.ended() == (0, ["test: settings are complete"], "")
    async with started(tmp_path, "dance") as service:
        assert (await service.ended())[0] == 2


class Signer:
    def assertion(self, audience: str) -> str:
        return f"for-{audience}"


class NotYou(ServiceError):
    kind, code, title = Kind.FORBIDDEN, "FORBIDDEN", "Not you"


async def test_one_service_calls_another_signed_traced_bounded_and_with_typed_errors(tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    async with started(tmp_path, "serve") as service:
        await service.ready()
        signer = Signer()
        async with ServiceClient("test", [nobody, service.url], signer=signer, audience="test-1") as client:
            seen: dict[str, str] = {}
            for _ in range(3):  # whoever refuses the connection is passed over, whatever the method
                seen = (await client.call("GET", "/v1/headers", headers={"Tongban-Case": "c1"})).json()
                with pytest.raises(NotYou, match="not you"):
                    await client.call("POST", "/v1/refused", known={"FORBIDDEN": NotYou})
            assert seen["authorization"] == "Bearer for-test-1"
            assert seen["tongban-case"] == "c1"
            assert seen["traceparent"].startswith("00-")
            assert 4900 <= int(seen["tongban-deadline"]) <= 5000
            with pytest.raises(UpstreamError) as refused:
                await client.call("POST", "/v1/refused")
            assert refused.value.upstream_code == "FORBIDDEN"
            with pytest.raises(UpstreamError) as late, deadline.deadline(0.1):
                await client.call("GET", "/v1/slow")
            assert late.value.upstream_code == "DEADLINE_EXCEEDED"  # the callee knew how long we would wait
        async with ServiceClient("test", [nobody], signer=signer, audience="x") as client:
            with pytest.raises(UpstreamUnavailable):
                await client.call("GET", "/v1/headers")


async def test_the_forwarder_passes_messages_on_without_hop_by_hop_headers(tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    async with started(tmp_path, "serve") as service:
        await service.ready()
        async with Forwarder({"test": [nobody, service.url], "gone": [nobody]}) as forwarder:
            sent = [(b"host", b"evil.example"), (b"connection", b"x"), (b"te", b"trailers"), (b"tongban-case", b"c1")]
            for _ in range(3):
                answer = await forwarder.forward("test", "GET", "/v1/headers", sent, b"", 2.0)
                seen = orjson.loads(answer.body)
                assert (answer.status, seen["tongban-case"], seen["host"]) == (200, "c1", service.url[7:])
                assert "te" not in seen
            assert (await forwarder.forward("test", "GET", "/v1/unknown", sent, b"", 2.0)).status == 404
            for system, path in (("gone", "/v1/headers"), ("test", "/v1/slow")):
                with pytest.raises(UpstreamUnavailable):
                    await forwarder.forward(system, "GET", path, sent, b"", 0.2)
