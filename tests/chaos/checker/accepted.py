# SPDX-License-Identifier: EUPL-1.2
"""What clients were told against what is stored: nothing accepted is lost, nothing is there that nobody asked for."""

from collections.abc import Iterator
from typing import Any

from checker.breach import Breach, Invariant, grouped, repeated
from checker.rows import Request, Run

LIVE = frozenset({"01", "02"})


def accepted_is_stored(run: Run) -> Iterator[Breach]:
    """Every 2xx has its row: certificate, case, ended task, acknowledged delivery."""
    name = Invariant.ACCEPTED_IS_STORED
    yield from _issued(run)
    cases = {row.case_id for row in run.cases}
    for request in _of(run, "open-case"):
        if request.answers[0]["caseId"] not in cases:
            yield Breach(name, request.id, "an opened case isn't stored")
    ended = {row.task_id for row in run.steps if row.state in ("done", "refused")}
    for request in _of(run, "refuse"):
        if request.facts["taskId"] not in ended:
            yield Breach(name, request.id, "a refused task is still open")
    acknowledged = {row.delivery_id for row in run.deliveries if row.acknowledged}
    for handled in run.history.handled:
        if handled.delivery_id not in acknowledged:
            yield Breach(name, handled.delivery_id, "an acknowledgement isn't stored")


def _issued(run: Run) -> Iterator[Breach]:
    name = Invariant.ACCEPTED_IS_STORED
    certificates = {row.id: row for row in run.certificates}
    for request in _of(run, "issue"):
        found = certificates.get(request.answers[0]["certificateId"])
        if found is None:
            yield Breach(name, request.id, "an issued certificate isn't stored")
        elif (found.type, found.natural_key) != (request.facts["type"], request.facts["naturalKey"]):
            yield Breach(name, request.id, "the stored certificate is another one")
        elif found.licence_id != request.answers[0]["licenceId"]:
            yield Breach(name, request.id, "the stored licence id isn't the one that was answered")


def stored_was_asked(run: Run) -> Iterator[Breach]:
    """Every certificate and case was asked for by a request that was accepted or whose outcome is unknown."""
    name = Invariant.STORED_WAS_ASKED
    wanted = {
        (request.facts["type"], request.facts["naturalKey"]): request
        for request in run.history.requests
        if request.kind == "issue" and request.outcome != "failed"
    }
    for row in run.certificates:
        if (row.type, row.natural_key) not in wanted:
            yield Breach(name, row.id, f"nobody asked for this {row.type}, or was told that there is none")
    opened = [request for request in run.history.requests if request.kind == "open-case"]
    known = {answer["caseId"] for request in opened for answer in request.answers}
    unknown = sum(request.outcome == "unknown" for request in opened)
    extra = sorted({row.case_id for row in run.cases} - known)
    if len(extra) > unknown:
        yield Breach(name, ", ".join(extra[:5]), f"{len(extra)} cases more than answered, {unknown} requests unknown")


def one_answer(run: Run) -> Iterator[Breach]:
    """All answers under one key are the same, and the stored one is it."""
    name = Invariant.ONE_ANSWER
    stored = grouped((row for database in run.databases.values() for row in database.idem), lambda row: row.key)
    for key, rows in stored.items():
        if repeated((row.client, row.key) for row in rows):
            yield Breach(name, key, "two stored answers under one key of a client")
    for request in run.history.requests:
        if request.kind not in ("issue", "open-case") or not request.answers:
            continue
        if any(answer != request.answers[0] for answer in request.answers):
            yield Breach(name, request.id, "a repeat was answered otherwise")
        rows = stored.get(request.key, [])
        if len(rows) != 1:
            yield Breach(name, request.id, f"{len(rows)} stored answers for an accepted request")
        elif not _says(rows[0].response, request.answers[0]):
            yield Breach(name, request.id, "the stored answer isn't the one that was given")


def one_licence(run: Run) -> Iterator[Breach]:
    """No licence twice: natural key among the living, licence id and task among all."""
    name = Invariant.ONE_LICENCE
    living = [row for row in run.certificates if row.status in LIVE]
    for natural in repeated((row.office, row.type, row.holder, row.natural_key) for row in living):
        yield Breach(name, f"{natural[0]} {natural[1]} {natural[3]}", "two living certificates under one natural key")
    for licence_id in repeated(row.licence_id for row in run.certificates):
        yield Breach(name, licence_id, "two certificates with one licence id")
    for _, task_id in repeated((row.office, row.task_id) for row in run.certificates if row.task_id is not None):
        yield Breach(name, str(task_id), "two certificates for one task")


def state_is_history(run: Run) -> Iterator[Breach]:
    """A certificate's facts and status are what the changes in the history lead to; an unknown one may have been."""
    changes = grouped(
        (request for request in run.history.requests if request.kind == "change" and request.outcome != "failed"),
        lambda request: request.facts["certificateId"],
    )
    for row in run.certificates:
        possible = _possible(changes.get(row.id, []))
        if (row.event_seq, row.status) not in possible:
            said = ", ".join(f"{status} after {facts} facts" for facts, status in sorted(possible))
            found = f"{row.status} after {row.event_seq} facts; the history leads to {said}"
            yield Breach(Invariant.STATE_IS_HISTORY, row.id, found)


def _possible(changes: list[Request]) -> set[tuple[int, str]]:
    """Every (number of facts, status) that a certificate can have after *changes*, in order."""
    states = {(1, "01")}
    for change in changes:
        after = {(facts + 1, change.facts["status"]) for facts, _ in states}
        states = after if change.outcome == "ok" else states | after
    return states


def _of(run: Run, kind: str) -> list[Request]:
    return [request for request in run.history.requests if request.kind == kind and request.outcome == "ok"]


def _says(stored: Any, answer: Any) -> bool:
    return all(stored.get(name) == value for name, value in answer.items())
