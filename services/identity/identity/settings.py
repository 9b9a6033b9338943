# SPDX-License-Identifier: EUPL-1.2
"""What operators may set for identity."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """Settings of identity, prefix IDENTITY_. `sandbox` also opens the routes under /v1/sandbox."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix="IDENTITY_")

    handles_per_minute: Annotated[int, Field(ge=1, le=1000)] = 20
    """How many numbers one citizen may turn into handles in any 60 s."""
    sweep_interval_s: Annotated[float, Field(ge=0.1, le=3600)] = 30.0
    """Seconds between two removals of what has expired."""

    def secret_files(self) -> tuple[str, ...]:
        """Name what SECRETS_DIR must hold."""
        return ("sig.jwk", "registry.jwk", "token.jwk", "master.key")
