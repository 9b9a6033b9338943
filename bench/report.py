# SPDX-License-Identifier: EUPL-1.2
"""Rows as they are measured, and how they are shown."""

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One figure. value: median of `rounds`. floor: the same figure of the bare machinery in the same run.

    cpu: microseconds of processor time an operation, and whose. others: cores that other programs kept busy meanwhile.
    """

    part: str
    name: str
    value: float
    unit: str
    rounds: Sequence[float] = ()
    floor: float | None = None
    floor_name: str = ""
    aim: str = ""
    cpu: str = ""
    floor_cpu: str = ""
    others: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours to the floor's."""
        return self.value / self.floor if self.floor else None


def median_row(part: str, name: str, rounds: Sequence[float], unit: str, **more: object) -> Row:
    """A row whose value is the median of *rounds*."""
    return Row(part, name, statistics.median(rounds), unit, tuple(rounds), **more)  # type: ignore[arg-type]


@dataclass
class Report:
    """Collects rows; prints each part when it is done."""

    head: Mapping[str, str]
    console: Console = field(default_factory=lambda: Console(width=170, highlight=False))
    rows: list[Row] = field(default_factory=list)
    failed: bool = False

    def begin(self) -> None:
        """Print the machine and the command."""
        for name, value in self.head.items():
            self.console.print(f"{name:<12} {value}")

    def add(self, title: str, rows: Sequence[Row]) -> None:
        """Keep and print the rows of one part."""
        self.rows += rows
        table = Table(title=title, title_justify="left", title_style="bold")
        for heading in ("what", "ours", "floor", "ratio", "aim", "CPU us each", "floor's CPU", "others", "note"):
            number = heading in ("ours", "floor", "ratio", "others")
            table.add_column(heading, justify="right" if number else "left", overflow="fold")
        for row in rows:
            table.add_row(*_cells(row))
        self.console.print(table)

    def fail(self, title: str, why: BaseExceptionGroup[Exception]) -> None:
        """Say that a part couldn't be measured; the others can."""
        self.failed = True
        first: BaseException = why
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        self.console.print(f"{title}: not measured: {first}", style="red")

    def write(self, path: Path) -> None:
        """Write all of it as JSON."""
        rows = [_finite({**asdict(row), "ratio": row.ratio}) for row in self.rows]
        text = json.dumps({"head": dict(self.head), "rows": rows}, indent=1, ensure_ascii=False, allow_nan=False)
        path.write_text(text + "\n", "utf-8")


def _finite(value: Any) -> Any:
    """Null for what never came: JSON knows no infinity."""
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def number(value: float) -> str:
    """Three figures, no more: the rest is noise."""
    if not math.isfinite(value):
        return "never"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def _cells(row: Row) -> tuple[str, ...]:
    spread = f" [{number(min(row.rounds))}..{number(max(row.rounds))}]" if len(row.rounds) > 1 else ""
    return (
        row.name,
        f"{number(row.value)} {row.unit}{spread}",
        f"{number(row.floor)} {row.floor_name}".strip() if row.floor is not None else "",
        f"{row.ratio:.2f}" if row.ratio is not None else "",
        row.aim,
        row.cpu,
        row.floor_cpu,
        f"{row.others:.1f}" if row.others is not None else "",
        row.note,
    )
