# SPDX-License-Identifier: EUPL-1.2
from typing import Any

import pytest

from contracts.identity import OfficeRecord, SystemRecord
from identity.service.registrations import record_errors
from kit.jose import PrivateKey

DATA_OFFICE = "119999000000002030"
MARKET = "1199990000000006XB"
KEY, OTHER = PrivateKey.generate(), PrivateKey.generate()


def entry(key: PrivateKey = KEY, use: str = "sig", **changes: Any) -> dict[str, Any]:
    return {"kid": key.kid, "use": use, "jwk": key.public.jwk(), "from": "2026-01-01T00:00:00Z", **changes}


def system(**changes: Any) -> SystemRecord:
    record = {"systemId": "licensing", "operator": MARKET, "offices": [MARKET], "role": "office", "keys": [entry()]}
    return SystemRecord.model_validate({**record, **changes})


def office(name: str, *keys: dict[str, Any]) -> OfficeRecord:
    return OfficeRecord.model_validate({"office": name, "keys": list(keys)})


def codes(record: SystemRecord | OfficeRecord) -> list[tuple[str, str]]:
    return [(error.pointer, error.code) for error in record_errors(record)]


def test_a_good_record_has_no_errors() -> None:
    assert codes(system()) == []
    assert codes(office(MARKET, entry(KEY, "answering"), entry(OTHER, "inbox"))) == []
    assert codes(office("platform", entry(KEY, "answering"))) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"keys": [entry(jwk=KEY.jwk())]}, ("/keys/0/jwk", "KEY_INVALID")),
        ({"keys": [entry(jwk={"kty": "oct", "k": "c2VjcmV0"})]}, ("/keys/0/jwk", "KEY_INVALID")),
        ({"keys": [entry(jwk={"kty": "RSA", "n": "AQAB", "e": "AQAB"})]}, ("/keys/0/jwk", "KEY_INVALID")),
        ({"keys": [entry(kid="mine")]}, ("/keys/0/kid", "KID_INVALID")),
        ({"keys": [entry(), entry(OTHER, kid=KEY.kid)]}, ("/keys/1/kid", "KID_INVALID")),
        ({"keys": [entry(), entry()]}, ("/keys/1/kid", "STATED_TWICE")),
        ({"keys": [entry(to="2025-01-01T00:00:00Z")]}, ("/keys/0/to", "ENDS_BEFORE_IT_BEGINS")),
        ({"keys": [entry(use="token")]}, ("/keys/0/use", "USE_INVALID")),
        ({"keys": [entry(use="enc")]}, ("/keys/0/use", "USE_INVALID")),
        ({"offices": []}, ("/offices", "OPERATOR_MISSING")),
        ({"role": "certificates", "offices": []}, ("/offices", "EMPTY")),
        ({"systemId": "bootstrap"}, ("/systemId", "RESERVED")),
        ({"systemId": "platform"}, ("/systemId", "RESERVED")),
    ],
)
def test_a_wrong_record_is_refused_with_the_place_of_its_fault(
    changes: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert expected in codes(system(**changes))


def test_the_platform_as_a_party_issues_nothing() -> None:
    assert ("/keys", "USE_INVALID") in codes(office("platform", entry(KEY, "issuing")))


def test_all_faults_are_named_at_once() -> None:
    faulty = system(offices=[], keys=[entry(use="token"), entry(OTHER, kid="x")])
    assert {code for _place, code in codes(faulty)} == {"USE_INVALID", "KID_INVALID", "OPERATOR_MISSING"}
