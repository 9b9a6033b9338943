# SPDX-License-Identifier: EUPL-1.2
"""A field of a type must not have a name that signed copies keep for themselves."""

from typing import Any

import pytest

from contracts.catalogue.check import check

LAND = "11999900000000107N"
SINCE = {"from": "2025-09-01"}


def entries(field: str) -> list[dict[str, Any]]:
    fields = [{"name": name, "type": "text", "sensitivity": "public"} for name in ("number", field)]
    return [
        {"kind": "office", "id": LAND, "name": {"en": "Land", "zh-CN": "x"}, "level": "county", **SINCE},
        {"kind": "power", "id": "PW-1", "office": LAND, "service": "land-register", "action": "attest",
         "type": "title", "law": "A law", **SINCE},
        {"kind": "certificateType", "id": "title", "typeCode": f"{LAND}001", "source": LAND, "holder": "either",
         "category": "register", "key": "number", "via": ["api"], "fields": fields,
         "sharing": {"class": "conditional", "law": "A law"}, **SINCE},
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["iss", "iat", "nbf", "exp", "cnf", "vct", "status", "aud", "sub", "jti", "licenceId", "purpose", "provisional"],
)
def test_a_reserved_name_is_refused_with_its_place(name: str) -> None:
    _good, faults = check(entries(name), test_area=True)
    assert [(fault.pointer, fault.code) for fault in faults] == [
        ("/certificateType/title/fields/1", "NAME_RESERVED"),
    ]


def test_any_other_name_is_free() -> None:
    assert check(entries("place"), test_area=True)[1] == []
