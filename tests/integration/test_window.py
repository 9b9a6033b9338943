# SPDX-License-Identifier: EUPL-1.2
"""The window and the app are one way: the same case, the same answers, the same receipts, and who stood there."""

import asyncio
import re
import textwrap
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import pytest

from contracts.cases import CaseView, Plan
from contracts.certificates.api import Certificate
from contracts.identity import MakeConfirmCode, OpenWindow, WindowSession
from contracts.ledger import ReceiptView
from tongban import Citizen, Office, PrivateKey, Problem, Window
from tongban.applicant import Applicant
from tongban.caller import Caller, read
from tongban.clock import system_clock
from tongban.http import Http
from tongban.tokens import (
    ACCESS_TOKEN,
    TOKEN_EXCHANGE,
    TOKEN_PATH,
    AccessToken,
    SystemTokens,
    prove,
    session_token,
)

from .conftest import LAND, MARKET, PERSONAS, TAX, World, until
from .desk import decide

CLERK: Final = "k-17"
EVENT: Final = "food-licence"
FORM: Final = {"tradeName": "Lotus Noodles"}
GUIDE: Final = Path(__file__).parents[2] / "docs/how-to/serve-at-the-window.md"
PLATFORM: Final = "urn:tongban:zz:platform"
LOOK: Final = "own-case"


@asynccontextmanager
async def window(office: Office, owner: Citizen) -> AsyncIterator[Window]:
    """Let the owner go to an office's window: she tells her number and a code, and nothing else."""
    code = (await owner.confirm_code(office.office)).code
    async with office.window(number=PERSONAS[owner.persona], code=code, clerk=CLERK) as opened:
        yield opened


async def apply(by: Applicant) -> CaseView:
    handle = await by.handle(PERSONAS["cook"])
    return await by.open_case(EVENT, subjects={"staff": [handle]}, data=FORM)


Way = tuple[Plan, CaseView, Certificate]


async def to_the_licence(world: World, by: Applicant, office: Office) -> Way:
    """Go the whole way from the first question to the licence."""
    plan = await by.plan(EVENT, people={"staff": 1})
    case = await decide(office, by, (await apply(by)).case_id, world.folder)
    assert case.state == "completed"
    return plan, case, await certificate_of(office, case)


async def certificate_of(office: Office, case: CaseView) -> Certificate:
    [step] = case.steps
    assert step.certificate_id is not None
    return await office.certificate(step.certificate_id, purpose="own-register")


def without_ids_and_times(way: Way) -> tuple[dict[str, Any], ...]:
    plan, case, certificate = (one.model_dump() for one in way)
    for name in ("case_id", "opened_at", "closed_at"):
        del case[name]
    for step in case["steps"]:
        del step["certificate_id"], step["deadline"]
    for name in ("certificate_id", "licence_id", "issued_at", "credential"):
        del certificate[name]
    del certificate["claims"]["number"]  # made of the task's id
    return plan, case, certificate


OF_ONE_WAY: Final = {
    ("asker", "premises-check"),
    ("asker", "case-task"),
    ("holder", "directory"),
    ("holder", "tax-registration"),
    ("view", "unlisted"),
    ("view", LOOK),
}
"""What a licence leaves behind; whatever else belongs to these exchanges is there once they are verified."""


class Receipts:
    """A person's receipts, read in turns: each gives those of the time since the one before."""

    def __init__(self, owner: Citizen) -> None:
        self._owner, self._since = owner, datetime.now(UTC)

    async def of_one_way(self) -> list[ReceiptView]:
        """Wait until a licence has come as far as the tax office, and everything about it is verified."""

        async def there() -> list[ReceiptView] | None:
            seen = (await self._owner.all_receipts()).receipts
            new = [one for one in seen if one.leaf.time >= self._since and one.leaf.purpose != "own-receipts"]
            whole = {(one.leaf.side, one.leaf.purpose) for one in new} >= OF_ONE_WAY
            return new if whole and all(one.verified for one in new) else None

        new = await until(there, "verified receipts of a licence and of its share")
        self._since = datetime.now(UTC)
        return new


def sides(receipts: list[ReceiptView]) -> tuple[Counter[str], set[str]]:
    """Give what receipts say but for ids, times and who stood at the window: the exchanges, and her looks.

    How often she looks while she waits is up to her.
    """
    exchanges, looks = Counter[str](), set[str]()
    for one in receipts:
        if one.leaf.purpose == "open-window":
            continue
        leaf = one.leaf
        said = [leaf.side, leaf.decision, leaf.purpose, leaf.legal_basis, leaf.type, leaf.fields, leaf.provider]
        said += [leaf.service, leaf.code, leaf.writer, one.step, one.case_id is not None]
        if leaf.purpose == LOOK:
            looks.add(repr(said))
        else:
            exchanges[repr([*said, leaf.asker])] += 1
    return exchanges, looks


