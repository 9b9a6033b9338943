# SPDX-License-Identifier: EUPL-1.2
"""The use cases of certificates, one class each; read `issuing` first, then `sharing`, `answering` and `previewing`."""

from certificates.service.alias_book import AliasBook
from certificates.service.amending import Amending, Meant
from certificates.service.answering import Answering, NoOfficeKey, Prepared
from certificates.service.breathing import breathing
from certificates.service.changing import Changing
from certificates.service.credentials import Credentials
from certificates.service.issuing import Issuing, Writer
from certificates.service.judging import Judging, Received
from certificates.service.keys import Keys
from certificates.service.previewing import Previewing, Withdrawn
from certificates.service.proving import Proving
from certificates.service.reading import Errand, Moment, Reading
from certificates.service.rulebook import Rulebook
from certificates.service.serials import Serials
from certificates.service.sharing import Sharing
from certificates.service.snapshots import Snapshots
from certificates.service.telling import SHARE_CHANNEL
from certificates.service.verifying import Verifying
from certificates.service.writing import ToIssue, write_issues

__all__ = [
    "SHARE_CHANNEL",
    "AliasBook",
    "Amending",
    "Answering",
    "Changing",
    "Credentials",
    "Errand",
    "Issuing",
    "Judging",
    "Keys",
    "Meant",
    "Moment",
    "NoOfficeKey",
    "Prepared",
    "Previewing",
    "Proving",
    "Reading",
    "Received",
    "Rulebook",
    "Serials",
    "Sharing",
    "Snapshots",
    "ToIssue",
    "Verifying",
    "Withdrawn",
    "Writer",
    "breathing",
    "write_issues",
]
