# SPDX-License-Identifier: EUPL-1.2
"""One file a stage; `door` puts them in order."""

from gateway.pipeline.authenticate import Authenticate
from gateway.pipeline.authorize import Authorize
from gateway.pipeline.door import Door
from gateway.pipeline.forward import Forward
from gateway.pipeline.match import RouteTable
from gateway.pipeline.proofs import UsedProofs
from gateway.pipeline.receipt import Receipts
from gateway.pipeline.records import PREFIX, TOPICS, RecordsDoor

__all__ = [
    "PREFIX",
    "TOPICS",
    "Authenticate",
    "Authorize",
    "Door",
    "Forward",
    "Receipts",
    "RecordsDoor",
    "RouteTable",
    "UsedProofs",
]
