# SPDX-License-Identifier: EUPL-1.2
"""What the demo prints, live, for a person who reads along."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from contracts.ledger import ReceiptView
from contracts.topics import RECEIPT
from local_stack.demo.bus import Seen
from local_stack.demo.told import Told


class Screen:
    """Prints. names: office (USCC) -> what people call it. receiver: sealed text -> (office, use of its key)."""

    def __init__(self, names: Mapping[str, str], began: datetime, console: Console | None = None) -> None:
        self._names = names
        self._began = began
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._sealed_to: Mapping[str, tuple[str, str]] = {}

    def know_keys(self, keys: Mapping[str, tuple[str, str]]) -> None:
        """Learn whose key has which kid, to say to whom something is sealed."""
        self._sealed_to = keys

    def point(self, number: int, title: str) -> None:
        """Begin one of the seven points."""
        self._console.print()
        self._console.rule(f"[bold]{number}. {title}", align="left")

    def say(self, text: str) -> None:
        """Tell in a sentence what happens."""
        self._console.print(f"  {text}")

    def program(self, name: str, line: str) -> None:
        """Show what an office's program printed."""
        self._console.print(f"  [cyan]{name:>9}[/] | {escape(line)}")

    def refusal(self, who: str, what: str, code: str, status: int) -> None:
        """Show a refusal with its code."""
        self._console.print(f"  [red]{status} {code}[/]  {who}: {what}")

    def bus(self, seen: Seen, kid: str | None) -> None:
        """Show a record that passed on the bus: who wrote it, to whom it is sealed, how long it took to get there."""
        if seen.topic == RECEIPT:
            return  # there are many; they are counted at the end
        record = seen.record
        at = (record.time - self._began).total_seconds()
        what = record.type.removesuffix(".v1")
        office = record.source.split("/")[2]
        sealed = "[dim]in the clear, ids and states only[/]"
        if kid is not None:
            to, use = self._sealed_to.get(kid, ("?", "?"))
            sealed = f"[green]sealed to {self.name(to)}[/] ({use} key, {seen.size} bytes)"
        self._console.print(
            f"  [dim]+{at:7.3f} s bus[/] {what:<34} {seen.writer} ({self.name(office)}) -> {seen.topic}  {sealed}  "
            f"[dim]{seen.waited_ms:.0f} ms to the bus[/]"
        )

    def name(self, office: str) -> str:
        """Give what people call an office."""
        return self._names.get(office, office)

    def receipts(self, who: str, receipts: Sequence[ReceiptView], before: int) -> None:
        """Show a person's receipts of this demo, one row an exchange; before: how many older ones her list has."""
        table = Table(title=f"Who looked at the data of {who}", title_justify="left", header_style="bold")
        table.add_column("after", justify="right", no_wrap=True)
        table.add_column("what happened")
        table.add_column("receipts of every side, verified")
        exchanges: dict[str, list[ReceiptView]] = {}
        for view in sorted(receipts, key=lambda one: one.leaf.time):
            exchanges.setdefault(view.leaf.exchange_id, []).append(view)
        for views in exchanges.values():
            after = (views[0].leaf.time - self._began).total_seconds()
            sides = [f"{one.leaf.side} {'yes' if one.verified else 'NO'}" for one in views]
            table.add_row(f"{after:.2f} s", escape(self._story(views)), ", ".join(sides))
        self._console.print(table)
        if before:
            self.say(f"and {before} older receipts, all verified as well")

    def hops(self, hops: Sequence[tuple[str, float]]) -> None:
        """Show how long each hop took."""
        table = Table(title="How long each hop took", title_justify="left", header_style="bold")
        table.add_column("hop")
        table.add_column("ms", justify="right")
        for name, took_ms in hops:
            table.add_row(name, f"{took_ms:.0f}")
        self._console.print(table)

    def summary(self, told: Told) -> None:
        """Show the demo's figures."""
        table = Table(title="In figures", title_justify="left", show_header=False)
        for name, value in told.figures.items():
            shown = ", ".join(self.name(one) for one in value) if isinstance(value, list) else str(value)
            table.add_row(name, shown)
        self._console.print(table)

    def verdict(self, differences: Sequence[str]) -> None:
        """Show what the check found."""
        for difference in differences:
            self._console.print(f"  [red]differs[/]  {escape(difference)}")
        good = "[green]demo-check: every figure was recomputed from the databases and topics, and agrees[/]"
        self._console.print(good if not differences else f"[red]demo-check: {len(differences)} differences[/]")

    def _story(self, views: Sequence[ReceiptView]) -> str:
        """Tell one exchange in a sentence, from the receipt that says most."""
        leaf = max((view.leaf for view in views), key=lambda one: (bool(one.type), bool(one.provider), bool(one.asker)))
        asker = f"{self.name(leaf.asker.office)} ({leaf.asker.system})" if leaf.asker else "she herself"
        provider = f" <- {self.name(leaf.provider)}" if leaf.provider else ""
        what = f": {leaf.type}" if leaf.type else ""
        fields = f" ({', '.join(leaf.fields)})" if leaf.fields else ""
        basis = leaf.legal_basis.kind + (f", {leaf.legal_basis.entry}" if leaf.legal_basis.entry else "")
        ends = [view.leaf.code or view.leaf.decision for view in views if view.leaf.decision != "pending"]
        return f"{asker}{provider}{what}{fields}; {leaf.purpose} by {basis}: {ends[-1] if ends else 'pending'}"
