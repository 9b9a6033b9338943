# SPDX-License-Identifier: EUPL-1.2
"""What offices may rely on: a name that goes missing here breaks their programs."""

import inspect

import tongban

NAMES = [
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
    "check_folder",
    "check_receipts",
    "is_away",
    "load_entries",
]
OFFICE = {
    "acknowledge", "amend", "approve", "approve_together", "ask", "certificate", "complete", "demand", "facts_of",
    "fetch", "inbox", "issue", "office", "open", "promise_kept", "refresh", "refuse", "reinstate", "renew", "request",
    "resolve", "revoke", "set_other", "suspend", "transfer_out", "undo_transfer", "verify_offline",
}  # fmt: skip
CITIZEN = {"all_receipts", "case", "check", "handle", "open_case", "plan", "receipts", "take_offer", "withdraw"}


def public(thing: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(thing) if not name.startswith("_")}


def test_the_exported_names_are_those_that_were_promised() -> None:
    assert tongban.__all__ == NAMES
    assert all(hasattr(tongban, name) for name in NAMES)


def test_an_office_and_a_citizen_can_do_what_was_promised() -> None:
    assert public(tongban.Office) == OFFICE
    assert public(tongban.Citizen) == CITIZEN
