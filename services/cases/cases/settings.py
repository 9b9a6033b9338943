# SPDX-License-Identifier: EUPL-1.2
"""What operators may set for cases (`CASES_...`)."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """Common settings with the prefix `CASES_`. Secrets: `sig.jwk`, `platform.jwk`."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix="CASES_")

    identity_urls: tuple[str, ...]
    """Addresses of identity, separated by commas."""
    exchange_bus_urls: tuple[str, ...]
    """Addresses of exchange-bus, separated by commas."""
    ask_deadline_s: Annotated[int, Field(ge=10, le=7 * 86400)] = 3600
    """Seconds that an office has to answer an evidence request."""

    def secret_files(self) -> tuple[str, ...]:
        """Name what SECRETS_DIR must hold."""
        return ("sig.jwk", "platform.jwk")