async def test_by_app_or_at_the_window_it_is_the_same_way(world: World) -> None:
    await world.registers()
    owner, market = await world.citizen(), await world.office("licensing")
    await world.read_inbox("licensing")  # of earlier tests
    receipts = Receipts(owner)
    await to_the_licence(world, owner, market)  # the first time, names are exchanged too; they are kept
    await receipts.of_one_way()

    by_app = await to_the_licence(world, owner, market)
    of_app = await receipts.of_one_way()
    async with window(market, owner) as at_the_window:
        by_window = await to_the_licence(world, at_the_window, market)
    of_window = await receipts.of_one_way()

    assert without_ids_and_times(by_app) == without_ids_and_times(by_window)
    assert by_app[1].case_id != by_window[1].case_id
    assert sides(of_app) == sides(of_window)
    assert sides(of_app)[1], "she looked"
    # What tells them apart: who acted. It stands in every receipt of the session, for her to read.
    acted = [one for one in of_window if one.leaf.purpose in (LOOK, "open-window")]
    assert {(one.clerk, one.leaf.asker and one.leaf.asker.office) for one in acted} == {(CLERK, MARKET)}
    assert sum(one.leaf.purpose == "open-window" for one in acted) == 1
    assert {one.clerk for one in of_app} == {None}
    view = await owner.all_receipts()
    assert await owner.check(view, trust_file=world.stack.trust_file, state_dir=world.folder / "hers") == []


async def test_whose_number_was_said_at_a_window_reads_who_said_it(world: World) -> None:
    owner, cook, market = await world.citizen(), await world.citizen("cook"), await world.office("licensing")
    async with window(market, owner) as at_the_window:
        await at_the_window.handle(PERSONAS["cook"])

    async def read_by_her() -> bool:
        named = [one for one in (await cook.all_receipts()).receipts if one.leaf.purpose == "make-handle"]
        return any(one.clerk == CLERK and one.leaf.asker and one.leaf.asker.office == MARKET for one in named)

    await until(read_by_her, "a receipt about the cook that names the clerk")


async def test_begun_by_app_and_read_at_the_window_and_withdrawn_by_app_it_is_one_case(world: World) -> None:
    await world.registers()
    owner, market, since = await world.citizen(), await world.office("licensing"), datetime.now(UTC)
    case_id = (await apply(owner)).case_id
    async with window(market, owner) as at_the_window:
        seen = await at_the_window.case(case_id)
        assert (seen.case_id, seen.state) == (case_id, "open")
        ended = await owner.withdraw(case_id)

        async def both_see_the_same() -> bool:
            return await at_the_window.case(case_id) == await owner.case(case_id)

        await until(both_see_the_same, "what was on its way to be counted")
    assert (ended.state, [step.state for step in ended.steps]) == ("withdrawn", ["cancelled"])
    [row] = await world.query("cases", "SELECT count(*) AS n FROM case_file WHERE opened_at >= $1", since)
    assert row["n"] == 1


async def test_what_she_typed_at_home_she_types_nowhere_again(world: World) -> None:
    await world.registers()
    owner, market = await world.citizen(), await world.office("licensing")
    await world.read_inbox("licensing")
    opened = await apply(owner)
    async with window(market, owner) as at_the_window:  # number and code are all that the clerk asks for
        case = await decide(market, at_the_window, opened.case_id, world.folder)
    assert (case.case_id, case.state, case.uploads) == (opened.case_id, "completed", 0)
    claims = (await certificate_of(market, case)).claims
    assert (claims["tradeName"], claims["place"]) == (FORM["tradeName"], "7 Canal Street")
    assert await owner.case(opened.case_id) == case


async def test_begun_at_the_window_it_goes_on_by_app(world: World) -> None:
    await world.registers()
    owner, market = await world.citizen(), await world.office("licensing")
    async with window(market, owner) as at_the_window:
        opened = await apply(at_the_window)
    assert (await owner.withdraw(opened.case_id)).state == "withdrawn"


# ------------------------------------------------------------------------------------------------ what must not go
class Given:
    """A token in somebody's hands, and the key that she has."""

    def __init__(self, token: AccessToken, key: PrivateKey) -> None:
        self.key, self._token = key, token

    async def token(self, audience: str) -> AccessToken:
        return self._token

    def forget(self, audience: str) -> None:
        """It is all she has."""


class System:
    """A system of an office as a program without the SDK's manners has it: its key, and tokens that it was given."""

    def __init__(self, world: World, http: Http, system: str) -> None:
        key = PrivateKey.load(world.stack.secrets_dir(system) / "sig.jwk")
        self._http, self._tokens = http, SystemTokens(http, system, key, system_clock)
        self.key = self._tokens.key

    async def open(self, number: str, code: str) -> AccessToken:
        caller = Caller(self._http, self._tokens, system_clock)
        order = OpenWindow(number=number, code=code, clerk=CLERK)
        answer = await caller.call("POST", "/v1/window-sessions", audience=PLATFORM, model=order)
        return session_token(read(answer, WindowSession), system_clock)

    def use(self, token: AccessToken) -> Caller:
        return Caller(self._http, Given(token, self.key), system_clock)


@pytest.fixture
async def http(world: World) -> AsyncIterator[Http]:
    async with Http(world.stack.url("gateway")) as opened:
        yield opened


