# SPDX-License-Identifier: EUPL-1.2
"""The house in the middle of its work: a live case, a closed one, and good calls that each test spoils in one place."""

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Self
from uuid import uuid4

import asyncpg

from contracts.certificates.api import Issued
from contracts.envelopes import Task
from contracts.exchange_bus import Delivery
from kit import jose
from kit.http.wire import Wire
from kit.jose import PrivateKey
from local_stack.harness import Stack
from tongban import Citizen, Office
from tongban.clock import system_clock
from tongban.http import Http
from tongban.jose import PrivateKey as SdkKey
from tongban.tokens import SandboxTokens, SystemTokens, TokenSource, dpop_proof

from ..conftest import (  # noqa: TID252 - what the folder above gives to all its tests
    FIT,
    HEALTH,
    LAND,
    MARKET,
    SYSTEMS,
    TAX,
    World,
    until,
)
from .knocking import Knock, Reply, check_refusal, send

__all__ = ["HEALTH", "LAND", "PLATFORM", "TAX", "Scene", "key_of", "until"]

PLATFORM = "urn:tongban:zz:platform"
COUNTED: Mapping[str, tuple[str, ...]] = {
    "identity": ("registration", "registered_key", "person", "pseudonym", "persona", "idem"),
    "exchange-bus": (
        *("catalogue_release", "catalogue_entry", "holding", "evidence_request", "closed_case", "delivery"),
        "idem",
    ),
    "certificates-1": ("certificate", "certificate_operation", "share", "share_todo", "alias", "evidence_event"),
    "certificates-2": ("certificate", "certificate_operation", "share", "share_todo", "alias", "idem"),
    "cases": ("case_file", "case_subject", "step", "need", "alias", "issue_alias", "demand", "idem"),
}
"""Everything that a call may change, except what a refusal itself leaves: receipts, journals and used-up proofs."""
Counts = Mapping[str, tuple[int, ...]]


