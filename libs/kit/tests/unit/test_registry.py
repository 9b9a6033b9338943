# SPDX-License-Identifier: EUPL-1.2
"""The registry: whose keys count, from when until when, and what a forged record does (attacks A8, A24)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from contracts import signing
from contracts.identity import OfficeKey, OfficeRecord, SystemKey, SystemRecord
from contracts.roles import Role
from kit import tokens
from kit.events import Record
from kit.jose import PrivateKey
from kit.registry import (
    RecordRefused,
    Registered,
    Registry,
    RegistryNotLoaded,
    office_parser,
    sign_record,
    system_parser,
)
from kit.tokens import TokenRefused

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ROOT = PrivateKey.generate()
SIG, NEXT, TOKEN, ENC = (PrivateKey.generate() for _ in range(4))
TAX = "119999000000000941"


def clock() -> datetime:
    return NOW


def key(private: PrivateKey, use: str = "sig", **more: Any) -> SystemKey:
    given = {"from": NOW - timedelta(days=1), **more}
    return SystemKey.model_validate({"kid": private.kid, "use": use, "jwk": private.public.jwk(), **given})


def office_key(private: PrivateKey, use: str, **more: Any) -> OfficeKey:
    given = {"from": NOW - timedelta(days=1), **more}
    return OfficeKey.model_validate({"kid": private.kid, "use": use, "jwk": private.public.jwk(), **given})


def system(
    system_id: str = "tax-office", role: str = "office", keys: list[SystemKey] | None = None, **more: Any
) -> SystemRecord:
    given = {"systemId": system_id, "operator": TAX, "offices": [TAX], "role": role, "keys": keys or [key(SIG)]}
    return SystemRecord.model_validate({**given, **more})


def record(data: bytes, name: str = "tax-office") -> Record:
    return Record("t", 0, 0, name, UUID(int=1), "type", "/zz/o/identity", NOW, 1, {}, data)


class Held:
    """A replica that holds what it is given."""

    def __init__(self, parse: Callable[[Record], Any], *records: tuple[str, bytes]) -> None:
        self.ready = True
        self._values = {name: parse(record(data, name)) for name, data in records}

    def get(self, name: str) -> Any:
        return self._values.get(name)

    def items(self) -> dict[str, Any]:
        return self._values


def registry(*records: SystemRecord | OfficeRecord, now: Callable[[], datetime] = clock) -> Registry:
    systems = [r for r in records if isinstance(r, SystemRecord)]
    offices = [r for r in records if isinstance(r, OfficeRecord)]
    return Registry(
        Held(
            system_parser(ROOT.public, clock),
            *((r.system_id, sign_record(r, ROOT, issuer="identity", now=NOW)) for r in systems),
        ),
        Held(
            office_parser(ROOT.public, clock),
            *((r.office, sign_record(r, ROOT, issuer="identity", now=NOW)) for r in offices),
        ),
        now,
    )


class TestKeysInForce:
    def test_a_system_s_key_is_found_by_its_use(self) -> None:
        known = registry(system(keys=[key(SIG), key(TOKEN, "token")]))
        assert known.key("tax-office", SIG.kid, "sig") == SIG.public
        assert known.key("tax-office", TOKEN.kid, "token") == TOKEN.public
        assert known.key("tax-office", TOKEN.kid, "sig") is None
        assert known.key("tax-office", "unknown", "sig") is None
        assert known.key("land-registry", SIG.kid, "sig") is None

    @pytest.mark.parametrize(
        "more",
        [{"status": "revoked"}, {"from": NOW + timedelta(seconds=1)}, {"to": NOW}, {"to": NOW - timedelta(days=1)}],
    )
    def test_a_key_that_is_revoked_early_or_late_counts_for_nothing(self, more: dict[str, Any]) -> None:
        assert registry(system(keys=[key(SIG, **more)])).key("tax-office", SIG.kid, "sig") is None

    def test_during_the_overlap_both_keys_count(self) -> None:
        known = registry(system(keys=[key(SIG, to=NOW + timedelta(hours=1)), key(NEXT)]))
        assert known.key("tax-office", SIG.kid, "sig") == SIG.public
        assert known.key("tax-office", NEXT.kid, "sig") == NEXT.public

    def test_a_key_ends_with_the_clock(self) -> None:
        later = registry(system(keys=[key(SIG, to=NOW + timedelta(hours=1))]), now=lambda: NOW + timedelta(hours=1))
        assert later.key("tax-office", SIG.kid, "sig") is None

    def test_a24_a_good_token_of_a_revoked_system_is_refused(self) -> None:
        signed = tokens.sign("assertion+jwt", {"iss": "cases", "sub": "cases", "aud": "ledger"}, SIG, now=NOW)
        known = {status: registry(system("cases", "cases", status=status)) for status in ("active", "revoked")}
        how: dict[str, Any] = {"audience": "ledger", "now": NOW}
        read = tokens.verify(signed, signing.ASSERTION, key_of=known["active"].key_of(Role.CASES), **how)
        assert read.iss == "cases"
        with pytest.raises(TokenRefused):
            tokens.verify(signed, signing.ASSERTION, key_of=known["revoked"].key_of(Role.CASES), **how)

    def test_a_look_up_for_a_role_knows_no_other_role_s_keys(self) -> None:
        known = registry(system("cases", "cases"))
        assert known.key_of(Role.CASES)("cases", SIG.kid) == SIG.public
        assert known.key_of()("cases", SIG.kid) == SIG.public
        assert known.key_of(Role.GATEWAY, Role.LEDGER)("cases", SIG.kid) is None

    def test_the_ledger_s_newest_key_seals_receipts(self) -> None:
        keys = [key(ENC, "enc", **{"from": NOW - timedelta(days=9)}), key(NEXT, "enc")]
        assert registry(system("ledger", "ledger", keys)).ledger_key() == NEXT.public
        assert registry(system("cases", "cases", keys)).ledger_key() is None
        assert registry(system("ledger", "ledger", keys, status="revoked")).ledger_key() is None


class TestOffices:
    def test_an_office_has_a_key_for_each_use(self) -> None:
        keys = [office_key(SIG, "answering"), office_key(ENC, "inbox"), office_key(NEXT, "issuing")]
        known = registry(OfficeRecord(office=TAX, keys=keys))
        assert known.office_key(TAX, "answering") == SIG.public
        assert known.office_key(TAX, "inbox") == ENC.public
        assert known.issuing_keys(TAX) == {NEXT.kid: NEXT.public}
        assert known.office_key("1199990000000006XB", "inbox") is None
        assert known.issuing_keys("1199990000000006XB") == {}

    def test_the_platform_s_one_key_answers_to_both_uses(self) -> None:
        known = registry(OfficeRecord(office="platform", keys=[office_key(ENC, "answering")]))
        assert known.office_key("platform", "inbox") == known.office_key("platform", "answering") == ENC.public

    def test_an_issuing_key_verifies_after_its_end_but_not_after_its_revocation(self) -> None:
        ended, revoked = {"to": NOW - timedelta(days=1)}, {"status": "revoked"}
        assert registry(OfficeRecord(office=TAX, keys=[office_key(SIG, "issuing", **ended)])).issuing_keys(TAX)
        assert not registry(OfficeRecord(office=TAX, keys=[office_key(SIG, "issuing", **revoked)])).issuing_keys(TAX)

    def test_a_revoked_office_gets_nothing_sealed_any_more(self) -> None:
        record_ = OfficeRecord(office=TAX, keys=[office_key(ENC, "inbox")], status="revoked")
        assert registry(record_).office_key(TAX, "inbox") is None
        assert registry(record_).office(TAX) is None


class TestRecords:
    def test_what_identity_signs_is_read_back(self) -> None:
        parsed = system_parser(ROOT.public, clock)(record(sign_record(system(), ROOT, issuer="identity", now=NOW)))
        assert isinstance(parsed, Registered)
        assert parsed.record == system()

    @pytest.mark.parametrize(
        "data",
        [
            sign_record(system(), PrivateKey.generate(), issuer="identity", now=NOW),
            sign_record(system("land-registry"), ROOT, issuer="identity", now=NOW),  # under a foreign key
            sign_record(OfficeRecord(office="platform", keys=[]), ROOT, issuer="identity", now=NOW),
            sign_record(system(keys=[key(SIG), key(SIG)]), ROOT, issuer="identity", now=NOW),  # one kid twice
            sign_record(system(), ROOT, issuer="identity", now=NOW + timedelta(minutes=2)),
            tokens.sign("envelope+jwt", {"iss": "identity", "sub": "tax-office", "record": {}}, ROOT, now=NOW).encode(),
            tokens.sign("record+jwt", {"iss": "identity", "sub": "tax-office", "record": {}}, ROOT, now=NOW).encode(),
            tokens.sign("record+jwt", {"iss": "identity", "sub": "tax-office"}, ROOT, now=NOW).encode(),
            b"{}",
            b"\xff\xfe",
            b"",
        ],
        ids=["forged", "foreign", "office", "kid twice", "future", "typ", "empty", "none", "plain", "bytes", "nothing"],
    )
    def test_a_record_that_is_not_what_it_claims_is_refused(self, data: bytes) -> None:
        with pytest.raises(RecordRefused):
            system_parser(ROOT.public, clock)(record(data))

    def test_a_key_whose_kid_is_another_s_is_refused(self) -> None:
        swapped = SystemKey.model_validate({**key(SIG).wire(), "kid": NEXT.kid})
        with pytest.raises(RecordRefused):
            system_parser(ROOT.public, clock)(record(sign_record(system(keys=[swapped]), ROOT, issuer="i", now=NOW)))

    def test_a_signed_record_of_yesterday_does_not_come_back(self) -> None:
        parse = system_parser(ROOT.public, clock)
        old = sign_record(system(), ROOT, issuer="identity", now=NOW - timedelta(days=1))
        assert parse(record(old))
        assert parse(record(sign_record(system(status="revoked"), ROOT, issuer="identity", now=NOW)))
        with pytest.raises(RecordRefused):
            parse(record(old))


def test_before_it_is_loaded_an_unknown_system_is_no_stranger() -> None:
    known = registry(system())
    for table in (known._systems, known._offices):
        table.ready = False  # type: ignore[misc]
    assert known.system("tax-office") is not None
    questions: list[Callable[[], object]] = [
        lambda: known.system("portal"),
        lambda: known.key("portal", SIG.kid, "sig"),
        lambda: known.key_of(Role.OFFICE)("portal", SIG.kid),
        lambda: known.office_key(TAX, "inbox"),
    ]
    for question in questions:
        with pytest.raises(RegistryNotLoaded):
            question()
