# SPDX-License-Identifier: EUPL-1.2
"""An office's register: its certificates, and everything that may be done to them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal
from urllib.parse import urlencode

from contracts import http as names
from contracts.base import Model, rfc3339
from contracts.certificates.api import (
    Amend,
    AmendHeld,
    Certificate,
    ChangeStatus,
    Holder,
    Issue,
    Issued,
    IssuedTogether,
    IssueTogether,
    Provisional,
    TransferredFrom,
)
from contracts.envelopes import Task
from tongban.caller import Caller, read
from tongban.directory import Directory
from tongban.orders import find_order, holder_of, promise, task_key, task_ref
from tongban.problems import NotBelieved, NotConfigured, Problem

Ending = Literal["cancel", "rescind", "revoke"]


class Register(ABC):
    """The certificates of one office, as `Office` calls them.

    Each operation names the version that it means; Problem `VERSION_CHANGED` says that it is another one by now,
    `TRANSITION_NOT_ALLOWED` (with `reason`) that the operation isn't legal as the certificate stands. key: the
    `Idempotency-Key`; keep it to repeat a call whose answer was lost.
    """

    directory: Directory
    _caller: Caller

    @property
    @abstractmethod
    def office(self) -> str:
        """The USCC of the office that operates this system."""

    # ------------------------------------------------------------------ issuing
    async def issue(
        self,
        type_name: str,
        holder: Holder,
        claims: Mapping[str, Any],
        *,
        valid_from: date,
        valid_to: date | None = None,
        provisional: Provisional | None = None,
        ruling: str | None = None,
        transferred_from: TransferredFrom | None = None,
        key: str,
    ) -> Issued:
        """Issue a certificate. claims: exactly the type's fields.

        ruling: the review or court decision that allows a new one after one that ended. transferred_from: the
        certificate of another office that this one takes over.
        """
        order = Issue(
            office=self.office,
            type=type_name,
            holder=holder,
            claims=dict(claims),
            valid_from=valid_from,
            valid_to=valid_to,
            provisional=provisional,
            ruling=ruling,
            transferred_from=transferred_from,
        )
        return await self._send("/v1/certificates", order, key)

    async def approve(
        self,
        task: Task,
        claims: Mapping[str, Any],
        type: str | None = None,  # noqa: A002 - what it is called on the wire
        organisation: str | None = None,
        *,
        valid_from: date,
        valid_to: date | None = None,
        to: str | None = None,
        provisional: Provisional | Sequence[str] | None = None,
        or_new: bool = False,
        ruling: str | None = None,
    ) -> Issued:
        """Approve a task by issuing, or changing, a certificate that it asks for; repeating it changes nothing.

        type, to (the subject's name in the life event): which one, where the task asks for several. organisation: the
        USCC of the organisation that the task founds. provisional: what was promised, where the task says that it is
        given on a promise. Where the task asks for a change, claims are the fields that get another value, in what
        the holder has; or_new: claims are all fields, and where the holder has none yet it is her first. ruling: as in
        `issue`. Raises NotBelieved: TASK_ISSUES_OTHERWISE for one that the task doesn't ask for, or not
        clearly; TASK_FOUNDS_ORGANISATION without a code for what it founds.
        """
        number, ordered = find_order(task, type, to)
        holder, key = holder_of(ordered, organisation), task_key(task, number)
        if ordered.amends:
            change = AmendHeld(
                office=self.office,
                type=ordered.type,
                holder=holder,
                changes=dict(claims),
                valid_from=valid_from,
                valid_to=valid_to,
                task=task_ref(task),
            )
            try:
                return await self._send("/v1/certificates/amendments", change, key)
            except Problem as why:
                # The second: this task made her first one already, and the answer was lost.
                if not or_new or why.code not in ("NOT_FOUND", "TASK_ALREADY_ISSUED"):
                    raise
                key = f"{key}-new"
        order = Issue(
            office=self.office,
            type=ordered.type,
            holder=holder,
            claims=dict(claims),
            valid_from=valid_from,
            valid_to=valid_to,
            provisional=promise(ordered, provisional),
            ruling=ruling,
            task=task_ref(task),
        )
        return await self._send("/v1/certificates", order, key)

    async def approve_together(
        self, task: Task, claims: Sequence[Mapping[str, Any]], *, valid_from: date, valid_to: date | None = None
    ) -> list[Issued]:
        """Approve a task by issuing all that it asks for in one commit, or nothing of it, as a marriage needs.

        claims: for each of the task's orders, in their order. None of them may ask for a change. A Problem
        `TRANSITION_NOT_ALLOWED` says that somebody has one already: then nobody got any.
        """
        orders = [
            Issue(
                office=self.office,
                type=ordered.type,
                holder=holder_of(ordered, None),
                claims=dict(fields),
                valid_from=valid_from,
                valid_to=valid_to,
                provisional=promise(ordered, None),
                task=task_ref(task),
            )
            for ordered, fields in zip(task.issues, claims, strict=True)
        ]
        path, body, key = "/v1/certificates/together", IssueTogether(orders=orders), task_key(task, 1)
        called = await self._caller.call("POST", path, audience=self._deployment(), model=body, key=key)
        return list(read(called, IssuedTogether).certificates)

    # ------------------------------------------------------------------ reading
    async def certificate(
        self,
        certificate_id: str,
        *,
        purpose: str,
        basis: str = "law",
        as_of: date | None = None,
        recorded_at: datetime | None = None,
    ) -> Certificate:
        """Read a certificate of this office; the look is written into the holder's receipts.

        as_of: the version in force on that day. recorded_at: as far as it was known then.
        """
        asked = {"asOf": as_of and as_of.isoformat(), "recordedAt": recorded_at and rfc3339(recorded_at)}
        query = urlencode({name: value for name, value in asked.items() if value is not None})
        answer = await self._caller.call(
            "GET",
            f"/v1/certificates/{certificate_id}" + (f"?{query}" if query else ""),
            audience=self._deployment(),
            headers={names.PURPOSE: purpose, names.LEGAL_BASIS: basis},
        )
        return read(answer, Certificate)

    # ------------------------------------------------------------------ versions
    async def amend(
        self,
        certificate_id: str,
        version: int,
        claims: Mapping[str, Any],
        *,
        valid_from: date,
        valid_to: date | None = None,
        provisional: Provisional | None = None,
        reason: str | None = None,
        key: str | None = None,
    ) -> Issued:
        """Change the content: a new version that says this in full. Without `provisional` it has no mark any more."""
        order = Amend(
            claims=dict(claims), valid_from=valid_from, valid_to=valid_to, provisional=provisional, reason=reason
        )
        return await self._change(certificate_id, "amendments", version, order, key)

    async def renew(
        self,
        certificate_id: str,
        version: int,
        claims: Mapping[str, Any],
        *,
        valid_from: date,
        valid_to: date | None = None,
        provisional: Provisional | None = None,
        reason: str | None = None,
        key: str | None = None,
    ) -> Issued:
        """Renew: a new version that lasts longer. After the last day Problem `GRACE_OVER` once the grace is over."""
        order = Amend(
            claims=dict(claims), valid_from=valid_from, valid_to=valid_to, provisional=provisional, reason=reason
        )
        return await self._change(certificate_id, "renewals", version, order, key)

    async def promise_kept(self, certificate_id: str, *, purpose: str, reason: str, key: str | None = None) -> Issued:
        """Take the mark off what was given on a promise: the check was passed. Raises NotBelieved (`NO_PROMISE`)."""
        held = await self.certificate(certificate_id, purpose=purpose)
        if held.provisional is None:
            raise NotBelieved("NO_PROMISE", "it has no mark")
        return await self.amend(
            certificate_id,
            held.version,
            held.claims,
            valid_from=held.valid_from,
            valid_to=held.valid_to,
            reason=reason,
            key=key,
        )

    # ------------------------------------------------------------------ status
    async def suspend(self, certificate_id: str, version: int, *, reason: str, key: str | None = None) -> Issued:
        """Suspend a certificate that stands at *version*."""
        return await self._change(certificate_id, "suspensions", version, ChangeStatus(reason=reason), key)

    async def reinstate(self, certificate_id: str, version: int, *, reason: str, key: str | None = None) -> Issued:
        """Put a suspended certificate in force again."""
        return await self._change(certificate_id, "reinstatements", version, ChangeStatus(reason=reason), key)

    async def revoke(
        self, certificate_id: str, version: int, *, reason: str, ending: Ending = "revoke", key: str | None = None
    ) -> Issued:
        """End a certificate for good."""
        order = ChangeStatus(reason=reason, ending=ending)
        return await self._change(certificate_id, "revocations", version, order, key)

    async def transfer_out(self, certificate_id: str, version: int, *, reason: str, key: str | None = None) -> Issued:
        """Give a certificate up to another office, which issues it anew (`issue`, transferred_from)."""
        return await self._change(certificate_id, "transfers", version, ChangeStatus(reason=reason), key)

    async def undo_transfer(self, certificate_id: str, version: int, *, reason: str, key: str | None = None) -> Issued:
        """Take a transfer back, while no office took it over."""
        return await self._change(certificate_id, "transfer-reversals", version, ChangeStatus(reason=reason), key)

    async def set_other(self, certificate_id: str, version: int, *, text: str, key: str | None = None) -> Issued:
        """Give it a status of its own (99), that *text* explains. `reinstate` ends it."""
        return await self._change(certificate_id, "others", version, ChangeStatus(reason=text), key)

    # ------------------------------------------------------------------ inside
    async def _change(self, certificate_id: str, what: str, version: int, order: Model, key: str | None) -> Issued:
        path = f"/v1/certificates/{certificate_id}/{what}"
        return await self._send(path, order, key, {"If-Match": f'"{version}"'})

    async def _send(self, path: str, order: Model, key: str | None, headers: Mapping[str, str] | None = None) -> Issued:
        audience = self._deployment()
        answer = await self._caller.call("POST", path, audience=audience, model=order, headers=headers, key=key)
        return read(answer, Issued)

    def _deployment(self) -> str:
        deployment = self.directory.deployment_of(self.office)
        if deployment is None:
            raise NotConfigured("NO_DEPLOYMENT", "no certificates deployment answers for this office")
        return deployment
