# SPDX-License-Identifier: EUPL-1.2
"""The short run: each victim killed once under load, crash points, two outages, two kinds of poison."""

import pytest

import scenes
from checker import Invariant, check
from drive import faults, look
from drive.collect import collect
from field import Field, Scene


async def test_nothing_is_lost_or_doubled_in_calm(laptop: Field) -> None:
    run = await laptop.survives(scenes.calm, before_s=2.0)
    ids = [record.event_id for record in run.bus]
    assert len(ids) == len(set(ids)), "a record twice on the bus though nothing was hurt"


@pytest.mark.parametrize(
    "victim",
    ["certificates-2", "exchange-bus", "cases", "identity", "gateway", "ledger", "postgres", "kafka"],
)
async def test_a_kill_loses_and_doubles_nothing(laptop: Field, victim: str) -> None:
    async def harm(scene: Scene) -> str:
        return await faults.kill(scene.stack, victim)

    await laptop.survives(harm, before_s=0.5, after_s=0.5)


@pytest.mark.parametrize(
    ("process", "point"),
    [
        ("certificates-2", "write.after_commit"),
        ("certificates-1", "relay.after_send"),
        ("exchange-bus", "consume.after_inbox"),
        ("certificates-2", "release.after_receipt"),
    ],
)
async def test_a_process_may_die_between_any_two_steps(laptop: Field, process: str, point: str) -> None:
    async def harm(scene: Scene) -> str:
        return await faults.die_at(scene.stack, process, point)

    await laptop.survives(harm, before_s=0.5, after_s=0.5)


async def test_without_the_bus_requests_are_accepted_and_everything_arrives_later(laptop: Field) -> None:
    await laptop.survives(scenes.kafka_away(20))


async def test_without_identity_known_parties_go_on_and_new_ones_wait(laptop: Field) -> None:
    await laptop.survives(scenes.identity_away(3))


async def test_garbage_is_parked_and_holds_back_its_own_key_only(laptop: Field) -> None:
    await laptop.survives(scenes.garbage)


async def test_a_dead_letter_is_freed_once_its_reason_is_gone(laptop: Field) -> None:
    await laptop.survives(scenes.stranger(until_dead=False))


async def test_a_real_loss_is_noticed(laptop: Field) -> None:
    """The last test of this stack: it spoils the databases, and the checker must name each loss."""
    await laptop.survives(scenes.calm)
    for system, loss in scenes.LOSSES:
        await look.execute(laptop.stack, system, loss)
    found = {breach.invariant for breach in check(await collect(laptop.stack, laptop.history))}
    assert {Invariant.ACCEPTED_IS_STORED, Invariant.EFFECT_ONCE, Invariant.BUS_IS_STORED} <= found
