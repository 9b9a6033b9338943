# SPDX-License-Identifier: EUPL-1.2
"""Tax: hears of every food licence, as far as it was granted to: number and place.

python -m example_offices.tax --gateway URL --secrets DIR --trust FILE --state DIR [--once]
"""

import argparse
import json
from pathlib import Path

from contracts.envelopes import Share
from contracts.exchange_bus import Delivery
from example_offices import program
from example_offices.program import Say
from tongban import NotBelieved, Office


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


class Desk:
    """Takes shares, in order per licence."""

    def __init__(self, office: Office, licences: Licences, say: Say) -> None:
        self._office, self._licences, self._say = office, licences, say

    async def take(self, delivery: Delivery) -> None:
        """Open and verify one share and note it. What can't be believed changes nothing."""
        try:
            share = (await self._office.open(delivery)).body
            if not isinstance(share, Share):
                self._say(f"{delivery.kind} put aside: not a share")
                return
            claims = self._claims(share)
        except NotBelieved as why:
            self._say(f"delivery put aside: {why.code}")
            return
        known = self._licences.note(share, claims)
        named = ", ".join(f"{name} {value}" for name, value in sorted(known.items()) if name != "status")
        self._say(f"{share.type} {share.fact}, status {share.status} ({named}), under grant {share.grant_id}")

    def _claims(self, share: Share) -> dict[str, str]:
        """Give what the share discloses; a suspended licence discloses nothing."""
        if share.presentation is None:
            return {}
        facts = self._office.verify_offline(share.presentation, issuer=share.office, type_name=share.type)
        return {name: str(value) for name, value in facts.claims.items()}


async def work(office: Office, given: argparse.Namespace) -> None:
    """Take shares, until told to stop."""
    desk = Desk(office, Licences(given.state / "licences.json"), program.say)
    await program.take_all(office, given, desk.take)


def main() -> None:
    """Run the program."""
    program.run("tax-office", program.options("Hear of food licences."), work)


if __name__ == "__main__":
    main()
