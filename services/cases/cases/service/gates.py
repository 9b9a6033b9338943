# SPDX-License-Identifier: EUPL-1.2
"""An office's demand on the applicant passes the proof gate twice: here by our own lists, then at exchange-bus.

exchange-bus has the last word and writes the receipt. Two gates that go by the same rules and lists never differ for
long: where they do, one of the two has lists that it should not have, or was told something else about the case.
"""

from cases.errors import Refused
from cases.service.parts import Parts
from contracts.exchange_bus import DemandAccepted, DemandProof
from contracts.http import Exchange
from kit import proof_gate
from kit.telemetry import get_logger

log = get_logger()


async def pass_gates(parts: Parts, wish: DemandProof, key: str, exchange: Exchange) -> DemandAccepted:
    """Judge a demand here, hand it to exchange-bus, and raise the alarm where the two differ.

    Raises what exchange-bus raises: the proof gate's refusal (Refused), Unavailable.
    """
    catalogue = parts.catalogue()
    ours = proof_gate.judge(catalogue, proof_gate.Demand.of(wish), parts.clock().date()).code
    try:
        accepted = await parts.exchange_bus.demand(wish, key, exchange)
    except Refused as why:
        if why.code in proof_gate.CODES:  # what else it may refuse is no verdict
            _compare(wish, ours, why.code, catalogue.release)
        raise
    _compare(wish, ours, accepted.code, catalogue.release)
    return accepted


def _compare(wish: DemandProof, ours: str, theirs: str, release: int) -> None:
    if ours != theirs:
        log.error(
            "proof_gates_differ", code=theirs, expected=ours, office=wish.asked_by, step=wish.step, release=release
        )
