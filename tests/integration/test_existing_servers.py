# SPDX-License-Identifier: EUPL-1.2
"""The runner works with a PostgreSQL and a Kafka that are there already, and leaves them running."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from local_stack.harness import Stack

ROOT = Path(__file__).parents[2]


def test_the_stack_comes_up_on_servers_that_run_already_and_goes_without_them() -> None:
    with Stack(profile="laptop", infra_only=True) as servers, tempfile.TemporaryDirectory("-tongban") as folder:
        there = {"DATABASE_URL": servers.superuser_dsn, "KAFKA_BOOTSTRAP_SERVERS": servers.kafka_bootstrap}

        def run(verb: str) -> str:
            command = [sys.executable, "-m", "local_stack", verb, "--folder", folder]
            done = subprocess.run(
                command, cwd=ROOT, env={**os.environ, **there}, capture_output=True, text=True, check=True, timeout=120
            )
            return done.stdout

        up = run("up")
        try:
            assert "Gateway: http" in up
            started = {line.split()[0] for line in up.splitlines() if " ready in " in line}
            assert {"identity", "gateway", "cases"} <= started
            assert not {"postgres", "kafka"} & started
        finally:
            run("down")
        servers.check()  # raises if one of them is gone
