# SPDX-License-Identifier: EUPL-1.2
"""The use cases of certificates, one class each; read `issuing` first, then `sharing` and `answering`."""

from certificates.service.alias_book import AliasBook
from certificates.service.answering import Answering, NoOfficeKey, Prepared, Received
from certificates.service.breathing import breathing
from certificates.service.changing import Changing
from certificates.service.credentials import Credentials
from certificates.service.issuing import SHARE_CHANNEL, Issuing, ToIssue, Writer, write_issues
from certificates.service.keys import Keys
from certificates.service.reading import Errand, Reading
from certificates.service.rulebook import Rulebook
from certificates.service.serials import Serials
from certificates.service.sharing import Sharing
from certificates.service.verifying import Verifying

__all__ = [
    "SHARE_CHANNEL",
    "AliasBook",
    "Answering",
    "Changing",
    "Credentials",
    "Errand",
    "Issuing",
    "Keys",
    "NoOfficeKey",
    "Prepared",
    "Reading",
    "Received",
    "Rulebook",
    "Serials",
    "Sharing",
    "ToIssue",
    "Verifying",
    "Writer",
    "breathing",
    "write_issues",
]
