# SPDX-License-Identifier: EUPL-1.2
"""What operators of exchange-bus may set: what every service has, no more."""

from pydantic_settings import SettingsConfigDict

from kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """Settings of exchange-bus. In SECRETS_DIR: `sig.jwk`, `catalogue.jwk` (signs releases), `platform.jwk`."""

    model_config = SettingsConfigDict(env_prefix="EXCHANGE_BUS_")

    def secret_files(self) -> tuple[str, ...]:
        """Name what SECRETS_DIR must hold."""
        return ("sig.jwk", "catalogue.jwk", "platform.jwk")
