# SPDX-License-Identifier: EUPL-1.2
"""The register: which call each operation makes, for which version, under which key."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from contracts.certificates.api import Certificate
from tongban import NotBelieved

Answers = Callable[..., Any]
MARKET = "1199990000000006XB"
FROM = date(2026, 11, 24)
CLAIMS = {"number": "1"}
OPERATIONS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "suspend": ("suspensions", {"reason": "r"}, {"reason": "r"}),
    "reinstate": ("reinstatements", {"reason": "r"}, {"reason": "r"}),
    "revoke": ("revocations", {"reason": "r", "ending": "rescind"}, {"reason": "r", "ending": "rescind"}),
    "transfer_out": ("transfers", {"reason": "r"}, {"reason": "r"}),
    "undo_transfer": ("transfer-reversals", {"reason": "r"}, {"reason": "r"}),
    "set_other": ("others", {"text": "t"}, {"reason": "t"}),
    "amend": ("amendments", {"claims": CLAIMS, "valid_from": FROM}, {"claims": CLAIMS, "validFrom": "2026-11-24"}),
    "renew": ("renewals", {"claims": CLAIMS, "valid_from": FROM}, {"claims": CLAIMS, "validFrom": "2026-11-24"}),
}


@pytest.fixture(autouse=True)
def deployment(country: Any) -> None:
    """The deployment that answers for market regulation."""
    country.system("certificates-1", MARKET, [MARKET], "certificates")


def held(new_id: Callable[[], str], **more: Any) -> dict[str, Any]:
    return Certificate.model_validate(
        {
            "certificate_id": new_id(), "version": 3, "office": MARKET, "type": "fire-check", "type_version": 1,
            "licence_id": "1.2.156", "status": "01", "claims": CLAIMS, "valid_from": FROM, "credential": "a.b.c~",
            "issued_at": datetime(2026, 11, 24, tzinfo=UTC), **more,
        }
    ).wire()  # fmt: skip


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_an_operation_names_its_version_and_keeps_its_key(
    country: Any, answered: Answers, new_id: Any, operation: str
) -> None:
    door, arguments, body = OPERATIONS[operation]
    one = new_id()
    country.answers = [answered({"certificateId": one, "version": 3, "licenceId": "1.2", "status": "01"}, 201)]
    async with country.office() as office:
        await getattr(office, operation)(one, 3, key="mine", **arguments)
    [sent] = country.calls(f"/v1/certificates/{one}/{door}")
    assert (sent.headers["if-match"], sent.headers["idempotency-key"]) == ('"3"', "mine")
    assert json.loads(sent.body) == body


async def test_a_read_may_ask_for_a_day_and_for_what_was_known(country: Any, answered: Answers, new_id: Any) -> None:
    country.answers = [answered(held(new_id))]
    async with country.office() as office:
        await office.certificate("x", purpose="p", as_of=FROM, recorded_at=datetime(2026, 11, 25, 8, tzinfo=UTC))
    [sent] = country.calls("/v1/certificates/x")
    assert sent.path.endswith("?asOf=2026-11-24&recordedAt=2026-11-25T08%3A00%3A00.000Z")


async def test_a_kept_promise_leaves_everything_but_the_mark(country: Any, answered: Answers, new_id: Any) -> None:
    promise = {"conditions": ["p"], "check_by": FROM}
    standing = held(new_id, provisional=promise, valid_to=date(2027, 1, 1))
    one = standing["certificateId"]
    changed = {"certificateId": one, "version": 4, "licenceId": "1.2", "status": "01"}
    country.answers = [answered(standing), answered(changed, 201), answered(held(new_id))]
    async with country.office() as office:
        await office.promise_kept(one, purpose="fire-check", reason="inspected", key="k")
        with pytest.raises(NotBelieved, match="NO_PROMISE"):
            await office.promise_kept("other", purpose="fire-check", reason="inspected")
    [sent] = country.calls(f"/v1/certificates/{one}/amendments")
    assert json.loads(sent.body) == {
        "claims": CLAIMS, "validFrom": "2026-11-24", "validTo": "2027-01-01", "reason": "inspected",
    }  # fmt: skip
    assert sent.headers["if-match"] == '"3"'
