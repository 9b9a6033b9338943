# SPDX-License-Identifier: EUPL-1.2
"""What a case cost and saved, counted from its rows. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from cases.domain.records import Need, Step


@dataclass(frozen=True)
class Counts:
    """Figures of one case (meanings: `contracts.cases.CaseReport`)."""

    offices: int
    steps: int
    longest_chain: int
    visits: int
    deemed_steps: int
    commitments: int
    documents_not_asked: int


def count(steps: Sequence[Step], needs: Sequence[Need]) -> Counts:
    """Count over the steps of a case and all their needs, those that another took the place of included."""
    done = [s for s in steps if s.state == "done"]
    touched = {s.office for s in steps if s.task_id is not None} | {n.holder for n in needs if n.holder is not None}
    return Counts(
        offices=len(touched),
        steps=len(done),
        longest_chain=_longest(done),
        visits=len({(s.visit, s.visit_on) for s in steps if s.visit_on is not None}),
        deemed_steps=sum(s.deemed for s in done),
        commitments=sum(s.mode == "commitment" for s in done),
        documents_not_asked=sum(n.state == "answered" for n in needs),
    )


def _longest(done: Sequence[Step]) -> int:
    """Give how many of *done* stand in the longest row in which each waited for the one before."""
    after = {s.name: s.after for s in done}
    length: dict[str, int] = {}
    waiting = list(after)
    while waiting:  # the catalogue lets no circle in, so each round places at least one
        for name in [n for n in waiting if all(a in length or a not in after for a in after[n])]:
            length[name] = 1 + max((length.get(a, 0) for a in after[name]), default=0)
        left = [n for n in waiting if n not in length]
        if left == waiting:
            break
        waiting = left
    return max(length.values(), default=0)
