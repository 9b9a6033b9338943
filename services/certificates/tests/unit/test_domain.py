# SPDX-License-Identifier: EUPL-1.2
"""The rules: operations by the table, what may be issued, what may be shown."""

from datetime import UTC, date, datetime
from typing import Any, get_args

import pytest

from certificates import domain
from certificates.domain import Certificate, FieldRule, Holder, Operation, Order, Standing, Status, TypeRule
from certificates.errors import (
    ClaimsInvalid,
    ListExpired,
    NotInPowerList,
    TransitionNotAllowed,
    TypeUnknown,
    VersionChanged,
)

TODAY = date(2026, 11, 24)
BEFORE = (None, "01", "02", "03", "04", "05", "06", "07", "99")
# The rows of the domain's table that are open to callers and the clock; a dot is a refusal. Columns as in BEFORE.
TABLE = """
new       01 .  .  .  .  .  .  .  .
suspend   .  02 .  .  .  .  .  .  .
expire    .  05 05 .  .  .  .  .  05
cancel    .  04 04 .  .  04 .  .  04
rescind   .  03 03 .  .  03 .  .  03
revoke    .  07 07 .  .  .  .  .  07
reinstate .  .  01 .  .  .  .  .  01
"""
CELLS = [
    (Operation(row.split()[0]), before, after)
    for row in TABLE.strip().splitlines()
    for before, after in zip(BEFORE, row.split()[1:], strict=True)
]


def test_the_table_names_every_operation_and_every_status() -> None:
    assert {operation for operation, _, _ in CELLS} == set(Operation)
    assert set(BEFORE) == {None, *get_args(Status)}
    assert set(domain.FACTS) == set(Operation)


@pytest.mark.parametrize(("operation", "before", "after"), CELLS)
def test_an_operation_does_what_the_table_says(operation: Operation, before: Any, after: str) -> None:
    valid_to = date(2026, 11, 23) if operation is Operation.EXPIRE else None
    if after == ".":
        with pytest.raises(TransitionNotAllowed) as refused:
            domain.transition(operation, before, valid_to=valid_to, today=TODAY)
        assert (refused.value.status, refused.value.code) == (409, "TRANSITION_NOT_ALLOWED")
    else:
        assert domain.transition(operation, before, valid_to=valid_to, today=TODAY) == after


@pytest.mark.parametrize("valid_to", [None, TODAY, date(2027, 1, 1)])
def test_nothing_lapses_before_its_last_day_is_over(valid_to: date | None) -> None:
    with pytest.raises(TransitionNotAllowed):
        domain.transition(Operation.EXPIRE, "01", valid_to=valid_to, today=TODAY)


def test_what_is_over_cannot_be_reinstated() -> None:
    with pytest.raises(TransitionNotAllowed):
        domain.transition(Operation.REINSTATE, "02", valid_to=date(2026, 11, 23), today=TODAY)
    assert domain.transition(Operation.REINSTATE, "02", valid_to=TODAY, today=TODAY) == "01"


def test_a_change_counts_one_fact_more_and_keeps_the_version() -> None:
    standing = Standing("id", "office", "title", "code", 1, 4, "01", None, "licence")
    change = domain.change(standing, Operation.REVOKE, TODAY)
    assert (change.fact, change.before, change.after.status) == ("revoked", "01", "07")
    assert (change.after.event_seq, change.after.version) == (5, 1)


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
    certificate = Certificate(
        "id", "o", "title", 1, "code", Holder("p"), "k", {}, 1, 1, status, "licence", valid_from, valid_to,
        datetime(2026, 1, 1, tzinfo=UTC), "",
    )  # fmt: skip
    assert certificate.shows(TODAY) is shown
