# SPDX-License-Identifier: EUPL-1.2
"""What each party calls a person, and that name sealed to the party."""

from collections.abc import Sequence
from uuid import UUID

from contracts.roles import PLATFORM
from identity.domain import Master, PartyName
from identity.errors import NoOfficeKey
from kit import aliases
from kit.errors import Unavailable
from kit.receipts import Subject
from kit.registry import Registry


class Names:
    """Pseudonyms and sealed aliases. Keys of parties come from our replica, imported once, so minting is all CPU."""

    def __init__(self, master: Master, registry: Registry) -> None:
        self._master = master
        self._registry = registry

    def name(self, party: str, person_id: UUID) -> PartyName:
        """Give what *party* calls the person. Keep it (`store.remember_names`) before it leaves."""
        return self._master.name(party, person_id)

    def find_by(self, numbers: Sequence[str]) -> list[bytes]:
        """Give what numbers are looked up by, in their order."""
        return [self._master.number_hash(number) for number in numbers]

    def nobody(self, number: str) -> UUID:
        """Give the id that stands for an unknown number where nobody may notice."""
        return self._master.decoy(number)

    def code_hash(self, person_id: UUID, office: str, code: str) -> bytes:
        """Give what the code of a person for an office is kept as."""
        return self._master.code_hash(person_id, office, code)

    def alias(self, party: str, use: str, person_id: UUID) -> str:
        """Seal the party's name of the person to the party. Raises NoOfficeKey (`NO_OFFICE_KEY`)."""
        key = self._registry.office_key(party, use)
        if key is None:
            raise NoOfficeKey
        return aliases.mint(key, party, self._master.name(party, person_id).pseudonym)

    def receipt_subject(self, party: str, person_id: UUID) -> Subject:
        """Name the person in a receipt about what *party* did. Raises Unavailable while the platform has no key."""
        try:
            return Subject(f"{party}/{person_id}", self.alias(PLATFORM, "answering", person_id))
        except NoOfficeKey:
            raise Unavailable("No receipt can be written yet") from None