async def refusal(caller: Caller, method: str, path: str, **more: Any) -> tuple[int, str]:
    with pytest.raises(Problem) as refused:
        await caller.call(method, path, audience=PLATFORM, **more)
    return refused.value.status, refused.value.code


async def test_what_is_hers_alone_stays_shut_at_the_window(world: World, http: Http) -> None:
    await world.registers()
    owner, market = await world.citizen(), System(world, http, "licensing")
    token = await market.open(PERSONAS["shop-owner"], (await owner.confirm_code(MARKET)).code)
    shut = (403, "WINDOW_NOT_HERE")
    clerk = market.use(token)
    for path in ("/v1/receipts", "/v1/previews", "/v1/inbox"):
        assert await refusal(clerk, "GET", path) == shut, path
    assert await refusal(clerk, "POST", "/v1/confirm-codes", model=MakeConfirmCode(office=TAX)) == shut
    # Nor does the token become one for what an office holds about her.
    form = {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token": token.text,
        "subject_token_type": ACCESS_TOKEN,
        "audience": "certificates-1",
        "scope": f"office:{LAND}",
    }
    with pytest.raises(Problem) as refused:
        await http.call(
            "POST",
            TOKEN_PATH,
            body=urlencode(form).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            authorize=prove(http, market.key, "POST", TOKEN_PATH, system_clock),
        )
    assert (refused.value.status, refused.value.code) == (400, "INVALID_TARGET")


async def test_a_stolen_window_is_worth_nothing_to_another_system(world: World, http: Http) -> None:
    await world.registers()
    owner, market, tax = await world.citizen(), System(world, http, "licensing"), System(world, http, "tax-office")
    case = await apply(owner)
    token = await market.open(PERSONAS["shop-owner"], (await owner.confirm_code(MARKET)).code)
    path = f"/v1/cases/{case.case_id}"
    assert (await market.use(token).call("GET", path, audience=PLATFORM)).status == 200
    assert await refusal(tax.use(token), "GET", path) == (401, "TOKEN_INVALID")
    await owner.withdraw(case.case_id)


async def test_a_code_counts_for_one_office_and_once_even_at_the_same_moment(world: World, http: Http) -> None:
    owner, number = await world.citizen(), PERSONAS["shop-owner"]
    tax = System(world, http, "tax-office")
    code = (await owner.confirm_code(MARKET)).code
    counters = [System(world, http, "licensing") for _ in range(4)]
    for counter, whose in ((tax, number), (counters[0], PERSONAS["neighbour"]), (counters[0], "999900198001010017")):
        with pytest.raises(Problem) as wrong:
            await counter.open(whose, code)
        assert (wrong.value.status, wrong.value.code) == (403, "CONFIRM_CODE_WRONG")
    ends = await asyncio.gather(*(one.open(number, code) for one in counters), return_exceptions=True)
    assert sum(isinstance(end, AccessToken) for end in ends) == 1
    assert [end.code for end in ends if isinstance(end, Problem)] == ["CONFIRM_CODE_WRONG"] * 3


async def test_an_office_without_a_part_in_the_life_event_has_no_window_for_it(world: World) -> None:
    await world.registers()
    owner, tax = await world.citizen(), await world.office("tax-office")
    case = await apply(owner)
    async with window(tax, owner) as at_the_window:
        for asked in (
            at_the_window.plan(EVENT),
            at_the_window.case(case.case_id),
            at_the_window.withdraw(case.case_id),
        ):
            with pytest.raises(Problem) as refused:
                await asked
            assert (refused.value.status, refused.value.code) == (403, "WINDOW_NOT_OF_EVENT")
        assert (await at_the_window.plan("open-restaurant", people={"staff": 1})).steps
    assert (await owner.withdraw(case.case_id)).state == "withdrawn"


# ------------------------------------------------------------------------------------------------ the guide
def program_of(guide: Path, folder: Path) -> Any:
    """Make one function of the guide's blocks, as they stand there; gives it."""
    blocks = re.findall(r"```python\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL)
    head = "from tongban import Citizen, Office\n\n\nasync def follow(gateway, secrets, state, trust):\n"
    file = folder / "counter.py"
    file.write_text(head + textwrap.indent("".join(blocks), "    ") + "    return plan, case, acted\n")
    spec = spec_from_file_location("counter", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.follow


async def test_whoever_follows_the_guide_serves_a_citizen(world: World) -> None:
    await world.registers()
    follow = program_of(GUIDE, world.folder)
    folder = world.folder / "counter"
    folder.mkdir()
    stack = world.stack
    where = stack.url("gateway"), stack.secrets_dir("licensing"), folder, stack.trust_file
    owner, since = await world.citizen(), datetime.now(UTC)
    plan, case, _ = await follow(*where)
    assert (plan.life_event, case.life_event, case.state) == (EVENT, EVENT, "open")

    async def read_by_her() -> bool:
        acted = [one.leaf for one in (await owner.all_receipts()).receipts if one.clerk == CLERK]
        return {leaf.purpose for leaf in acted if leaf.time >= since} == {"open-window", LOOK}

    await until(read_by_her, "receipts of her window")
    await owner.withdraw(case.case_id)