class Scene:
    """Open with `async with`; all of it lives in one event loop."""

    def __init__(self, stack: Stack, world: World) -> None:
        self.stack = stack
        self.world = world
        self.exits = world.exits
        self.callers: dict[str, TokenSource] = {}
        self.counted: Counts = {}
        self._wires: dict[str, Wire] = {}
        self._databases: dict[str, asyncpg.Connection] = {}
        self.live: Task
        self.closed: Task
        self.asks: dict[str, dict[str, Any]] = {}
        self.closed_asks: dict[str, dict[str, Any]] = {}
        self.foreign: Issued
        self.waiting: Delivery
        self.request_id = ""

    async def __aenter__(self) -> Self:
        """Bring the house to work, and wait until nothing moves any more."""
        http = await self.exits.enter_async_context(Http(self.stack.url("gateway")))
        for system in SYSTEMS:
            key = SdkKey.load(self.stack.secrets_dir(system) / "sig.jwk")
            self.callers[system] = SystemTokens(http, system, key, system_clock)
        for persona in ("shop-owner", "neighbour"):
            self.callers[persona] = SandboxTokens(http, persona, system_clock)
        for system in COUNTED:
            connection = await asyncpg.connect(self.stack.dsn(system))
            self.exits.push_async_callback(connection.close)
            self._databases[system] = connection
        self.foreign = await self.world.attest("health-registry", "staff-health", "waitress", FIT)
        await self._two_cases()
        for who in self.callers:
            await self.token(who)  # a first log-in leaves a row, which is no knock's doing
        self.counted = await self.quiet()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Bring the live case to its end: what other tests find is a house at rest."""
        await self.world.decide(self.live.case_id)
        for wire in self._wires.values():
            await wire.close()

    async def _two_cases(self) -> None:
        await self.world.registers()
        market: Office = await self.world.office("licensing")
        await self.world.decide((await self.world.apply()).case_id)  # whatever earlier tests left goes too
        # Refusals are receipts about the persons that they name; other tests count those of the cook.
        closed = await self.world.apply(staff="waitress")
        self.closed, _ = await task_of(market, closed.case_id)
        self.closed_asks = await self._asks_of(self.closed)
        await self.world.decide(closed.case_id)
        owner: Citizen = await self.world.citizen()
        assert (await owner.case(closed.case_id)).state == "completed"
        live = await self.world.apply(staff="waitress")
        self.live, self.waiting = await task_of(market, live.case_id)
        self.asks = await self._asks_of(self.live)
        self.request_id = self.live.needs[0].request_id

        async def heard() -> bool:
            sql = "SELECT count(*) FROM closed_case WHERE case_id = $1"
            return bool(await self._databases["exchange-bus"].fetchval(sql, closed.case_id))

        await until(heard, "exchange-bus to hear of the closed case")

    async def _asks_of(self, task: Task) -> dict[str, dict[str, Any]]:
        """Give what was asked for a task, by type, as the deciding office would ask it itself.

        Read from the sealed questions with the holders' keys: nobody but the holders can see them elsewhere.
        """
        keys = [key_of(self.stack, "certificates-1", f"answering-{office}.jwk") for office in (HEALTH, LAND)]
        rows = await self._databases["exchange-bus"].fetch(
            "SELECT payload FROM outbox WHERE topic LIKE 'evidence.ask.%' AND key = ANY($1)",
            [need.request_id for need in task.needs],
        )
        by_kid = {key.kid: key for key in keys}
        signed = [jose.open_sealed(row["payload"].decode(), by_kid, max_bytes=1 << 20).decode() for row in rows]
        bodies = [json.loads(jose.b64u_decode(one.split(".")[1]))["body"] for one in signed]
        return {body["type"]: as_asked(body) for body in bodies}

    # ------------------------------------------------------------------ calls that would go well
    def ask(self, kind: str = "staff-health", of: Mapping[str, Any] | None = None) -> Knock:
        """Market regulation asks for evidence in its live case."""
        body = dict(of if of is not None else self.asks[kind])
        headers = {
            "Idempotency-Key": uuid4().hex,
            "Tongban-Purpose": body["purpose"],
            "Tongban-Legal-Basis": body["legalBasis"]["kind"],
            "Tongban-Case": body["caseId"],
            "Tongban-Step": body["step"],
        }
        return Knock("POST", "/v1/evidence-requests", body, headers=headers)

    def issue(self) -> Knock:
        """Market regulation issues the licence of its live task."""
        task = self.live
        claims = {"holder": "self", "tradeName": "Stall", "place": "Market", "number": f"JY-{uuid4().hex[:12]}"}
        ref = {"taskId": task.task_id, "caseId": task.case_id, "step": task.step, "caseProof": task.case_proof}
        body = {
            "office": MARKET,
            "type": "food-licence",
            "holder": {"alias": task.issues[0].holder},
            "claims": claims,
            "validFrom": "2026-11-24",
            "task": ref,
        }
        key = {"Idempotency-Key": uuid4().hex}
        return Knock("POST", "/v1/certificates", body, audience="certificates-2", headers=key)

    def attest(self) -> Knock:
        """The health office attests something to nobody in particular."""
        body = {
            "office": HEALTH,
            "type": "staff-health",
            "holder": {"subject": "A" * 43},
            "validFrom": "2026-11-24",
            "claims": {"holder": "self", "result": "fit", "examinedOn": "2026-11-02"},
        }
        key = {"Idempotency-Key": uuid4().hex}
        return Knock("POST", "/v1/certificates", body, "health-registry", "certificates-1", key)

    def open_case(self) -> Knock:
        """The neighbour applies for a food licence, without any staff."""
        body = {"lifeEvent": "food-licence", "subjects": {}, "input": {"tradeName": "Noodles"}}
        return Knock("POST", "/v1/cases", body, who="neighbour", headers={"Idempotency-Key": uuid4().hex})

    def inbox(self, who: str = "tax-office") -> Knock:
        """An office looks into its inbox."""
        return Knock("GET", "/v1/inbox?limit=1", who=who)

    # ------------------------------------------------------------------ knocking
    async def knock(self, one: Knock, extra: list[tuple[str, str]] | None = None) -> Reply:
        """Send a knock with its caller's token and a fresh proof. extra: headers as they are, after all others."""
        usual = {"content-type": "application/json"} if one.body is not None else {}
        proven = await self.proof_headers(one) if one.who is not None else {}
        merged = {**usual, **proven, **{name.lower(): value for name, value in one.headers.items()}}
        headers = [(name, value) for name, value in merged.items() if value is not None]
        return await send(self._wire(one.port), one.method, one.path, [*headers, *(extra or [])], one.data())

    async def proof_headers(self, one: Knock) -> dict[str, str]:
        """Give authorization and proof for a knock's caller, method and path."""
        assert one.who is not None
        token = await self.token(one.who, one.audience)
        url = self.stack.url("gateway") + one.path.split("?", 1)[0]
        key = self.callers[one.who].key
        proof = dpop_proof(key, method=one.method, url=url, token=token, clock=system_clock)
        return {"authorization": f"DPoP {token}", "dpop": proof}

    async def token(self, who: str, audience: str = "platform") -> str:
        """Give a caller's access token."""
        return (await self.callers[who].token(PLATFORM if audience == "platform" else audience)).text

    def _wire(self, port: str) -> Wire:
        if port not in self._wires:
            self._wires[port] = Wire(self.stack.url(port))
        return self._wires[port]

    # ------------------------------------------------------------------ what must hold
    async def refuses(
        self, one: Knock, status: int, code: str, extra: list[tuple[str, str]] | None = None
    ) -> dict[str, Any]:
        """Demand a refusal that changes nothing and after which the house works. Gives the problem document."""
        reply = await self.knock(one, extra)
        check_refusal(reply, status, code)
        await self.unharmed()
        return reply.document

    async def unharmed(self) -> None:
        """Demand that no row came or went, and that a plain valid call works."""
        before, self.counted = self.counted, await self.count()
        assert self.counted == before
        canary = await self.knock(self.inbox())
        assert canary.status == 200, canary.body

    async def count(self) -> Counts:
        """Count the rows of everything that matters."""
        counts = {}
        for system, tables in COUNTED.items():
            columns = ", ".join(f"(SELECT count(*) FROM {table})" for table in tables)  # noqa: S608 - names from above
            row = await self._databases[system].fetchrow(f"SELECT {columns}")
            assert row is not None
            counts[system] = tuple(row)
        return counts

    async def quiet(self) -> Counts:
        """Wait until nothing is on its way, and count."""

        async def still() -> Counts | None:
            for connection in self._databases.values():
                if await connection.fetchval("SELECT count(*) FROM outbox_todo"):
                    return None
            first = await self.count()
            await asyncio.sleep(0.5)
            return first if await self.count() == first else None

        return await until(still, "the house to come to rest")


async def task_of(office: Office, case_id: str) -> tuple[Task, Delivery]:
    """Wait for the task of a case in an office's inbox; it stays there, unacknowledged."""

    async def there() -> tuple[Task, Delivery] | None:
        for delivery in await office.fetch():
            opened = await office.open(delivery)
            if isinstance(opened.body, Task) and opened.body.case_id == case_id:
                return opened.body, delivery
        return None

    return await until(there, "a task in the inbox")


def key_of(stack: Stack, system: str, name: str = "sig.jwk") -> PrivateKey:
    """Read a private key out of the harness's keyring."""
    return PrivateKey.load(stack.secrets_dir(system) / name)


def as_asked(ask: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a sealed question back into the call that led to it, with an hour's time."""
    holder = HEALTH if ask["type"] == "staff-health" else LAND
    same = ("caseId", "step", "caseProof", "entry", "release", "type", "typeVersion", "fields", "purpose", "legalBasis")
    person = {"platform": ask["aliases"]["platform"], "holders": {holder: ask["aliases"]["holder"]}}
    deadline = (system_clock() + timedelta(hours=1)).isoformat(timespec="seconds")
    return {**{name: ask[name] for name in same}, "subject": {"person": person}, "deadline": deadline}
