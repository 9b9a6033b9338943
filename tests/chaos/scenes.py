# SPDX-License-Identifier: EUPL-1.2
"""What is done to a stack under load, beside killing: outages and poison, each with what must hold meanwhile."""

import asyncio

from contracts.certificates.api import Fact
from contracts.ids import uuid7
from contracts.topics import CERTIFICATE, envelope_topic
from drive import look, poison
from field import Harm, Scene
from kit.jose import PrivateKey, seal
from local_stack.offices import HEALTH, MARKET_REGULATION
from local_stack.seed import SINCE

OUTSIDER = "certificates-9"
CLOSED = "SELECT count(*) FROM case_file WHERE state <> 'open'"
MORE_CLOSED = "SELECT greatest(count(*) - $1::bigint, 0) FROM case_file WHERE state <> 'open'"
PARKED = "SELECT reason FROM parked WHERE event_id::text = $1"
DEAD = "SELECT reason FROM parked WHERE event_id::text = $1 AND state = 'dead'"
GIVE_UP = "UPDATE parked SET state = 'dead', tries = 5, next_try_at = NULL WHERE event_id::text = $1"
LOSSES = [
    ("certificates-2", "DELETE FROM certificate WHERE id = (SELECT id FROM certificate WHERE task_id IS NULL LIMIT 1)"),
    ("exchange-bus", "DELETE FROM delivery WHERE delivery_id = (SELECT delivery_id FROM delivery LIMIT 1)"),
    ("cases", "DELETE FROM outbox WHERE id = (SELECT max(id) FROM outbox)"),
]
"""One row each of what was accepted, of what took effect, of what was sent."""


async def calm(scene: Scene) -> str:
    """Hurt nothing."""
    return "nothing was hurt"


def kafka_away(away_s: float) -> Harm:
    """Take the broker away: the APIs go on accepting, and everything arrives afterwards."""

    async def harm(scene: Scene) -> str:
        before = scene.accepted
        await asyncio.to_thread(scene.stack.stop_one, "kafka")
        await asyncio.sleep(away_s)
        meanwhile = scene.accepted - before
        await asyncio.to_thread(scene.stack.start_one, "kafka")
        assert meanwhile > away_s, f"{meanwhile} requests accepted in {away_s:g} s without the bus"
        return f"kafka was away for {away_s:g} s, {meanwhile} requests accepted meanwhile"

    return harm


def identity_away(away_s: float) -> Harm:
    """Take identity away: cases between known parties go on; a share about a person new to the office waits."""

    async def harm(scene: Scene) -> str:
        stack = scene.stack
        await look.until(stack, "cases", CLOSED)  # so that every party of a case is known
        await asyncio.to_thread(stack.stop_one, "identity")
        closed = await look.value(stack, "cases", CLOSED)
        issued = await scene.load.issue("food-licence", "waitress", f"NEW-{uuid7().hex}")
        assert issued is not None
        waits = "SELECT waiting FROM share_todo WHERE certificate_id::text = $1 AND waiting IS NOT NULL"
        reason = await look.until(stack, "certificates-2", waits, issued.certificate_id)
        await asyncio.sleep(away_s)
        more = await look.until(stack, "cases", MORE_CLOSED, closed)
        assert await look.value(stack, "certificates-2", waits, issued.certificate_id), "the share didn't wait"
        await asyncio.to_thread(stack.start_one, "identity")
        return f"identity was away for {away_s:g} s: {more} cases closed meanwhile, a new share waited as {reason}"

    return harm


async def garbage(scene: Scene) -> str:
    """Put garbage onto a consumed topic: it is parked with its reason and holds back its own key, nobody else."""
    stack, key, task_id = scene.stack, str(uuid7()), str(uuid7())
    fact = Fact(
        certificate_id=key,
        version=1,
        office=MARKET_REGULATION,
        type="title",
        type_code="x",
        status="01",
        task_id=task_id,
    )
    source, kind = f"/zz/{MARKET_REGULATION}/certificates-2", "certificates.certificate.issued.v1"
    events = []
    for number, value in ((1, b"{"), (2, fact.wire_bytes())):
        ids = {"taskid": task_id}
        events.append(await poison.put(stack, CERTIFICATE, key, number, kind, value, source=source, attributes=ids))
        scene.recorder.history.write("injected", eventId=events[-1])
    reasons = [await look.until(stack, "cases", PARKED, event_id) for event_id in events]
    assert reasons == ["BODY_MALFORMED", "BEHIND_PARKED"], reasons
    await look.until(stack, "cases", MORE_CLOSED, await look.value(stack, "cases", CLOSED))
    assert await look.value(stack, "cases", "SELECT count(*) FROM parked WHERE key <> $1", key) == 0
    return f"garbage was parked as {', '.join(reasons)}"


def stranger(*, until_dead: bool) -> Harm:
    """Let a system that nobody knows send an envelope: parked; registered and redriven, it is delivered.

    until_dead: wait until all tries are used up, which takes half a minute; without, they are taken away at once.
    """

    async def harm(scene: Scene) -> str:
        stack, system, event_id = scene.stack, f"{OUTSIDER}{uuid7().hex[-6:]}", str(uuid7())
        key, topic = str(uuid7()), envelope_topic(HEALTH)
        envelope = seal(b"{}", PrivateKey.generate().public)
        scene.recorder.history.write("injected", eventId=event_id)
        await poison.put(
            stack,
            topic,
            key,
            1,
            "envelope.share.v1",
            envelope.encode("ascii"),
            source=f"/zz/{MARKET_REGULATION}/{system}",
            attributes={"exchangeid": event_id, "grantid": "G-0902"},
            event_id=event_id,
        )
        await look.until(stack, "exchange-bus", PARKED, event_id)
        if not until_dead:
            await look.execute(stack, "exchange-bus", GIVE_UP, event_id)
        reason = await look.until(stack, "exchange-bus", DEAD, event_id, within_s=60)
        signing = PrivateKey.generate()
        keys = [{"kid": signing.kid, "use": "sig", "jwk": signing.public.jwk(), "from": SINCE}]
        record = {"systemId": system, "operator": MARKET_REGULATION, "offices": [MARKET_REGULATION]}
        operator = poison.bootstrap(stack)
        post = operator.post
        await asyncio.to_thread(post, "identity", "/v1/systems", {**record, "role": "certificates", "keys": keys})
        await asyncio.to_thread(post, "exchange-bus", "/v1/parked/redrives", {"topic": topic, "key": key})
        delivered = "SELECT count(*) FROM delivery WHERE event_id::text = $1"
        assert await look.until(stack, "exchange-bus", delivered, event_id) == 1
        return f"an envelope of a stranger was parked as {reason} and delivered after a redrive"

    return harm
