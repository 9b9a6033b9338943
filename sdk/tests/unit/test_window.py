# SPDX-License-Identifier: EUPL-1.2
"""At the window: the citizen's calls by the office's key; and her own tokens for what an office holds."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from contracts.ids import uuid7
from kit import tokens as kit_tokens
from tongban import Citizen, Problem
from tongban.http import Answer, Http, Sent
from tongban.tokens import SandboxTokens, at_office

Answers = Callable[..., Callable[[Sent], Answer]]
HEALTH = "11999900000000035X"
PLATFORM = "urn:tongban:zz:platform"
WINDOWS = "/v1/window-sessions"
SESSION = {"accessToken": "w.i.n", "tokenType": "DPoP", "expiresIn": 300}
HERS = {"number": "999900198908220138", "code": "04711042", "clerk": "k-17"}
PATH = f"/v1/cases/{uuid7()}"


def key_of(sent: Sent, now: datetime) -> str:
    url = "http://gateway" + sent.path.partition("?")[0]
    token = sent.headers.get("authorization", " ").partition(" ")[2] or None
    return kit_tokens.verify_dpop(sent.headers["dpop"], method=sent.method, url=url, token=token, now=now).jkt


async def test_a_clerk_says_number_and_code_once_and_then_calls_as_the_citizen(
    country: Any, answered: Answers, refused: Answers, now: datetime
) -> None:
    country.answers = [answered(SESSION, 201), refused("CASE_UNKNOWN", 404), refused("CASE_UNKNOWN", 404)]
    async with country.office() as office, office.window(**HERS) as citizen:
        for _ in range(2):
            with pytest.raises(Problem, match="CASE_UNKNOWN"):
                await citizen.case(PATH.rpartition("/")[2])
    [opening], [looked, again] = country.calls(WINDOWS), country.calls(PATH)
    assert json.loads(opening.body) == HERS
    assert opening.headers["authorization"].startswith("DPoP t.")  # the system's own token
    assert looked.headers["authorization"] == again.headers["authorization"] == "DPoP w.i.n"
    assert key_of(opening, now) == key_of(looked, now)
    assert all(HERS["number"] not in sent.path and HERS["code"] not in sent.path for sent in country.sent)


async def test_a_wrong_code_opens_nothing(country: Any, refused: Answers) -> None:
    country.answers = [refused("CONFIRM_CODE_WRONG", 403)]
    async with country.office() as office:
        with pytest.raises(Problem, match="CONFIRM_CODE_WRONG"):
            async with office.window(**HERS):
                pytest.fail("the window is open")


async def test_a_window_that_is_over_asks_nobody(country: Any, answered: Answers) -> None:
    country.answers = [answered({**SESSION, "expiresIn": 20}, 201)]
    async with country.office() as office, office.window(**HERS) as citizen:
        with pytest.raises(Problem, match="WINDOW_OVER"):
            await citizen.case(PATH.rpartition("/")[2])
    assert country.calls(PATH) == []


async def test_a_window_that_was_left_is_shut(country: Any, answered: Answers) -> None:
    country.answers = [answered(SESSION, 201)]
    async with country.office() as office:
        async with office.window(**HERS) as citizen:
            pass
        with pytest.raises(Problem, match="WINDOW_OVER"):
            await citizen.case(PATH.rpartition("/")[2])


class Identity:
    """Logs persons in, exchanges their tokens, makes their codes."""

    def __init__(self) -> None:
        self.asked: list[Sent] = []

    async def __call__(self, sent: Sent) -> Answer:
        self.asked.append(sent)
        number = len(self.asked)
        if sent.path == "/v1/sandbox/sessions":
            said: dict[str, Any] = {"accessToken": f"s.{number}.s", "tokenType": "DPoP", "expiresIn": 300}
        elif sent.path == "/v1/token":
            said = {"access_token": f"x.{number}.x", "token_type": "DPoP", "expires_in": 300}
        else:
            said = {"code": "04711042", "expiresAt": "2026-11-24T09:40:00Z"}
        return Answer(201, {}, json.dumps(said).encode())


async def test_a_citizen_makes_a_code_for_one_office(now: datetime) -> None:
    identity = Identity()
    http = Http("http://gateway", stand_in=identity)
    async with Citizen("http://gateway", "cook", clock=lambda: now, http=http) as citizen:
        assert (await citizen.confirm_code(HEALTH)).code == "04711042"
    assert json.loads(identity.asked[1].body) == {"office": HEALTH}


async def test_for_what_an_office_holds_her_sessions_token_is_exchanged_once(now: datetime) -> None:
    identity, moment = Identity(), [now]
    async with Http("http://gateway", stand_in=identity) as http:
        tokens = SandboxTokens(http, "cook", lambda: moment[0])
        own = await tokens.token(PLATFORM)
        there = await tokens.token(at_office("certificates-1", HEALTH))
        assert await tokens.token(at_office("certificates-1", HEALTH)) is there
        assert await tokens.token(PLATFORM) is own
        _, exchange = identity.asked
        form = {name: values[0] for name, values in parse_qs(exchange.body.decode()).items()}
        assert form == {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": own.text,
            "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "audience": "certificates-1",
            "scope": f"office:{HEALTH}",
        }
        assert key_of(exchange, now) == key_of(identity.asked[0], now)
        moment[0] = now + timedelta(seconds=280)  # the session is over, and with it what came of it
        assert (await tokens.token(at_office("certificates-1", HEALTH))).text not in (there.text, own.text)
        assert [sent.path for sent in identity.asked[2:]] == ["/v1/sandbox/sessions", "/v1/token"]


async def test_a_refused_token_is_thrown_away_with_its_session(now: datetime) -> None:
    identity = Identity()
    async with Http("http://gateway", stand_in=identity) as http:
        tokens = SandboxTokens(http, "cook", lambda: now)
        audience = at_office("certificates-1", HEALTH)
        first = await tokens.token(audience)
        tokens.forget(audience)
        assert (await tokens.token(audience)).text != first.text
    assert [sent.path for sent in identity.asked] == ["/v1/sandbox/sessions", "/v1/token"] * 2
