# SPDX-License-Identifier: EUPL-1.2
"""Keys, passwords and other secrets of a laptop stack: made once, in files that only the processes' account can read.

Two processes of one deployment share its folder. What stands in which folder is the settings page of the services.
"""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kit.jose import PrivateKey, b64u
from local_stack.account import Account
from local_stack.layout import Layout
from local_stack.table import DEPLOYMENTS, OFFICE_SYSTEMS, Deployment

PLATFORM_HOLDERS = ("cases", "exchange-bus", "ledger")
"""Those who hold the platform's private key; the gateway only seals to it."""


@dataclass(frozen=True)
class Keyring:
    """Writes and finds the secrets of one stack."""

    layout: Layout
    account: Account

    def make(self) -> None:
        """Make everything that isn't there yet; what is there is kept, since databases depend on it."""
        for folder in ("secrets", "passwords", "replicas"):
            self.account.make_folder(self.layout.run / folder)
        for deployment in DEPLOYMENTS.values():
            self._deployment(deployment)
        for system in OFFICE_SYSTEMS:
            self.account.make_folder(self.layout.secrets(system.system))
            self.key(system.system, "sig.jwk")
            if system.inbox:
                self.key(system.system, "inbox.jwk")
        self._file(self.layout.bootstrap_key, _new_key)
        self._write_trust()

    def key(self, system: str, name: str) -> PrivateKey:
        """The private key *name* (such as `sig.jwk`) of *system*; made on first use."""
        path = self.layout.secrets(system) / name
        self._file(path, _new_key)
        return PrivateKey.load(path)

    def bootstrap(self) -> PrivateKey:
        """The runner's own key, with which it may register and release."""
        return PrivateKey.load(self.layout.bootstrap_key)

    def _deployment(self, deployment: Deployment) -> None:
        system = deployment.system
        self.account.make_folder(self.layout.secrets(system))
        self._file(self.layout.password(deployment.database), lambda: secrets.token_urlsafe(24))
        self.key(system, "sig.jwk")
        if system == "identity":
            for name in ("registry.jwk", "token.jwk"):
                self.key(system, name)
            self._file(self.layout.secrets(system) / "master.key", _new_secret)
        if system == "exchange-bus":
            self.key(system, "catalogue.jwk")
        if system == "ledger":
            self.key(system, "enc.jwk")
        if system in PLATFORM_HOLDERS:
            self._copy_platform_key(system)
        for office in deployment.offices:
            self.key(system, f"issuing-{office}.jwk")
            self.key(system, f"answering-{office}.jwk")
        if deployment.offices:
            self._file(self.layout.secrets(system) / "share.key", _new_secret)

    def _copy_platform_key(self, system: str) -> None:
        first = self.layout.secrets(PLATFORM_HOLDERS[0]) / "platform.jwk"
        self.account.make_folder(first.parent)
        self._file(first, _new_key)
        self._file(self.layout.secrets(system) / "platform.jwk", first.read_text)

    def _write_trust(self) -> None:
        trust = {
            "registry": self.key("identity", "registry.jwk").public.jwk(),
            "catalogue": self.key("exchange-bus", "catalogue.jwk").public.jwk(),
            "bootstrap": self.bootstrap().public.jwk(),
        }
        self._file(self.layout.trust_file, lambda: json.dumps(trust, indent=1))

    def _file(self, path: Path, content: Callable[[], str]) -> None:
        if path.exists():
            return
        part = path.with_name(path.name + ".part")
        part.touch(mode=0o600)
        part.write_text(content())
        self.account.give(part)
        part.replace(path)


def public_entry(key: PrivateKey, use: str, since: str) -> dict[str, Any]:
    """The public half of *key* as an entry of an office's or a system's record. since: RFC 3339."""
    return {"kid": key.kid, "use": use, "jwk": key.public.jwk(), "from": since}


def _new_key() -> str:
    return json.dumps(PrivateKey.generate().jwk())


def _new_secret() -> str:
    return b64u(secrets.token_bytes(32))
