# SPDX-License-Identifier: EUPL-1.2
"""Stage 3: may this kind of caller use this route, and which system answers? Rights come from the replica."""

from contracts.roles import Role
from contracts.routes import Route
from gateway.domain import Principal
from gateway.errors import WrongCaller
from kit.errors import TokenInvalid, WindowNotHere
from kit.registry import Registry


class Authorize:
    """Holds routes against callers."""

    def __init__(self, registry: Registry, platform_audience: str) -> None:
        self._registry = registry
        self._platform = platform_audience

    def check(self, route: Route, who: Principal) -> None:
        """Refuse a token for somebody else, a clerk where only the citizen may, and a caller of the wrong kind.

        Raises TokenInvalid (401), WindowNotHere, WrongCaller.
        """
        if who.clerk is not None and not route.window:
            raise WindowNotHere
        if not self._is_for(route, who.audience):
            raise TokenInvalid("The token is meant for somebody else")
        if route.security == "system" and who.system is None:
            raise WrongCaller
        if route.security == "citizen" and who.subject is None:
            raise WrongCaller

    def callee(self, route: Route, who: Principal | None) -> str:
        """Give the system id that answers: our one of that role, or the deployment that the token is for."""
        if route.service is Role.CERTIFICATES and who is not None:
            return who.audience
        return route.service.value

    def _is_for(self, route: Route, audience: str) -> bool:
        """Tell whether a token with this `aud` may come: the platform's, or a certificates deployment's in force."""
        if route.service is not Role.CERTIFICATES:
            return audience == self._platform
        system = self._registry.system(audience)
        return system is not None and system.role == Role.CERTIFICATES.value
