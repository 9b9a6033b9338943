# SPDX-License-Identifier: EUPL-1.2
"""Stage 3: may this kind of caller use this route, and which system answers? Rights come from the replica."""

from collections.abc import Callable

from contracts.roles import Role
from contracts.routes import Route
from gateway.domain import Principal
from gateway.errors import WrongCaller
from kit.registry import Registry


class Authorize:
    """Holds routes against callers."""

    def __init__(self, registry: Registry, platform_audience: str) -> None:
        self._registry = registry
        self._platform = platform_audience

    def audience_of(self, route: Route) -> Callable[[str], bool]:
        """Give the test for a token's `aud`: the platform, or a certificates deployment that is in force."""
        if route.service is not Role.CERTIFICATES:
            return lambda audience: audience == self._platform
        return self._is_certificates

    def check(self, route: Route, who: Principal) -> None:
        """Refuse a citizen where a system is due, and the reverse. Raises WrongCaller."""
        if route.security == "system" and who.system is None:
            raise WrongCaller
        if route.security == "citizen" and who.subject is None:
            raise WrongCaller

    def callee(self, route: Route, who: Principal | None) -> str:
        """Give the system id that answers: our one of that role, or the deployment that the token is for."""
        if route.service is Role.CERTIFICATES and who is not None:
            return who.audience
        return route.service.value

    def _is_certificates(self, audience: str) -> bool:
        system = self._registry.system(audience)
        return system is not None and system.role == Role.CERTIFICATES.value
