# SPDX-License-Identifier: EUPL-1.2
"""Client library and CLI for the systems of offices.

    async with Office(gateway_url, "licensing", secrets, state, trust_file=trust) as office:
        async for delivery in office.inbox():
            opened = await office.open(delivery)

Everything raises TongbanError subclasses; branch on `.code`.
"""

from tongban.catalogue_files import check_folder, load_entries
from tongban.citizen import Citizen
from tongban.directory import Directory
from tongban.envelopes import Opened
from tongban.jose import PrivateKey, PublicKey
from tongban.office import Office
from tongban.presentations import Facts
from tongban.problems import NoAnswer, NotBelieved, NotConfigured, Problem, TongbanError, is_away
from tongban.receipts import ReceiptFault, check_receipts
from tongban.trust import Trust
from tongban.window import Window

__all__ = [
    "Citizen",
    "Directory",
    "Facts",
    "NoAnswer",
    "NotBelieved",
    "NotConfigured",
    "Office",
    "Opened",
    "PrivateKey",
    "Problem",
    "PublicKey",
    "ReceiptFault",
    "TongbanError",
    "Trust",
    "Window",
    "check_folder",
    "check_receipts",
    "is_away",
    "load_entries",
]
