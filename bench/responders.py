# SPDX-License-Identifier: EUPL-1.2
"""Offices in this process that decide at once, so that the platform is measured and not an office.

A responder does what an office owes the platform and no more: it reads its inbox, acknowledges, opens each task, waits
until every answer that the task rests on has come, and issues what is ordered. Keys, envelopes, proofs and orders are
the SDK's; calls go through the gateway by the house's small HTTP client. Answers stay closed and claims are made up:
what an office does with them at home is its own time.
"""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bench.world import BenchFailedError, World, expect
from contracts import http as names
from contracts.certificates.api import Holder, Issue
from contracts.envelopes import IssueOrder, Task
from contracts.exchange_bus import Acknowledge, Delivery, Inbox
from example_offices.rules import SELF, mint_uscc, numbered
from kit.clock import system_clock
from kit.http import HttpAnswer
from kit.http.wire import Wire, WireError
from local_stack.table import PLATFORM_AUDIENCE
from tongban import Office
from tongban.http import Http
from tongban.jose import PrivateKey
from tongban.orders import holder_of, promise, task_key, task_ref
from tongban.tokens import SystemTokens, TokenSource, dpop_proof

DESKS = (
    "licensing",
    "public-security",
    "tax-office",
    "hrss",
    "fire-brigade",
    "urban-management",
    "data-office-desk",
)
"""Systems of the offices that decide about a restaurant."""
PLACE, TRADE_NAME = "7 Canal Street, Old Town", "Canal House"
AT_ONCE = 16
"""Certificates that one office issues at the same time."""
PAGE, POLL_S = 200, 10
TRIES, PAUSE_S = 50, 0.1
BUSY = frozenset({429, 503, 504})
_MORE: Mapping[str, Mapping[str, Any]] = {
    "business-licence": {"tradeName": TRADE_NAME, "scope": "restaurant", "place": PLACE},
    "seal-filing": {"sealKind": "company"},
    "tax-registration": {"place": PLACE},
    "employer-registration": {"registeredOn": "2026-01-01"},
    "food-licence": {"tradeName": TRADE_NAME, "place": PLACE},
    "fire-check": {"place": PLACE, "result": "promised"},
    "shop-sign": {"place": PLACE, "signText": TRADE_NAME},
    "result-pack": {"contents": "food licence, fire check"},
}


class Client:
    """Somebody who calls the gateway with tokens of hers, by the small client. retried: calls that were put off."""

    def __init__(self, wire: Wire, tokens: TokenSource) -> None:
        self._wire, self._tokens = wire, tokens
        self.retried = 0

    async def log_in(self, audience: str = PLATFORM_AUDIENCE) -> None:
        """Have a token before the clock runs."""
        await self._tokens.token(audience)

    async def call(
        self, method: str, path: str, body: bytes = b"", *, audience: str = PLATFORM_AUDIENCE, key: str | None = None
    ) -> HttpAnswer:
        """Call, with a fresh proof for each try, until the answer is another one than `busy`."""
        for _ in range(TRIES):
            try:
                answer = await self._once(method, path, body, audience, key)
            except WireError:
                answer = None
            if answer is not None and answer.status not in BUSY:
                return answer
            self.retried += 1
            await asyncio.sleep(PAUSE_S)
        raise BenchFailedError(f"{method} {path}: busy for ever")

    async def _once(self, method: str, path: str, body: bytes, audience: str, key: str | None) -> HttpAnswer:
        token = (await self._tokens.token(audience)).text
        url = self._wire.url + path.partition("?")[0]
        proof = dpop_proof(self._tokens.key, method=method, url=url, token=token, clock=system_clock)
        said = {
            "authorization": f"DPoP {token}",
            "dpop": proof,
            names.DEADLINE.lower(): "30000",
            "content-type": "application/json",
        }
        if key is not None:
            said[names.IDEMPOTENCY_KEY.lower()] = key
        return await self._wire.request(
            method, path, [(name.encode("ascii"), value.encode("ascii")) for name, value in said.items()], body
        )


