# SPDX-License-Identifier: EUPL-1.2
"""What operators may set for cases (`CASES_...`)."""

from typing import Annotated, Final

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from contracts.catalogue.clocks import ASKER
from kit.settings import ServiceSettings

_ASKER_S: Final = int(ASKER.total_seconds())


class Settings(ServiceSettings):
    """Common settings with the prefix `CASES_`. Secrets: `sig.jwk`, `platform.jwk`."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix="CASES_")

    identity_urls: tuple[str, ...]
    """Addresses of identity, separated by commas."""
    exchange_bus_urls: tuple[str, ...]
    """Addresses of exchange-bus, separated by commas."""
    gateway_urls: tuple[str, ...] = ()
    """Addresses of the gateway, asked whether offices can reach us; without any, its outages count as silence."""
    certificates_urls: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """JSON: system id -> addresses of a certificates deployment, asked whether its offices can issue; likewise."""
    ask_deadline_s: Annotated[int, Field(ge=_ASKER_S, le=7 * 86400)] = _ASKER_S
    """Seconds until the first answer to an evidence request, where its list entry says nothing. Never less than the
    check of a release reckons with: whoever asks waits longer than the holder needs."""

    beat_s: Annotated[float, Field(ge=0.1, le=60)] = 5.0
    """Seconds between two signs of life; each asks the database, the bus and the outbox."""
    outage_gap_s: Annotated[float, Field(ge=1, le=3600)] = 60.0
    """Longest gap between two signs of life that is no outage of ours, seconds. No deadline runs in a longer one."""
    outage_settle_s: Annotated[float, Field(ge=0, le=3600)] = 30.0
    """Seconds after an outage of ours in which no silence is judged: what was decided meanwhile comes in first."""

    def secret_files(self) -> tuple[str, ...]:
        """Name what SECRETS_DIR must hold."""
        return ("sig.jwk", "platform.jwk")
