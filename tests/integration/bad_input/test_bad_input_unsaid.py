# SPDX-License-Identifier: EUPL-1.2
"""After all that was bad: nobody has written it down. It comes last of its folder, by its name."""

import pytest

from .knocking import MARK
from .scene import Scene

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_no_log_and_no_span_repeats_what_was_bad(scene: Scene) -> None:
    """All bad values of these tests carry one mark."""
    files = [*(scene.stack.layout.state / "logs").glob("*.log"), *(scene.stack.layout.run / "spans").glob("*")]
    assert len(files) > 10
    told = [file.name for file in files if MARK.encode() in file.read_bytes()]
    assert told == []


async def test_no_process_ended_over_what_was_bad(scene: Scene) -> None:
    scene.stack.check()
    await scene.unharmed()
