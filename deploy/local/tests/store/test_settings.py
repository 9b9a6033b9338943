# SPDX-License-Identifier: EUPL-1.2
"""What the runner sets and what the services read are the same words."""

import subprocess
import sys
from pathlib import Path

import pytest

from local_stack.account import environment, ordinary
from local_stack.environment import Surroundings
from local_stack.keys import Keyring
from local_stack.layout import Layout
from local_stack.table import DEPLOYMENTS, Process, processes


@pytest.mark.parametrize("process", processes("laptop"), ids=lambda process: process.name)
def test_each_service_accepts_the_settings_that_it_is_given(process: Process, tmp_path: Path) -> None:
    layout = Layout(tmp_path, tmp_path)
    Keyring(layout, ordinary()).make()
    ports = {one.name: {"public": 7000 + n, "internal": 8000 + n} for n, one in enumerate(processes("laptop"))}
    around = Surroundings(layout, "laptop", ports, "127.0.0.1:5432", "127.0.0.1:9092", spans=True)
    done = subprocess.run(
        [sys.executable, "-m", DEPLOYMENTS[process.deployment].package, "check-config"],
        env=environment(around.of(process)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
