# SPDX-License-Identifier: EUPL-1.2
"""Real PostgreSQL and real Kafka: they come back after SIGKILL with all that was acknowledged."""

import asyncio
import os
import shutil
from pathlib import Path

import asyncpg
import pytest

from contracts.topics import TOPICS
from kit.kafka import cluster_ready, ensure_topics
from local_stack import databases, kafka
from local_stack.errors import StackError
from local_stack.harness import Stack
from local_stack.ports import choose, is_free
from local_stack.testing import FreshDatabase, KafkaServer, PostgresServer


async def test_each_fresh_database_is_a_clone_of_its_own(fresh_database: FreshDatabase) -> None:
    one, two = await fresh_database("identity"), await fresh_database("identity")
    assert one != two
    connection = await asyncpg.connect(one)
    try:
        assert await connection.fetchval("SELECT count(owner) FROM schema_migration WHERE owner = 'kit'") > 0
        await connection.execute("CREATE TABLE only_here (id int)")
    finally:
        await connection.close()
    connection = await asyncpg.connect(two)
    try:
        assert await connection.fetchval("SELECT to_regclass('only_here')") is None
    finally:
        await connection.close()


async def test_a_role_may_enter_its_own_database_only(postgres_server: PostgresServer) -> None:
    for name in ("alpha", "beta"):
        own = await databases.ensure_database(postgres_server.dsn, name, f"{name}-password")
        assert await databases.answers(own)
    foreign = databases.address(postgres_server.dsn, "beta", "alpha", "alpha-password")
    wrong = databases.address(postgres_server.dsn, "alpha", "alpha", "wrong")
    assert not await databases.answers(foreign)
    assert not await databases.answers(wrong)


async def test_strings_sort_by_code_point_everywhere(postgres_server: PostgresServer) -> None:
    connection = await asyncpg.connect(postgres_server.dsn)
    try:
        found = await connection.fetchrow(
            "SELECT datlocprovider::text, datlocale, pg_encoding_to_char(encoding) AS encoding"
            " FROM pg_database WHERE datname = 'postgres'"
        )
    finally:
        await connection.close()
    assert found is not None
    assert tuple(found) == ("b", "C.UTF-8", "UTF8")


async def test_topics_are_made_once_and_never_by_use(kafka_server: KafkaServer) -> None:
    assert await cluster_ready(kafka_server.bootstrap)
    await ensure_topics(kafka_server.bootstrap, TOPICS)
    await ensure_topics(kafka_server.bootstrap, TOPICS)
    assert "auto.create.topics.enable=false" in kafka_server.broker.properties.read_text()


def test_consumer_groups_can_be_joined_at_once(kafka_server: KafkaServer) -> None:
    kafka.wait_for_groups(kafka_server.bootstrap, 1)
    with pytest.raises(StackError, match="KAFKA_NOT_READY: no group coordinator"):
        kafka.wait_for_groups(f"127.0.0.1:{choose()}", 0.2)


def test_an_open_port_that_speaks_no_kafka_is_not_ready(postgres_server: PostgresServer) -> None:
    assert kafka.brokers(f"127.0.0.1:{postgres_server.cluster.port}") is None
    with pytest.raises(StackError, match="KAFKA_NOT_READY"):
        kafka.wait_ready(f"127.0.0.1:{choose()}", 0.2)


def test_infrastructure_survives_sigkill_with_what_was_committed_and_leaves_nothing(tmp_path: Path) -> None:
    stack = Stack(infra_only=True, folder=tmp_path)
    with stack:
        run = stack.layout.run
        asyncio.run(_execute(stack.superuser_dsn, "CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)"))
        for name in ("postgres", "kafka"):
            stack.kill(name)
            stack.restart(name)
        assert asyncio.run(_fetch(stack.superuser_dsn, "SELECT id FROM kept")) == 7
        assert asyncio.run(_fetch(stack.superuser_dsn, "SELECT current_setting('fsync')")) == "on"
        stack.check()
        ports = [port for purposes in ("postgres", "kafka") for port in stack.plan.ports[purposes].values()]
        account = stack.plan.account
        if os.getuid() == 0:
            assert account.uid != 0
            assert (run / "postgres" / "data").stat().st_uid == account.uid
    assert all(is_free(port) for port in ports)
    # The data is still there for the next run, on the same ports.
    with Stack(infra_only=True, folder=tmp_path) as again:
        assert asyncio.run(_fetch(again.superuser_dsn, "SELECT id FROM kept")) == 7
        assert again.plan.ports["kafka"] == stack.plan.ports["kafka"]
    shutil.rmtree(run)  # called by root, it lies outside tmp_path


async def _execute(dsn: str, sql: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


async def _fetch(dsn: str, sql: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()
