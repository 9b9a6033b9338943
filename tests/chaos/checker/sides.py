# SPDX-License-Identifier: EUPL-1.2
"""Receipts: every exchange has every side that the contract's table calls for, with equal hashes; chains are whole.

What is due is read from the services' own rows and envelopes, never from the receipts themselves.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from checker.breach import Breach, Invariant, grouped
from checker.rows import Kept, Receipt, Run

NAME: Final = Invariant.RECEIPT_SIDES
DIRECTORY: Final = "directory"
OWN_CASE: Final = "own-case"
MINT_ALIAS: Final = "mint-alias"
JOINED: Final = frozenset({"asker", "gate", "delivery"})
"""Sides that always belong to an exchange which the services know of."""

REFUSED_AT_GATE: Final = [("gate", "refused"), ("gateway", "pending"), ("gateway", "refused")]


@dataclass(frozen=True)
class Due:
    """What one exchange calls for. sides: (side, decisions that will do). envelope: digest of what was sealed."""

    exchange_id: str
    sides: Sequence[tuple[str, frozenset[str]]]
    envelope: str | None = None


def receipt_sides(run: Run) -> Iterator[Breach]:
    """Each exchange has its sides, once each, with equal hashes; nothing has receipts that never was."""
    dues = {due.exchange_id: due for due in (*_evidence(run), *_turned_away(run), *_shares(run), *_tasks(run))}
    seen = grouped(run.receipts, lambda receipt: receipt.exchange_id)
    for exchange_id, due in dues.items():
        yield from _compare(due, seen.get(exchange_id, []))
    others = {
        name: receipts for name, receipts in seen.items() if name not in dues and name not in run.history.injected
    }
    at_door = {name: receipts for name, receipts in others.items() if any(one.side == "gateway" for one in receipts)}
    yield from _at_door(run, at_door)
    for exchange_id, receipts in others.items():
        sides = {receipt.side for receipt in receipts}
        if exchange_id not in at_door and sides & JOINED and not _demand(receipts):
            yield Breach(NAME, exchange_id, f"receipts of an exchange that never was: {', '.join(sorted(sides))}")
    yield from _counted(run)


def _evidence(run: Run) -> Iterator[Due]:
    """Requests that the gate let through: who asked, gate, holder, delivery."""
    asked_by_cases = {need.exchange_id for need in run.needs}
    answers = {event.key: event for event in run.events if event.type == "envelope.answer.v1"}
    for asked in run.asked:
        sides: list[tuple[str, frozenset[str]]] = [("gate", frozenset({"pending"}))]
        if asked.exchange_id in asked_by_cases:
            sides.append(("asker", frozenset({"pending"})))
        else:
            sides += [("gateway", frozenset({"pending"})), ("gateway", frozenset({"released", "pending", "refused"}))]
        answer = answers.get(asked.request_id)
        if answer is not None:
            sides += [("holder", _ended(answer.attributes)), ("delivery", frozenset({"released", "refused", "empty"}))]
        if asked.state in ("expired", "withdrawn"):
            sides.append(("gate", frozenset({"refused"})))
        yield Due(asked.exchange_id, sides, answer.digest if answer else None)


def _turned_away(run: Run) -> Iterator[Due]:
    """Asks of cases that the gate refused: a request was never made, both sides say so."""
    known = {asked.exchange_id for asked in run.asked}
    for need in run.needs:
        if need.asked and need.exchange_id not in known and need.state == "refused":
            yield Due(need.exchange_id, [("asker", frozenset({"pending"})), ("gate", frozenset({"refused"}))])


def _shares(run: Run) -> Iterator[Due]:
    for event in run.events:
        if event.type == "envelope.share.v1":
            sides = [("holder", frozenset({"released"})), ("delivery", frozenset({"released"}))]
            yield Due(event.attributes["exchangeid"], sides, event.digest)


def _tasks(run: Run) -> Iterator[Due]:
    for event in run.events:
        if event.type == "envelope.task.v1":
            sides = [("asker", frozenset({"released"})), ("delivery", frozenset({"released"}))]
            yield Due(event.attributes["exchangeid"], sides, event.digest)


def _at_door(run: Run, exchanges: Mapping[str, Sequence[Receipt]]) -> Iterator[Breach]:
    """Exchanges that offices began and the gate refused: pending, the gate's refusal, the outcome.

    A gateway that dies in between leaves its `pending` alone, for the ledger to tell; the client then asks in another
    exchange. So each client that got its answer has one exchange with all three.
    """
    whole = 0
    for exchange_id, receipts in exchanges.items():
        sides = sorted((one.side, one.decision) for one in receipts)
        whole += sides == REFUSED_AT_GATE
        if not Counter(sides) <= Counter(REFUSED_AT_GATE) or ("gateway", "pending") not in sides:
            yield Breach(NAME, exchange_id, f"a refused exchange has {sides}")
        if len({one.request_hash for one in receipts}) > 1:
            yield Breach(NAME, exchange_id, "the sides don't agree on what was asked")
    answered = sum(request.kind == "ask" and request.outcome == "failed" for request in run.history.requests)
    if whole < answered:
        yield Breach(NAME, "gateway", f"{answered} asks were refused, {whole} exchanges have every side")


def _ended(attributes: object) -> frozenset[str]:
    answered = isinstance(attributes, dict) and attributes.get("outcome") == "answered"
    return frozenset({"released"}) if answered else frozenset({"refused", "empty"})


def _compare(due: Due, receipts: Sequence[Receipt]) -> Iterator[Breach]:
    left = list(receipts)
    for side, decisions in due.sides:
        found = next((one for one in left if one.side == side and one.decision in decisions), None)
        if found is None:
            yield Breach(NAME, due.exchange_id, f"no {side} receipt ({' or '.join(sorted(decisions))})")
        else:
            left.remove(found)
    if left:
        yield Breach(NAME, due.exchange_id, f"too many receipts: {', '.join(sorted(one.side for one in left))}")
    asked = {one.request_hash for one in receipts if one.request_hash is not None}
    if len(asked) > 1:
        yield Breach(NAME, due.exchange_id, "the sides don't agree on what was asked")
    sealed = {one.envelope_digest for one in receipts if one.envelope_digest is not None}
    if due.envelope is not None and sealed != {due.envelope}:
        yield Breach(NAME, due.exchange_id, "the sides don't agree on the envelope")


def _demand(receipts: Sequence[Receipt]) -> bool:
    """A demand on the applicant has its gate receipt alone."""
    return [receipt.purpose for receipt in receipts] == ["proof-demand"]


def _counted(run: Run) -> Iterator[Breach]:
    """Exchanges whose id stands nowhere else: their receipts are counted against what was done."""
    by_writer = Counter(one.writer for one in run.receipts if one.side == "holder" and one.purpose == DIRECTORY)
    holdings = Counter(event.source for event in run.events if event.topic == "certificates.holding.v1")
    for source in by_writer.keys() | holdings.keys():
        if by_writer[source] != holdings[source]:
            yield Breach(NAME, source, f"{holdings[source]} holdings, {by_writer[source]} receipts of them")
    looks = [request for request in run.history.requests if request.kind == "look"]
    views = sum(one.side == "view" and one.purpose == OWN_CASE for one in run.receipts)
    if views < sum(request.outcome == "ok" for request in looks):
        yield Breach(NAME, "view", f"{len(looks)} looks at own cases, {views} receipts of them")
    minted = sum(one.side == "identity" and one.purpose == MINT_ALIAS for one in run.receipts)
    if minted < sum(run.aliases.values()):
        yield Breach(NAME, "identity", f"{sum(run.aliases.values())} aliases are kept, {minted} receipts of them")


def receipt_chains(run: Run) -> Iterator[Breach]:
    """Each person's chain at each writer is 1..n, and every link names the commitment before it."""
    linked = [kept for kept in run.ledger if kept.subject_key is not None]
    for (writer, key), links in grouped(linked, lambda kept: (kept.receipt.writer, str(kept.subject_key))).items():
        links.sort(key=lambda kept: kept.chain_seq or 0)
        numbers = [kept.chain_seq for kept in links]
        if numbers != list(range(1, len(links) + 1)):
            yield Breach(Invariant.RECEIPT_CHAINS, f"{writer} {key[:8]}", f"not 1..n: {numbers[:20]}")
        else:
            yield from _links(writer, links)


def _links(writer: str, links: Sequence[Kept]) -> Iterator[Breach]:
    before: str | None = None
    for kept in links:
        if kept.previous != before:
            yield Breach(Invariant.RECEIPT_CHAINS, kept.receipt.receipt_id, f"{writer}: not linked to the one before")
        before = kept.subject_commit
