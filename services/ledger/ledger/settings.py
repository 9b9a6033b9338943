# SPDX-License-Identifier: EUPL-1.2
"""What operators may set for the ledger: nothing beyond the common settings so far (`LEDGER_...`)."""

from pydantic_settings import SettingsConfigDict

from kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """Common settings with the prefix `LEDGER_`. Secrets: `sig.jwk`, `enc.jwk`, `platform.jwk`."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix="LEDGER_")

    def secret_files(self) -> tuple[str, ...]:
        """Name what SECRETS_DIR must hold."""
        return ("sig.jwk", "enc.jwk", "platform.jwk")
