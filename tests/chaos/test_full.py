# SPDX-License-Identifier: EUPL-1.2
"""The full run (`make chaos`): ten kills of each victim under load, every crash point, longer outages.

Kills come at moments that are drawn from the seed. After each one the platform has a minute to fall quiet; then every
invariant is checked over everything since the start of that stack. CHAOS_KILLS sets how many kills a victim gets.
"""

import os

import pytest

import scenes
from drive import faults
from field import Field, Scene

pytestmark = pytest.mark.full
KILLS = int(os.environ.get("CHAOS_KILLS", "10"))
POINTS = [
    ("cases", "write.before_commit"),
    ("certificates-2", "write.before_commit"),
    ("gateway", "write.after_commit"),
    ("exchange-bus", "write.after_commit"),
    ("identity", "write.after_commit"),
    ("certificates-2", "relay.after_send"),
    ("cases", "relay.after_ack"),
    ("exchange-bus", "relay.after_ack"),
    ("ledger", "consume.after_poll"),
    ("certificates-1", "consume.after_inbox"),
    ("cases", "consume.after_inbox"),
    ("exchange-bus", "consume.after_effect"),
    ("ledger", "consume.after_effect"),
    ("cases", "consume.after_commit"),
    ("certificates-1", "consume.after_commit"),
    ("certificates-2", "release.after_receipt"),
]


async def kill_ten_times(field: Field, victim: str) -> None:
    """Kill a random process of *victim* at a random moment, again and again; check after each."""

    async def harm(scene: Scene) -> str:
        return await faults.kill(scene.stack, faults.victim_of(scene.stack, victim, field.chance))

    for _ in range(KILLS):
        await field.survives(harm, before_s=field.chance.uniform(0.2, 2.5), after_s=0.5)
    field.report(victim)


@pytest.mark.parametrize("victim", ["certificates-1", "certificates-2", "exchange-bus"])
async def test_kills_of_a_pair_lose_and_double_nothing(fresh_pairs: Field, victim: str) -> None:
    await kill_ten_times(fresh_pairs, victim)


@pytest.mark.parametrize("victim", ["cases", "identity", "gateway", "ledger", "postgres", "kafka"])
async def test_kills_lose_and_double_nothing(fresh_laptop: Field, victim: str) -> None:
    await kill_ten_times(fresh_laptop, victim)


@pytest.mark.parametrize(("process", "point"), POINTS)
async def test_a_process_may_die_between_any_two_steps(laptop: Field, process: str, point: str) -> None:
    async def harm(scene: Scene) -> str:
        return await faults.die_at(scene.stack, process, point)

    await laptop.survives(harm)


async def test_the_bus_may_be_away_for_a_minute(laptop: Field) -> None:
    await laptop.survives(scenes.kafka_away(60))


async def test_identity_may_be_away_for_half_a_minute(laptop: Field) -> None:
    await laptop.survives(scenes.identity_away(30))


async def test_a_dead_letter_is_freed_once_its_reason_is_gone(laptop: Field) -> None:
    await laptop.survives(scenes.stranger(until_dead=True))
