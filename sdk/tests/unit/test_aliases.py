# SPDX-License-Identifier: EUPL-1.2
"""Whom an alias names: an office reads those that are sealed to it, and no others."""

import pytest

from kit import aliases
from kit import jose as kit_jose
from tongban.envelopes import open_alias
from tongban.jose import PrivateKey
from tongban.problems import NotBelieved

OFFICE, OTHER = "119999000000000198", "119999000000000273"
THEIRS = kit_jose.PrivateKey.generate()
KEY = PrivateKey(THEIRS.jwk())
PERSON = "p" * 43


@pytest.mark.parametrize("wraps", [0, 1, 2])
def test_the_same_person_has_the_same_name_however_often_the_alias_was_sealed(wraps: int) -> None:
    alias = aliases.mint(THEIRS.public, OFFICE, PERSON)
    for _ in range(wraps):
        alias = aliases.wrap(THEIRS.public, OFFICE, alias)
    assert open_alias(alias, {KEY.kid: KEY}, OFFICE) == PERSON


def test_an_alias_for_another_office_names_nobody_here_even_under_a_shared_key() -> None:
    alias = aliases.mint(THEIRS.public, OTHER, PERSON)
    for sealed in (alias, aliases.wrap(THEIRS.public, OFFICE, alias)):
        with pytest.raises(NotBelieved, match="ALIAS_INVALID"):
            open_alias(sealed, {KEY.kid: KEY}, OFFICE)


def test_an_alias_that_is_sealed_to_another_key_can_not_be_opened() -> None:
    alias = aliases.mint(kit_jose.PrivateKey.generate().public, OFFICE, PERSON)
    with pytest.raises(NotBelieved, match="CANNOT_OPEN"):
        open_alias(alias, {KEY.kid: KEY}, OFFICE)


def test_sealing_without_end_is_refused() -> None:
    alias = aliases.mint(THEIRS.public, OFFICE, PERSON)
    for _ in range(3):
        alias = aliases.wrap(THEIRS.public, OFFICE, alias)
    with pytest.raises(NotBelieved, match="ALIAS_INVALID"):
        open_alias(alias, {KEY.kid: KEY}, OFFICE)
