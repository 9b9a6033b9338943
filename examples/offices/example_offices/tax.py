# SPDX-License-Identifier: EUPL-1.2
"""Tax: registers businesses and takes new addresses; hears of licences, as far as it was granted to.

python -m example_offices.tax --gateway URL --secrets DIR --trust FILE --state DIR [--once]
"""

import json
from datetime import date
from pathlib import Path

from contracts.envelopes import Share, Task
from example_offices import listening
from example_offices.desk import Hear
from example_offices.program import Say
from example_offices.registering import Book, lines
from example_offices.rules import (
    SELF,
    Evidence,
    Paper,
    Refused,
    all_answered,
    business,
    consented,
    new_address,
    numbered,
    text_input,
)
from example_offices.serving import serve
from tongban import Office


def registration(task: Task, evidence: Evidence, day: date) -> list[Paper]:
    """Open-restaurant/r3: whoever has a business licence is registered, with the account that taxes are paid from."""
    all_answered(task)
    if not text_input(task, "bankAccount"):
        raise Refused("INPUT_MISSING", "a bank account is missing")
    return [Paper({"holder": SELF, "number": numbered("SW", task), "place": str(business(evidence)["place"])})]


def address(task: Task, evidence: Evidence, day: date) -> list[Paper]:
    """Move-home/h10: the registration takes the new address."""
    return [Paper({"place": new_address(task, evidence)})]


LICENCES = frozenset({"food-licence", "business-licence"})
"""Types whose fields are public: they may stand in this program's log and file."""


class Licences:
    """What is known of each licence, by share id: the one name that all news of it come under."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, dict[str, str]] = json.loads(file.read_text()) if file.exists() else {}

    def note(self, share: Share, claims: dict[str, str]) -> dict[str, str]:
        """Take news in; gives what is known now. Fields that this news doesn't bring stay."""
        known = self._known.get(share.share_id, {}) | claims | {"status": share.status}
        self._known[share.share_id] = known
        part = self._file.with_suffix(".part")
        part.write_text(json.dumps(self._known))
        part.replace(self._file)
        return known


def listener(office: Office, state: Path, say: Say) -> Hear:
    """Verify each share and note it, if it is of a licence. A suspended licence discloses nothing."""
    licences, others = Licences(state / "licences.json"), listening.listener(office, state, say)

    def hear(share: Share) -> None:
        if share.type not in LICENCES:
            others(share)
            return
        claims: dict[str, str] = {}
        if share.presentation is not None:
            facts = office.verify_offline(share.presentation, issuer=share.office, type_name=share.type)
            claims = {name: str(value) for name, value in facts.claims.items()}
        known = licences.note(share, claims)
        named = ", ".join(f"{name} {value}" for name, value in sorted(known.items()) if name != "status")
        say(f"{share.type} {share.fact}, status {share.status} ({named}), under grant {share.grant_id}")

    return hear


RULES = {"open-restaurant/r3": registration, "move-home/h10": address, "marriage/m5-tax": consented}
BOOKS = [Book("tax-registration", "tax.yaml", lines("number"))]


def main() -> None:
    """Run the program."""
    purpose = "Register businesses; hear of licences."
    serve("tax-office", purpose, books=BOOKS, rules=RULES, listener=listener)


if __name__ == "__main__":
    main()
