# SPDX-License-Identifier: EUPL-1.2
"""What a certificate says, and what may be issued at all. Pure; days are UTC."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

from certificates.domain.operations import Status
from certificates.errors import ClaimsInvalid, FieldError, ListExpired, NotInPowerList, TypeUnknown

MAX_INTEGER: Final = 2**53 - 1  # RFC 7493: what every reader of JSON keeps exactly
SERIALS_A_DAY: Final = 999_999
"""Six digits: what one type of one office may issue on a day."""

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DECIMAL = re.compile(r"-?(0|[1-9]\d{0,17})(\.\d{1,9})?", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose it is: `subject`, the office's own pseudonym of a person, or `organisation`, a USCC; exactly one."""

    subject: str | None = None
    organisation: str | None = None

    @property
    def key(self) -> str:
        """The one that is there: what certificates are looked up by."""
        return self.subject or self.organisation or ""


@dataclass(frozen=True, slots=True)
class FieldRule:
    """A field of a type: its form, and for texts the most characters."""

    name: str
    form: Literal["text", "code", "date", "integer", "decimal", "holderRef"]
    max_length: int


@dataclass(frozen=True, slots=True)
class TypeRule:
    """A certificate type in force. key: the claim that, with office, type and holder, names one certificate.

    grace_days: how long after its last day a certificate may still be renewed.
    """

    name: str
    version: int
    type_code: str
    holders: Literal["person", "organisation", "either"]
    key: str
    fields: tuple[FieldRule, ...]
    grace_days: int = 0


@dataclass(frozen=True, slots=True)
class Provisional:
    """Given on a promise: it is valid, and the promise is checked until a day (included)."""

    conditions: tuple[str, ...]
    check_by: date


@dataclass(frozen=True, slots=True)
class Former:
    """The certificate of another office that one comes from by transfer."""

    office: str
    certificate_id: str


@dataclass(frozen=True, slots=True)
class Order:
    """What an office wants issued.

    founds: a task makes the holder, a new organisation, by it. ruling: the review or court decision that allows a new
    certificate after one that ended. former: whom it was transferred from.
    """

    office: str
    type: str
    holder: Holder
    claims: Mapping[str, Any]
    valid_from: date
    valid_to: date | None
    provisional: Provisional | None = None
    case_id: str | None = None
    task_id: str | None = None
    founds: bool = False
    ruling: str | None = None
    former: Former | None = None


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate, its latest version unless told. event_seq: how many facts it has. issued_at: of this version.

    credential: the office's own copy; format: the format module that signed it, empty before that and when read.
    status_text: what status 99 means. case_id, task_id: where a task asked for the first version.
    """

    id: str
    office: str
    type: str
    type_version: int
    type_code: str
    holder: Holder
    natural_key: str
    claims: Mapping[str, Any]
    version: int
    event_seq: int
    status: Status
    licence_id: str
    valid_from: date
    valid_to: date | None
    issued_at: datetime
    credential: str
    case_id: str | None = None
    task_id: str | None = None
    provisional: Provisional | None = None
    founds: bool = False
    ruling: str | None = None
    former: Former | None = None
    status_text: str | None = None
    format: str = ""

    def shows(self, today: date) -> bool:
        """Tell whether its content may be shown as true: status 01, inside its validity (both days included)."""
        return self.status == "01" and self.valid_from <= today and (self.valid_to is None or today <= self.valid_to)


def check_listed(rule: TypeRule | None, *, known: bool, powered: bool) -> TypeRule:
    """Give the rule by which the office may issue. known: the catalogue has the type, in force or not.

    Raises TypeUnknown, ListExpired, NotInPowerList, in this order.
    """
    if rule is None:
        raise ListExpired if known else TypeUnknown
    if not powered:
        raise NotInPowerList(type=rule.name)
    return rule


def check_order(order: Order, rule: TypeRule, today: date) -> str:
    """Check holder, claims and validity against the type; give the natural key.

    Claims are exactly the type's fields. Raises ClaimsInvalid with every wrong field.
    """
    errors = [*_holder_errors(order.holder, rule), *_claim_errors(order.claims, rule.fields), *_dates(order, today)]
    if errors:
        raise ClaimsInvalid(errors)
    return str(order.claims.get(rule.key, ""))


def check_successor(order: Order, former: Certificate, today: date, *, renews: bool) -> None:
    """Check the next version of *former*: it takes effect at once, and a renewal lasts longer.

    The former version lapses with it, so a later start would leave a gap. Raises ClaimsInvalid.
    """
    if order.valid_from > max(today, former.valid_from):
        raise ClaimsInvalid([FieldError("/validFrom", "LATER_THAN_TODAY")])
    if not renews or order.valid_to is None:
        return
    if former.valid_to is None or order.valid_to <= former.valid_to:
        raise ClaimsInvalid([FieldError("/validTo", "NOT_LONGER")])


def _holder_errors(holder: Holder, rule: TypeRule) -> list[FieldError]:
    given = [name for name, value in (("person", holder.subject), ("organisation", holder.organisation)) if value]
    if len(given) != 1:
        return [FieldError("/holder", "EXACTLY_ONE", "Name a person or an organisation.")]
    if rule.holders not in ("either", given[0]):
        return [FieldError("/holder", "HOLDER_KIND", f"This type is for: {rule.holders}.")]
    return []


def _claim_errors(claims: Mapping[str, Any], fields: Sequence[FieldRule]) -> list[FieldError]:
    names = {field.name for field in fields}
    extra = [FieldError("/claims", "EXTRA_FORBIDDEN", "A claim is not a field of the type.")]
    missing = [FieldError(f"/claims/{f.name}", "MISSING") for f in fields if f.name not in claims]
    wrong = [
        FieldError(f"/claims/{f.name}", f"NOT_{f.form.upper()}")
        for f in fields
        if f.name in claims and not _fits(claims[f.name], f)
    ]
    return [*(extra if claims.keys() - names else []), *missing, *wrong]


def _fits(value: object, field: FieldRule) -> bool:
    if field.form == "integer":
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_INTEGER
    if not isinstance(value, str) or not 0 < len(value) <= field.max_length or _CONTROL.search(value):
        return False
    match field.form:
        case "code":
            return _CODE.fullmatch(value) is not None
        case "decimal":  # a text, so that no reader's floating point changes an amount
            return _DECIMAL.fullmatch(value) is not None
        case "date":
            return _is_day(value)
        case _:
            return True


def _is_day(value: str) -> bool:
    try:
        return _DATE.fullmatch(value) is not None and date.fromisoformat(value) is not None
    except ValueError:
        return False


def _dates(order: Order, today: date) -> list[FieldError]:
    late = order.provisional is not None and order.provisional.check_by < today
    errors = [FieldError("/provisional/checkBy", "PAST")] if late else []
    if order.valid_to is None:
        return errors
    if order.valid_to < order.valid_from:
        return [*errors, FieldError("/validTo", "BEFORE_VALID_FROM")]
    return [*errors, FieldError("/validTo", "PAST")] if order.valid_to < today else errors
