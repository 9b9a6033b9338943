# SPDX-License-Identifier: EUPL-1.2
"""What an office does with news that it was granted to hear: it verifies them offline and says what they were."""

from pathlib import Path

from contracts.envelopes import Share
from example_offices.desk import Hear
from example_offices.program import Say
from tongban import Office


def listener(office: Office, _state: Path, say: Say) -> Hear:
    """Say of each share what it is and which fields it brought; their values stay out of the log."""

    def hear(share: Share) -> None:
        fields: list[str] = []
        if share.presentation is not None:
            facts = office.verify_offline(share.presentation, issuer=share.office, type_name=share.type)
            fields = sorted(facts.claims)
        named = f" ({', '.join(fields)})" if fields else ""
        say(f"{share.type} {share.fact}, status {share.status}{named}, under grant {share.grant_id}")

    return hear
