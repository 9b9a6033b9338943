# SPDX-License-Identifier: EUPL-1.2
"""What a demo claims, for the check to recompute."""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

Figure = int | str | list[str]


@dataclass
class Told:
    """The demo's claims. since, until: the moments between which everything counts (until excluded).

    figures: name -> what the demo counted. secrets: texts that must not have passed on the bus in the clear.
    """

    event: str
    since: datetime
    until: datetime | None = None
    case_id: str = ""
    other_cases: list[str] = field(default_factory=list)
    """Cases that don't exist, and that a refused question named."""
    certificate_id: str = ""
    figures: dict[str, Figure] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)

    def save(self, file: Path) -> None:
        """Keep the claims, so that they can be recomputed again as long as the stack's data is there."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(self), default=datetime.isoformat))

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read kept claims."""
        said = json.loads(file.read_text())
        moments = {name: datetime.fromisoformat(said[name]) for name in ("since", "until") if said[name]}
        return cls(**{**said, **moments})

    def contains(self, moment: str) -> bool:
        """Tell whether an RFC 3339 time lies between since and until."""
        at = datetime.fromisoformat(moment)
        return self.since <= at and (self.until is None or at < self.until)
