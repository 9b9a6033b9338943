# SPDX-License-Identifier: EUPL-1.2
"""The checker of chaos runs: pure functions over what a run left behind. One file a group of invariants."""

from collections.abc import Sequence

from checker.accepted import accepted_is_stored, one_answer, one_licence, state_is_history, stored_was_asked
from checker.breach import Breach, Check, Invariant
from checker.bus import bus_is_stored, keyseq_whole, stored_is_on_bus
from checker.effects import effect_once
from checker.quiet import nothing_waits
from checker.rows import Run
from checker.sides import receipt_chains, receipt_sides

CHECKS: Sequence[Check] = (
    accepted_is_stored,
    stored_was_asked,
    stored_is_on_bus,
    bus_is_stored,
    effect_once,
    keyseq_whole,
    receipt_sides,
    receipt_chains,
    one_answer,
    one_licence,
    state_is_history,
    nothing_waits,
)

__all__ = ["CHECKS", "Breach", "Invariant", "Run", "check"]


def check(run: Run) -> list[Breach]:
    """Give every breach of every invariant; [] is the only good answer."""
    return [breach for one in CHECKS for breach in one(run)]
