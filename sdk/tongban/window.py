# SPDX-License-Identifier: EUPL-1.2
"""The window: a clerk acts for the citizen who stands before her, by the code that she told."""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from contracts.identity import WindowSession
from tongban.applicant import Applicant
from tongban.caller import Caller
from tongban.clock import Clock
from tongban.http import Http
from tongban.jose import PrivateKey
from tongban.problems import Problem
from tongban.tokens import AccessToken, session_token

OpenSession = Callable[[], Awaitable[WindowSession]]


class WindowTokens:
    """The one token of a window, bound to the key of the system's own tokens.

    The code counts once, so it is no use to ask again: when the token ends, she makes another code.
    """

    def __init__(self, key: PrivateKey, open_session: OpenSession, clock: Clock) -> None:
        self.key = key
        self._open_session = open_session
        self._clock = clock
        self._kept: AccessToken | None = None

    async def open(self) -> None:
        """Use the code up. Raises Problem (`CONFIRM_CODE_WRONG`)."""
        self._kept = session_token(await self._open_session(), self._clock)

    async def token(self, audience: str) -> AccessToken:
        """Give the token. Raises Problem (`WINDOW_OVER`) once it would end under way."""
        if self._kept is None or self._kept.until <= self._clock().timestamp():
            raise Problem("WINDOW_OVER", 401, title="The window is shut; it opens by another code")
        return self._kept

    def forget(self, audience: str) -> None:
        """Keep it: there is no other, and if it was refused for good the next answer says so."""

    def close(self) -> None:
        """Throw the token away."""
        self._kept = None


class Window(Applicant):
    """A citizen's application in a clerk's hands, for five minutes. Open it with `async with office.window(...)`.

    Its calls are those of `Citizen`, and so are their answers. What it can't: see previews or receipts, or make a code.
    Raises Problem: `WINDOW_NOT_OF_EVENT` for a life event in which the office neither leads nor decides, `WINDOW_OVER`.
    """

    def __init__(self, http: Http, tokens: WindowTokens, platform: str, clock: Clock) -> None:
        super().__init__(Caller(http, tokens, clock), platform)
        self._tokens = tokens

    async def __aenter__(self) -> Self:
        """Use the code up. Raises Problem (`CONFIRM_CODE_WRONG`): number, code or office are wrong, or it is over."""
        await self._tokens.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Throw the token away."""
        self._tokens.close()
