# SPDX-License-Identifier: EUPL-1.2
"""The catalogue: who may issue what, ask what, obtain what and by when, as signed, dated data."""

from contracts.catalogue.entries import (
    ENTRY_MODELS,
    Calendar,
    CertificateType,
    Demand,
    Entry,
    Grant,
    LifeEvent,
    LifeEventStep,
    Manifest,
    Need,
    Office,
    Power,
    Proof,
    Responsibility,
    parse_entry,
)
from contracts.catalogue.view import Catalogue

__all__ = [
    "ENTRY_MODELS",
    "Calendar",
    "Catalogue",
    "CertificateType",
    "Demand",
    "Entry",
    "Grant",
    "LifeEvent",
    "LifeEventStep",
    "Manifest",
    "Need",
    "Office",
    "Power",
    "Proof",
    "Responsibility",
    "parse_entry",
]
