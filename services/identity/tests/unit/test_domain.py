# SPDX-License-Identifier: EUPL-1.2
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from cryptography.exceptions import InvalidTag

from identity.domain import PLATFORM, Connections, Master, office_of_scope, session_end
from identity.service import Vault

MARKET = "1199990000000006XB"
HEALTH = "11999900000000035X"
TAX = "119999000000000941"
NUMBER = "999900199302180578"
PERSON = UUID("01999999-0000-7000-8000-000000000001")


def test_two_parties_call_one_person_by_names_that_share_nothing() -> None:
    master = Master(bytes(32))
    names = {master.name(party, PERSON).pseudonym for party in (PLATFORM, MARKET, HEALTH)}
    assert len(names) == 3
    assert all(len(name) == 43 for name in names)


def test_a_party_calls_one_person_by_the_same_name_for_ever() -> None:
    assert Master(bytes(32)).name(MARKET, PERSON) == Master(bytes(32)).name(MARKET, PERSON)


def test_another_master_key_gives_other_names_and_hashes() -> None:
    one, other = Master(bytes(32)), Master(bytes([1] * 32))
    assert one.name(MARKET, PERSON) != other.name(MARKET, PERSON)
    assert one.number_hash(NUMBER) != other.number_hash(NUMBER)
    assert one.sealing_key != other.sealing_key


def test_a_short_master_key_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Master(b"short")


def test_an_unknown_number_stands_for_the_same_nobody_each_time_and_for_no_other() -> None:
    master = Master(bytes(32))
    assert master.decoy(NUMBER) == master.decoy(NUMBER)
    assert master.decoy(NUMBER) != master.decoy("999900198908220138")
    assert master.decoy(NUMBER).bytes not in master.number_hash(NUMBER)


def test_a_number_at_rest_cannot_be_read_without_the_key_nor_moved_to_another_person() -> None:
    vault = Vault(bytes(32))
    sealed = vault.seal(NUMBER, PERSON)
    assert NUMBER.encode() not in sealed
    assert vault.open(sealed, PERSON) == NUMBER
    assert vault.seal(NUMBER, PERSON) != sealed
    with pytest.raises(InvalidTag):
        vault.open(sealed, uuid4())
    with pytest.raises(InvalidTag):
        Vault(bytes([1] * 32)).open(sealed, PERSON)


CONNECTIONS = Connections.between(served={MARKET}, pairs=[(HEALTH, MARKET)])


@pytest.mark.parametrize(
    ("from_", "to", "connected"),
    [
        (TAX, PLATFORM, True),
        (PLATFORM, MARKET, True),
        (PLATFORM, TAX, False),
        (HEALTH, MARKET, True),
        (MARKET, HEALTH, True),
        (HEALTH, TAX, False),
        (TAX, TAX, True),
        (PLATFORM, PLATFORM, True),
    ],
)
def test_a_person_is_named_only_between_parties_that_the_lists_connect(from_: str, to: str, connected: bool) -> None:
    assert CONNECTIONS.connected(from_, to) is connected


@pytest.mark.parametrize(
    ("scope", "office"),
    [
        (f"office:{MARKET}", MARKET),
        (f"office:{MARKET} office:{HEALTH}", None),
        (f"office:{MARKET} openid", None),
        (f"office:{MARKET}\n", None),
        ("office:platform", None),
        ("office:*", None),
        (MARKET, None),
        ("", None),
    ],
)
def test_a_scope_names_one_office_and_nothing_else(scope: str, office: str | None) -> None:
    assert office_of_scope(scope) == office


def test_a_token_never_outlives_what_it_was_made_from() -> None:
    now = datetime(2026, 10, 1, tzinfo=UTC)
    assert session_end(now, 300) == int(now.timestamp()) + 300
    assert session_end(now, 300, now + timedelta(seconds=40)) == int(now.timestamp()) + 40
    assert session_end(now, 300, now + timedelta(hours=1)) == int(now.timestamp()) + 300
