# SPDX-License-Identifier: EUPL-1.2
"""This service's contract events, built from domain objects."""

from uuid import UUID

from certificates.domain import Certificate, Change, FactType, Preview, ShareTask, Status
from contracts import topics
from contracts.base import rfc3339
from contracts.certificates.api import Fact, Holding
from contracts.envelopes import Answer
from kit.events import Event


def issued(certificate: Certificate) -> Event:
    """The fact that a certificate was issued; with case and task where a task asked for it.

    An organisation that the task founded by it is named.
    """
    ids = {"caseid": certificate.case_id, "taskid": certificate.task_id}
    return _fact(
        "issued",
        Fact(
            certificate_id=certificate.id,
            version=certificate.version,
            office=certificate.office,
            type=certificate.type,
            type_code=certificate.type_code,
            status=certificate.status,
            provisional=certificate.provisional is not None,
            organisation=certificate.holder.organisation if certificate.founds else None,
            case_id=certificate.case_id,
            task_id=certificate.task_id,
        ),
        certificate.event_seq,
        {name: value for name, value in ids.items() if value is not None},
    )


def changed(change: Change) -> Event:
    """The fact that a certificate's status or content changed; with case and task where a task asked for it."""
    after = change.after
    ids = {"caseid": change.case_id, "taskid": change.task_id}
    fact = Fact(
        certificate_id=after.id,
        version=after.version,
        office=after.office,
        type=after.type,
        type_code=after.type_code,
        status=after.status,
        provisional=after.provisional,
        case_id=change.case_id,
        task_id=change.task_id,
    )
    return _fact(change.fact, fact, after.event_seq, {name: value for name, value in ids.items() if value is not None})


def _fact(kind: FactType, fact: Fact, event_seq: int, ids: dict[str, str]) -> Event:
    return Event(
        topic=topics.CERTIFICATE,
        key=fact.certificate_id,
        type=f"certificates.certificate.{kind}.v1",
        data=fact.wire_bytes(),
        keyseq=event_seq,
        attributes={"office": fact.office, "status": fact.status, **ids},
    )


def holding(certificate: Certificate, task: ShareTask, status: Status, person: str | None) -> Event:
    """What the directory may know. person: a fresh alias for the platform; None for an organisation.

    keyseq is the fact's number: on a compacted topic it must rise, and may skip.
    """
    body = Holding(
        certificate_id=certificate.id,
        type=certificate.type,
        office=certificate.office,
        version=task.version,
        status=status,
        valid_from=certificate.valid_from,
        valid_to=certificate.valid_to,
        person=person,
        organisation=certificate.holder.organisation,
    )
    return Event(
        topic=topics.HOLDING,
        key=certificate.id,
        type=f"certificates.holding.{task.fact}.v1",
        data=body.wire_bytes(),
        keyseq=task.event_seq,
    )


def share_sent(
    event_id: UUID, consumer: str, share_id: str, seq: int, envelope: str, exchange_id: str, grant_id: str
) -> Event:
    """A sealed share on its way to the office that is granted it."""
    return Event(
        topic=topics.envelope_topic(consumer),
        key=share_id,
        type="envelope.share.v1",
        data=envelope.encode("ascii"),
        keyseq=seq,
        id=event_id,
        attributes={"exchangeid": exchange_id, "grantid": grant_id},
    )


def answer_sent(
    event_id: UUID,
    asker: str,
    envelope: str,
    exchange_id: str,
    answer: Answer,
    *,
    preview: Preview | None = None,
    keyseq: int = 1,
) -> Event:
    """A sealed answer on its way to the office that asked. preview: what it waits for; another answer follows then.

    keyseq: 1 for the first answer of a request, 2 for the one after its preview.
    """
    attributes = {"exchangeid": exchange_id, "outcome": answer.outcome}
    if answer.code is not None:
        attributes["code"] = answer.code
    if preview is not None:
        attributes |= {"previewid": preview.id, "previewuntil": rfc3339(preview.until)}
    return Event(
        topic=topics.envelope_topic(asker),
        key=answer.request_id,
        type="envelope.answer.v1",
        data=envelope.encode("ascii"),
        keyseq=keyseq,
        id=event_id,
        attributes=attributes,
    )
