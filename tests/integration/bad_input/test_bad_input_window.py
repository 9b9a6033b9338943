# SPDX-License-Identifier: EUPL-1.2
"""At the counter: what a clerk mistypes or tries out changes nothing, and tells nothing about anybody."""

from typing import Any

import pytest

from ..conftest import MARKET, PERSONAS  # noqa: TID252 - what the folder above gives to all its tests
from .knocking import MARK, Knock
from .scene import Scene

pytestmark = pytest.mark.asyncio(loop_scope="package")

ORDER = {"number": PERSONAS["shop-owner"], "code": "47110815", "clerk": "k-17"}
OPEN = Knock("POST", "/v1/window-sessions", ORDER)
CODE = Knock("POST", "/v1/confirm-codes", {"office": MARKET}, who="shop-owner")


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/code", MARK),
        ("/code", "4711081"),
        ("/code", "47110815\n"),
        ("/code", "４７１１０８１５"),
        ("/code", 47110815),
        ("/code", ["47110815"]),
        ("/code", ...),
        ("/number", MARK),
        ("/number", ...),
        ("/clerk", MARK + " "),
        ("/clerk", "k" * 65),
        ("/clerk", ...),
        ("/office", MARK),
        ("/subject", MARK),
    ],
)
async def test_a_malformed_order_opens_no_window(scene: Scene, pointer: str, value: Any) -> None:
    document = await scene.refuses(OPEN.saying(pointer, value), 400, "INVALID_REQUEST")
    assert [error["pointer"] for error in document["errors"]] == [pointer]


@pytest.mark.parametrize("office", [MARK, "", 7, None, ["1199990000000006XB"], ...])
async def test_a_code_for_no_office_is_not_made(scene: Scene, office: Any) -> None:
    await scene.refuses(CODE.saying("/office", office), 400, "INVALID_REQUEST")


async def test_a_wrong_code_and_an_unknown_number_are_told_apart_by_nobody(scene: Scene) -> None:
    assert (await scene.knock(CODE)).status == 201
    tries = [OPEN, OPEN.saying("/number", "999900195001010079"), OPEN.saying("/number", PERSONAS["waitress"])]
    documents = [await scene.refuses(one, 403, "CONFIRM_CODE_WRONG") for one in tries]
    assert len({repr({**one, "instance": ""}) for one in documents}) == 1
    assert len({len(repr(one)) for one in documents}) == 1


async def test_only_the_right_kind_of_caller_comes_to_either_side_of_the_counter(scene: Scene) -> None:
    await scene.refuses(OPEN.but(who="shop-owner"), 403, "FORBIDDEN")
    await scene.refuses(CODE.but(who="licensing"), 403, "FORBIDDEN")
    for one in (OPEN, CODE):
        await scene.refuses(one.but(who=None), 401, "TOKEN_INVALID")
        await scene.refuses(one.but(method="GET", body=None), 405, "METHOD_NOT_ALLOWED")
