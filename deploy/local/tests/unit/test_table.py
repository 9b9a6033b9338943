# SPDX-License-Identifier: EUPL-1.2
"""The table of processes."""

import pytest

from local_stack.errors import StackError
from local_stack.table import DEPLOYMENTS, graph, in_order, names_of, processes


def test_a_laptop_runs_one_process_per_deployment() -> None:
    assert [process.name for process in processes("laptop")] == list(DEPLOYMENTS)
    assert {process.verb for process in processes("laptop")} == {"run"}


def test_pairs_run_two_of_each_that_matters() -> None:
    assert names_of("pairs", "exchange-bus") == [
        "exchange-bus-serve-1",
        "exchange-bus-serve-2",
        "exchange-bus-work-1",
        "exchange-bus-work-2",
    ]
    assert names_of("pairs", "certificates-2") == ["certificates-2-run-1", "certificates-2-run-2"]
    assert names_of("pairs", "ledger") == ["ledger"]


@pytest.mark.parametrize("profile", ["laptop", "pairs"])
def test_registries_are_seeded_before_anybody_else_starts(profile: str) -> None:
    order = in_order(graph(profile))  # type: ignore[arg-type]
    seeded = order.index("seed")
    for process in processes(profile):  # type: ignore[arg-type]
        first = process.deployment in ("identity", "exchange-bus")
        assert (order.index(process.name) < seeded) == first
    assert order.index("postgres") < order.index("migrations") < order.index(names_of(profile, "identity")[0])  # type: ignore[arg-type]
    assert order[-1] == "door"


def test_two_processes_that_need_each_other_are_refused_by_name() -> None:
    with pytest.raises(StackError, match="NEEDS_CYCLE") as refused:
        in_order({"a": ("b",), "b": ("a",)})
    assert "a -> b" in refused.value.text or "b -> a" in refused.value.text


def test_a_need_that_the_table_does_not_have_is_refused_by_name() -> None:
    with pytest.raises(StackError, match=r"NEEDS_UNKNOWN.*nobody"):
        in_order({"a": ("nobody",)})
