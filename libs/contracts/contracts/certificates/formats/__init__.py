# SPDX-License-Identifier: EUPL-1.2
"""Credential formats. Pure: keys and signatures come in as callbacks. Import from here and from nowhere below.

Each draft of a standard is a module of its own and keeps its constants to itself; a new draft is a new module beside
it, until no credential of the old one is valid. `CURRENT` names the module in use; the issued row remembers it.
"""

from contracts.certificates.formats.jws_rfc7515 import FormatRefused, KeyOf, Signer
from contracts.certificates.formats.sdjwt_rfc9901 import Names, disclosed, present, sd_hash
from contracts.certificates.formats.sdjwtvc_d26 import RESERVED, Verified, bind, issue, verify

CURRENT = "sdjwtvc_d26"

__all__ = [
    "CURRENT",
    "RESERVED",
    "FormatRefused",
    "KeyOf",
    "Names",
    "Signer",
    "Verified",
    "bind",
    "disclosed",
    "issue",
    "present",
    "sd_hash",
    "verify",
]
