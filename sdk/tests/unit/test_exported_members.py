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
    "Window",
    "check_folder",
    "check_receipts",
    "is_away",
    "load_entries",
]
OFFICE = {
    "acknowledge", "amend", "approve", "approve_together", "ask", "certificate", "complete", "demand", "facts_of",
    "fetch", "inbox", "issue", "office", "open", "promise_kept", "refresh", "refuse", "reinstate", "renew", "reopen",
    "request", "resolve", "revoke", "set_other", "suspend", "transfer_out", "undo_transfer", "verify_offline", "who",
    "window",
}  # fmt: skip
APPLICANT = {"case", "handle", "open_case", "plan", "take_offer", "withdraw"}
CITIZEN = {"all_receipts", "check", "confirm_code", "decide", "preview", "previews", "receipts"} | APPLICANT


def public(thing: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(thing) if not name.startswith("_")}


def test_the_exported_names_are_those_that_were_promised() -> None:
    assert tongban.__all__ == NAMES
    assert all(hasattr(tongban, name) for name in NAMES)


def test_an_office_and_a_citizen_can_do_what_was_promised() -> None:
    assert public(tongban.Office) == OFFICE
    assert public(tongban.Citizen) == CITIZEN
    assert public(tongban.Window) == APPLICANT
