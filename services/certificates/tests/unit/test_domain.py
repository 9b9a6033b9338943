# SPDX-License-Identifier: EUPL-1.2
"""The rules: operations by the table, what may be issued, what may be shown."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from certificates import domain
from certificates.domain import (
    Certificate,
    Circumstances,
    FieldRule,
    Holder,
    Operation,
    Order,
    Provisional,
    Standing,
    TypeRule,
)
from certificates.errors import (
    ClaimsInvalid,
    ListExpired,
    NotInPowerList,
    TypeUnknown,
    VersionChanged,
)

TODAY = date(2026, 11, 24)


def test_a_change_counts_one_fact_more_and_keeps_the_version() -> None:
    standing = Standing("id", "office", "title", "code", 1, 4, "01", None, "licence")
    change = domain.change(standing, Operation.REVOKE, Circumstances(TODAY))
    assert (change.fact, change.before, change.after.status) == ("revoked", "01", "07")
    assert (change.after.event_seq, change.after.version) == (5, 1)


def test_a_new_version_takes_the_place_of_the_old_one() -> None:
    standing = Standing("id", "office", "title", "code", 1, 4, "02", None, "licence-1", provisional=True)
    following = replace(standing, version=2, licence_id="licence-2", provisional=False)
    change = domain.change(standing, Operation.AMEND, Circumstances(TODAY), successor=following, task_id="t")
    assert (change.fact, change.before, change.left, change.task_id) == ("amended", "02", "05", "t")
    assert change.after == replace(following, status="02", event_seq=5)


def test_a_caller_who_means_another_version_is_told() -> None:
    standing = Standing("id", "office", "title", "code", 2, 4, "01", None, "licence")
    domain.check_version(standing, 2)
    with pytest.raises(VersionChanged) as refused:
        domain.check_version(standing, 1)
    assert refused.value.status == 412


FORMS = ("text", "code", "date", "integer", "decimal", "holderRef")
RULE = TypeRule(
    "title",
    1,
    "11999900000000107N001",
    "person",
    "text",
    tuple(FieldRule(form, form, 20) for form in FORMS),  # type: ignore[arg-type]
)
CLAIMS = {
    "text": "3 Hill Road",
    "code": "living",
    "date": "2026-02-28",
    "integer": 7,
    "decimal": "-12.50",
    "holderRef": "A",
}


def order(**more: Any) -> Order:
    fields = {
        "office": "o",
        "type": "title",
        "holder": Holder("p" * 43),
        "claims": CLAIMS,
        "valid_from": TODAY,
        "valid_to": None,
    }
    return Order(**{**fields, **more})


def test_the_key_field_becomes_the_natural_key() -> None:
    assert domain.check_order(order(), RULE, TODAY) == "3 Hill Road"


def test_every_wrong_claim_is_named_at_once() -> None:
    claims = {"text": "", "code": "a b", "date": "2026-02-29", "integer": 1.0, "decimal": "1,5", "more": 1}
    with pytest.raises(ClaimsInvalid) as refused:
        domain.check_order(order(claims=claims), RULE, TODAY)
    found = {(error.pointer, error.code) for error in refused.value.errors}
    assert found == {
        ("/claims", "EXTRA_FORBIDDEN"),
        ("/claims/holderRef", "MISSING"),
        ("/claims/text", "NOT_TEXT"),
        ("/claims/code", "NOT_CODE"),
        ("/claims/date", "NOT_DATE"),
        ("/claims/integer", "NOT_INTEGER"),
        ("/claims/decimal", "NOT_DECIMAL"),
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("text", value) for value in (None, 7, "x" * 21, "line\x00", ["a"], {"a": 1})),
        *(("date", value) for value in ("2026-2-1", "0000-01-01", "２０２６-01-01", "2026-01-01T00:00:00Z")),
        *(("integer", value) for value in (True, "7", 2**53)),
        *(("decimal", value) for value in (1.5, "1e3", "01.0", "+1", ".5")),
        *(("code", value) for value in ("-x", "x" * 21, "ä")),
    ],
)
def test_a_claim_must_have_its_fields_form(name: str, value: Any) -> None:
    with pytest.raises(ClaimsInvalid) as refused:
        domain.check_order(order(claims={**CLAIMS, name: value}), RULE, TODAY)
    assert [error.pointer for error in refused.value.errors] == [f"/claims/{name}"]


@pytest.mark.parametrize(
    "holder", [Holder(), Holder("p" * 43, "119999000000000198"), Holder(None, "119999000000000198")]
)
def test_the_holder_must_be_one_and_of_the_types_kind(holder: Holder) -> None:
    with pytest.raises(ClaimsInvalid) as refused:
        domain.check_order(order(holder=holder), RULE, TODAY)
    assert refused.value.errors[0].pointer == "/holder"


@pytest.mark.parametrize(
    ("valid_from", "valid_to"), [(date(2026, 12, 1), TODAY), (date(2020, 1, 1), date(2026, 11, 23))]
)
def test_a_validity_that_ends_before_it_starts_or_is_over_is_refused(valid_from: date, valid_to: date) -> None:
    with pytest.raises(ClaimsInvalid) as refused:
        domain.check_order(order(valid_from=valid_from, valid_to=valid_to), RULE, TODAY)
    assert refused.value.errors[0].pointer == "/validTo"


@pytest.mark.parametrize(
    ("valid_from", "valid_to", "renews", "pointer"),
    [
        (date(2026, 11, 25), None, False, "/validFrom"),
        (TODAY, None, False, None),
        (date(2020, 1, 1), None, True, None),
        (TODAY, date(2026, 12, 31), True, "/validTo"),
        (TODAY, date(2027, 1, 1), True, None),
        (TODAY, date(2026, 12, 1), False, None),
    ],
)
def test_a_next_version_takes_effect_at_once_and_a_renewal_lasts_longer(
    valid_from: date, valid_to: date | None, renews: bool, pointer: str | None
) -> None:
    former = certificate(valid_to=date(2026, 12, 31))
    wish = order(valid_from=valid_from, valid_to=valid_to)
    if pointer is None:
        domain.check_successor(wish, former, TODAY, renews=renews)
        return
    with pytest.raises(ClaimsInvalid) as refused:
        domain.check_successor(wish, former, TODAY, renews=renews)
    assert refused.value.errors[0].pointer == pointer


def test_a_promise_is_checked_on_a_day_to_come() -> None:
    domain.check_order(order(provisional=Provisional(("x",), TODAY)), RULE, TODAY)
    with pytest.raises(ClaimsInvalid) as refused:
        domain.check_order(order(provisional=Provisional(("x",), date(2026, 11, 23))), RULE, TODAY)
    assert refused.value.errors[0].pointer == "/provisional/checkBy"


def test_the_lists_decide_who_may_issue() -> None:
    assert domain.check_listed(RULE, known=True, powered=True) is RULE
    with pytest.raises(TypeUnknown):
        domain.check_listed(None, known=False, powered=True)
    with pytest.raises(ListExpired):
        domain.check_listed(None, known=True, powered=True)
    with pytest.raises(NotInPowerList):
        domain.check_listed(RULE, known=True, powered=False)


@pytest.mark.parametrize(
    ("status", "valid_from", "valid_to", "shown"),
    [
        ("01", TODAY, TODAY, True),
        ("01", date(2026, 11, 25), None, False),
        ("01", date(2026, 1, 1), date(2026, 11, 23), False),
        *((status, date(2026, 1, 1), None, False) for status in ("02", "03", "04", "05", "06", "07", "99")),
    ],
)
def test_content_is_shown_only_while_it_is_true(status: Any, valid_from: date, valid_to: Any, shown: bool) -> None:
    assert certificate(status=status, valid_from=valid_from, valid_to=valid_to).shows(TODAY) is shown


def certificate(**more: Any) -> Certificate:
    fields = {
        "id": "id", "office": "o", "type": "title", "type_version": 1, "type_code": "code", "holder": Holder("p"),
        "natural_key": "k", "claims": {}, "version": 1, "event_seq": 1, "status": "01", "licence_id": "licence",
        "valid_from": date(2026, 1, 1), "valid_to": None, "issued_at": datetime(2026, 1, 1, tzinfo=UTC),
        "credential": "",
    }  # fmt: skip
    return Certificate(**{**fields, **more})
