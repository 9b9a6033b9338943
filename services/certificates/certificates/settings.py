# SPDX-License-Identifier: EUPL-1.2
"""What operators may set for a certificates deployment."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from kit.settings import OfficeCode, ServiceSettings


class Settings(ServiceSettings):
    """One deployment serves one office or several, each with keys of its own in SECRETS_DIR.

    issuing-<USCC>.jwk signs credentials, answering-<USCC>.jwk opens what is sealed to the office, sig.jwk signs for
    the deployment, share.key makes share ids.
    """

    model_config = SettingsConfigDict(env_prefix="CERTIFICATES_")

    offices: Annotated[tuple[OfficeCode, ...], Field(min_length=1, max_length=100)]
    """Offices that this deployment answers for (unified social credit codes)."""
    identity_urls: Annotated[tuple[str, ...], Field(min_length=1, max_length=16)]
    """Addresses of identity, tried in this order."""
    presentation_hours: Annotated[int, Field(ge=1, le=24 * 7)] = 24
    """Hours that a presentation for another office is good for."""
    share_batch: Annotated[int, Field(ge=1, le=500)] = 100
    """Most shares in one commit."""

    def secret_files(self) -> tuple[str, ...]:
        """Name what SECRETS_DIR must hold."""
        own = [f"{use}-{office}.jwk" for office in self.offices for use in ("issuing", "answering")]
        return ("sig.jwk", "share.key", *own)
