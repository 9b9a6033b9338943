# SPDX-License-Identifier: EUPL-1.2
"""Previews: a person sees at the holder what would go, before it goes, and decides piece by piece.

Doors of the certificates service, for a citizen's token that was exchanged for that service and office: its `sub` is
what the holder calls her, so nobody else finds her previews. A look is a receipt of side `view`.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from contracts.base import Code, Id, Model, OfficeCode, StepRef, SystemId, Timestamp

PreviewState = Literal["waiting", "opened", "released", "declined", "expired"]


class PreviewAt(Model):
    """Where a person looks at what would go, before it goes: at the holder, through the gateway.

    `deployment`: system id of the certificates service, the audience of the token that she looks with.
    """

    preview_id: Id
    deployment: SystemId
    open_until: Timestamp


class PreviewHead(Model):
    """A preview without what is in it. `until`: when it ends, unless she opens (waiting) or decides (opened)."""

    preview_id: Id
    state: PreviewState
    office: OfficeCode
    """Who holds it."""
    asker: OfficeCode
    type: Code
    purpose: Code
    legal_basis: Literal["request", "law", "consent"]
    case_id: Id
    step: StepRef
    until: Timestamp


class Previews(Model):
    """`GET /v1/previews`: the caller's own that wait for her, the oldest first."""

    previews: list[PreviewHead]


class PreviewItem(Model):
    """One piece: a field of the certificate by its name, and its value."""

    id: Code
    value: Any


class Preview(PreviewHead):
    """`GET /v1/previews/{id}`: what would go. Once it is over there are no items any more."""

    items: list[PreviewItem]


class PieceDecision(Model):
    """Whether one piece may go."""

    id: Code
    accept: bool


class DecidePreview(Model):
    """`POST /v1/previews/{id}/decision`, `Idempotency-Key` due: every piece once. It counts once."""

    items: Annotated[list[PieceDecision], Field(min_length=1, max_length=64)]


class PreviewDecided(Model):
    """201: what was released to the asker. `declined`: nothing of it."""

    preview_id: Id
    state: Literal["released", "declined"]
    released: list[Code]
