# SPDX-License-Identifier: EUPL-1.2
"""What must hold of demands and grants: each rests on the list before it, and goes no further."""

from collections.abc import Iterator, Sequence

from contracts.catalogue.entries import CertificateType, Demand, Grant, Proof
from contracts.catalogue.faults import Fault, Index, covers, overlap
from contracts.catalogue.list_rules import repeated, unknown


def check_demand(index: Index, entry: Demand) -> Iterator[Fault]:
    """A demand is of a consumer with power, for fields that exist, of a provider that attests them, by offered ways."""
    yield from unknown(index, entry, ["consumer"], entry.consumer, index.offices, "office")
    yield from unknown(index, entry, ["provider"], entry.provider, index.offices, "office")
    yield from unknown(index, entry, ["type"], entry.type, index.types, "type")
    yield from _check_basis(index, entry)
    if entry.consumer in index.offices and not index.has_power(entry.consumer, entry.service):
        yield index.fault(entry, ["service"], "POWER_MISSING", "the consumer has no power over this service")
    wanted = index.types.get(entry.type)
    if wanted is None:
        return
    yield from _check_fields(index, entry, wanted, entry.fields)
    if entry.provider in index.offices and not index.attests(entry.provider, entry.type):
        yield index.fault(entry, ["provider"], "SOURCE_CANNOT_KNOW", f"the provider doesn't attest {entry.type}")
    if wanted.sharing.get("class") == "notShared":
        yield index.fault(entry, ["type"], "NOT_SHARED", "the type isn't shared, by its own law")
    for at, way in enumerate(entry.via):
        if way not in wanted.via:
            yield index.fault(entry, ["via", at], "WAY_NOT_OFFERED", f"the type isn't offered by {way}")


def _check_basis(index: Index, entry: Demand) -> Iterator[Fault]:
    """What is asked for in a case rests on the proof list, step by step; what is only heard of, on the power alone."""
    for at, name in enumerate(entry.steps):
        yield from unknown(index, entry, ["steps", at], name, index.steps, "step")
        step = index.steps.get(name)
        if step is not None and step.service != entry.service:
            yield index.fault(entry, ["steps", at], "SERVICE_DIFFERS", f"the step is of service {step.service}")
        if step is not None and not any(_lists(index, proof, entry, name) for proof in index.proofs):
            detail = "no proof entry lets the consumer ask the provider for this type in this step"
            yield index.fault(entry, ["steps", at], "NO_LEGAL_BASIS", detail)
    if "api" in entry.via and not entry.steps:
        yield index.fault(entry, ["steps"], "STEPS_MISSING", "a demand by api names the steps it is for")


def check_grant(index: Index, entry: Grant) -> Iterator[Fault]:
    """A grant gives no more than its demand asks for, to nobody else, for nothing else and no longer.

    Where the demand has versions, the grant fits each one that counts while the grant does.
    """
    demands = [one for one in index.demands if one.id == entry.demand]
    yield from unknown(index, entry, ["demand"], entry.demand, {one.id for one in demands}, "demand")
    periods = index.holds(entry)
    if not demands or not periods:
        return
    for demand in demands:
        if overlap(index.holds(demand), periods):
            yield from _check_fits(index, entry, demand)
    wanted = index.types.get(entry.type)
    if wanted is not None:
        yield from _check_fields(index, entry, wanted, entry.fields)
    if entry.mode == "onRequest":
        yield from _check_steps(index, entry)
    if not covers([period for demand in demands for period in index.holds(demand)], periods):
        yield index.fault(entry, ["from"], "GRANT_OUTLIVES_DEMAND", "the demand isn't in force for that long")


def _check_fits(index: Index, entry: Grant, demand: Demand) -> Iterator[Fault]:
    """Nothing in the grant goes beyond *demand*."""
    for name in ("consumer", "provider", "type", "purpose"):
        if getattr(entry, name) != getattr(demand, name):
            yield index.fault(entry, [name], "GRANT_DIFFERS", f"the demand says {getattr(demand, name)}")
    for at, field in enumerate(entry.fields):
        if field not in demand.fields:
            yield index.fault(entry, ["fields", at], "GRANT_WIDER", f"the demand doesn't ask for {field}")
    for at, step in enumerate(entry.steps):
        if step not in demand.steps:
            yield index.fault(entry, ["steps", at], "GRANT_WIDER", f"the demand isn't for step {step}")
    way = "event" if entry.mode == "onEvent" else "api"
    if way not in demand.via:
        yield index.fault(entry, ["mode"], "WAY_NOT_ALLOWED", f"{entry.mode} needs `via: {way}` in the demand")


def _check_steps(index: Index, entry: Grant) -> Iterator[Fault]:
    """A grant on request is for steps in which the consumer may ask for the fact, as long as it may."""
    if not entry.steps:
        yield index.fault(entry, ["steps"], "STEPS_MISSING", "a grant on request names the steps it is for")
    for at, step in enumerate(entry.steps):
        asking = [
            proof for proof in index.proofs if _lists(index, proof, entry, step) and proof.legal_basis == entry.basis
        ]
        if not asking:
            detail = "no proof entry lets the consumer ask the provider for this type in this step on this basis"
            yield index.fault(entry, ["steps", at], "PROOF_MISSING", detail)
        elif not covers([period for proof in asking for period in index.holds(proof)], index.holds(entry)):
            detail = f"{asking[0].id} isn't in force for that long"
            yield index.fault(entry, ["steps", at], "GRANT_OUTLIVES_ENTRY", detail)


def _lists(index: Index, proof: Proof, wish: Demand | Grant, step: str) -> bool:
    """Say whether *proof* lets the consumer ask the provider for the type in *step*."""
    known = index.steps.get(step)
    sources = [(source.office, source.type) for source in proof.sources]
    return (
        proof.asked_by == wish.consumer
        and proof.step in (None, step)
        and (known is None or known.service == proof.service)
        and (wish.provider, wish.type) in sources
    )


def _check_fields(
    index: Index, entry: Demand | Grant, wanted: CertificateType, names: Sequence[str]
) -> Iterator[Fault]:
    """Each field exists in the type and is named once."""
    existing = {field.name for field in wanted.fields}
    for at, name in enumerate(names):
        if name not in existing:
            yield index.fault(entry, ["fields", at], "UNKNOWN_FIELD", f"{wanted.id} has no field {name}")
    yield from repeated(index, entry, ["fields"], names)