def system_client(world: World, http: Http, wire: Wire, system: str) -> Client:
    """Give the client of an office's system; tokens come by *http*."""
    key = PrivateKey.load(world.stack.secrets_dir(system) / "sig.jwk")
    return Client(wire, SystemTokens(http, system, key, system_clock))


async def issue(client: Client, office: Office, order: Issue, key: str) -> None:
    """Issue one certificate. Raises BenchFailedError."""
    deployment = office.directory.deployment_of(office.office)
    expect(await client.call("POST", "/v1/certificates", order.wire_bytes(), audience=deployment or "", key=key), 201)


class Responder:
    """One office. seen: task id -> when (seconds since the epoch) it was in the office's hands."""

    def __init__(self, office: Office, client: Client) -> None:
        self._office, self._client = office, client
        self._answers: set[str] = set()
        self._waiting: dict[str, tuple[Task, set[str]]] = {}
        self._room = asyncio.Semaphore(AT_ONCE)
        self.seen: dict[str, float] = {}

    async def run(self) -> None:
        """Read the inbox and decide, until cancelled."""
        after = 0
        async with asyncio.TaskGroup() as works:
            while True:
                path = f"/v1/inbox?limit={PAGE}&wait={POLL_S}&after={after}"
                answer = expect(await self._client.call("GET", path), 200)
                now = time.time()
                page = Inbox.model_validate_json(answer.body).deliveries
                if not page:
                    continue
                after = page[-1].seq
                works.create_task(self._acknowledge(page))
                for delivery in page:
                    for task in await self._take(delivery, now):
                        works.create_task(self._decide(task))

    async def _acknowledge(self, page: list[Delivery]) -> None:
        body = Acknowledge(delivery_ids=[one.delivery_id for one in page]).wire_bytes()
        expect(await self._client.call("POST", "/v1/inbox/acknowledgements", body, key=page[0].delivery_id), 200, 201)

    async def _take(self, delivery: Delivery, now: float) -> list[Task]:
        """Give the tasks that nothing is missing for any more."""
        if delivery.kind == "answer":
            self._answers.add(delivery.key)
            for _, missing in self._waiting.values():
                missing.discard(delivery.key)
        elif delivery.kind == "task":
            self.seen.setdefault(delivery.key, now)
            task = (await self._office.open(delivery)).body
            if not isinstance(task, Task):
                raise BenchFailedError("a task is none")
            asked = {need.request_id for need in task.needs if need.outcome == "answered"}
            self._waiting[task.task_id] = task, asked - self._answers
        ready = [task for task, missing in self._waiting.values() if not missing]
        for task in ready:
            del self._waiting[task.task_id]
        return ready

    async def _decide(self, task: Task) -> None:
        async with self._room:
            for number, order in enumerate(task.issues, start=1):
                await issue(self._client, self._office, self._order(task, order), task_key(task, number))

    def _order(self, task: Task, order: IssueOrder) -> Issue:
        founds = order.holder is None and order.organisation is None
        number = mint_uscc(task.task_id) if order.type == "business-licence" else numbered("B", task, order)
        return Issue(
            office=self._office.office,
            type=order.type,
            holder=holder_of(order, number if founds else None),
            claims={"holder": SELF, "number": number, **_MORE[order.type]},
            valid_from=datetime.now(UTC).date(),
            provisional=promise(order, None),
            task=task_ref(task),
        )


async def fill(client: Client, office: Office, kind: str, numbers: list[str], claims: Mapping[str, Any]) -> None:
    """Put a register on the platform: a certificate of *kind* for each of these people, who have none yet."""
    today = datetime.now(UTC).date()
    room = asyncio.Semaphore(AT_ONCE)

    async def one(place: int, subject: str | None) -> None:
        said = {name: f"{value}-{place}" if name == "number" else value for name, value in claims.items()}
        order = Issue(
            office=office.office,
            type=kind,
            holder=Holder(subject=subject),
            claims={"holder": SELF, **said},
            valid_from=today,
        )
        async with room:
            await issue(client, office, order, f"register-{kind}-{subject}"[:100])

    async with asyncio.TaskGroup() as works:
        for place, subject in enumerate(await office.resolve(numbers)):
            works.create_task(one(place, subject))
