# SPDX-License-Identifier: EUPL-1.2
"""The stages in order: match, authenticate, authorize, errand, receipt, forward, receipt."""

from dataclasses import dataclass

from contracts.http import Exchange
from contracts.routes import Route
from gateway.domain import Asked, Errand, Principal
from gateway.errors import PurposeMissing
from gateway.pipeline.authenticate import Authenticate
from gateway.pipeline.authorize import Authorize
from gateway.pipeline.errand import errand_of
from gateway.pipeline.forward import Forward
from gateway.pipeline.match import RouteTable
from gateway.pipeline.receipt import Receipts
from kit import deadline
from kit.errors import ServiceError
from kit.http import HttpAnswer

OUTCOME_S = 0.25
"""What is kept of a caller's time for the receipt of how it went: a call that ran out of time has one too."""


@dataclass(frozen=True)
class Door:
    """Decides once who asks, for what, and where it goes. Every refusal is one typed error."""

    routes: RouteTable
    authenticate: Authenticate
    authorize: Authorize
    receipts: Receipts
    forward: Forward

    async def handle(self, asked: Asked) -> tuple[Route, HttpAnswer]:
        """Give the matched route and the answer."""
        route = self.routes.match(asked)
        if route.security == "public":
            return route, await self.forward(asked, self.authorize.callee(route, None), None, None)
        who = await self.authenticate.principal(asked)
        self.authorize.check(route, who)
        exchange = Exchange.new()
        errand = await self._errand(asked, route, who, exchange)
        callee = self.authorize.callee(route, who)
        if route.receipt == "exchange" and errand is not None:
            return route, await self._exchange(asked, callee, who, errand, exchange)
        answer = await self.forward(asked, callee, who, exchange, keep_s=OUTCOME_S if route.receipt == "view" else 0.0)
        if route.receipt == "view":
            await self.receipts.view(who, route, exchange, answer)
        return route, answer

    async def _errand(self, asked: Asked, route: Route, who: Principal, exchange: Exchange) -> Errand | None:
        try:
            return errand_of(asked, route)
        except PurposeMissing as why:
            await self.receipts.refused(asked, who, exchange, why.code)
            raise

    async def _exchange(
        self, asked: Asked, callee: str, who: Principal, errand: Errand, exchange: Exchange
    ) -> HttpAnswer:
        await self.receipts.pending(asked, who, errand, exchange, deadline.within(60.0))
        try:
            answer = await self.forward(asked, callee, who, exchange, keep_s=OUTCOME_S)
        except ServiceError as why:
            failed = HttpAnswer(503, [], b'{"code":"%s"}' % why.code.encode())
            await self.receipts.outcome(asked, who, errand, exchange, failed)
            raise
        await self.receipts.outcome(asked, who, errand, exchange, answer)
        return answer
