# SPDX-License-Identifier: EUPL-1.2
"""What operators may set for the gateway (`GATEWAY_...`)."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """Common settings with the prefix `GATEWAY_`. Secret: `sig.jwk`."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix="GATEWAY_")

    upstreams: dict[str, list[str]]
    """JSON object: system id -> addresses of its processes."""
    exchange_time_s: Annotated[float, Field(ge=1, le=60)] = 35.0
    """Longest time for one call, seconds; more than the longest `Prefer: wait`."""

    def secret_files(self) -> tuple[str, ...]:
        """Name what SECRETS_DIR must hold."""
        return ("sig.jwk",)
