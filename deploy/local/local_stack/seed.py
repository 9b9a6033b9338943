# SPDX-License-Identifier: EUPL-1.2
"""Fill an empty stack: offices, systems, personas and the first release of the catalogue, through the public APIs.

The runner signs with its bootstrap key, which every service pins in its trust file. Repeatable: what was seeded with
the same content isn't seeded again.
"""

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from contracts.ids import uuid7
from kit.clock import system_clock
from kit.jose import PrivateKey
from kit.tokens import AssertionSigner
from local_stack import guests, plain_http
from local_stack.environment import Surroundings
from local_stack.errors import StackError
from local_stack.keys import Keyring, public_entry
from local_stack.layout import CHECKOUT, Layout
from local_stack.table import DEPLOYMENTS, OFFICE_SYSTEMS, Deployment

CATALOGUE = CHECKOUT / "catalogue"
SINCE = "2026-01-01T00:00:00Z"
TRIES_S = 20.0


class Bootstrap:
    """Calls identity and exchange-bus with the runner's own assertions."""

    def __init__(self, key: PrivateKey, url: Callable[[str], str]) -> None:
        """url: gives a system's address."""
        self._signer = AssertionSigner("bootstrap", key, system_clock)
        self._url = url

    def post(self, system: str, path: str, body: object, key: str | None = None) -> Any:
        """POST *body* to *system*; a server that isn't there yet is asked again for a while, under the same key.

        Raises StackError (`SEED_REFUSED`) with the problem document.
        """
        headers = {"Idempotency-Key": key or str(uuid7())}
        end = time.monotonic() + TRIES_S
        while True:
            headers["Authorization"] = f"Bearer {self._signer.assertion(system)}"
            try:
                answer = plain_http.call("POST", self._url(system) + path, headers=headers, body=body)
            except OSError as away:
                if time.monotonic() > end:
                    raise StackError("SEED_REFUSED", f"{system} doesn't answer: {away}") from away
            else:
                if answer.status < 300:
                    return answer.json()
                if answer.status not in (429, 503) or time.monotonic() > end:
                    said = answer.body.decode(errors="replace")[:2000]
                    raise StackError("SEED_REFUSED", f"POST {system} {path}: {answer.status} {said}")
            time.sleep(0.2)


def run(layout: Layout, keyring: Keyring, around: Surroundings, say: Callable[[str], None]) -> None:
    """Register and release everything, unless this content is there already. Raises StackError (`SEED_REFUSED`)."""
    entries, personas = read_all(layout)
    records = {"offices": office_records(keyring), "systems": system_records(keyring)}
    digest = hashlib.sha256(json.dumps([records, entries, personas], sort_keys=True, default=str).encode()).hexdigest()
    if layout.seeded.exists() and layout.seeded.read_text() == digest:
        return
    bootstrap = Bootstrap(keyring.bootstrap(), lambda system: around.urls(system)[0])
    for system in records["systems"]:
        bootstrap.post("identity", "/v1/systems", system)
    for office in records["offices"]:
        bootstrap.post("identity", "/v1/offices", office)
    for persona in personas:
        bootstrap.post("identity", "/v1/sandbox/personas", persona)
    released = bootstrap.post("exchange-bus", "/v1/catalogue/releases", {"entries": entries})
    layout.seeded.write_text(digest)
    say(f"{'seed':<24} release {released['release']} with {released['entries']} entries, {len(personas)} personas")


def system_records(keyring: Keyring) -> list[dict[str, Any]]:
    """The record of every system, ours and the offices', with its public keys."""
    records = [_service_record(keyring, deployment) for deployment in DEPLOYMENTS.values()]
    for system in OFFICE_SYSTEMS:
        keys = [public_entry(keyring.key(system.system, "sig.jwk"), "sig", SINCE)]
        records.append(_system(system.system, system.operator, [system.operator], system.role, keys))
    for guest in guests.of(keyring.layout):
        keys = [_entry_of(guest.keys["sig"], "sig")]
        records.append(_system(guest.system, guest.office, [guest.office], "office", keys))
    return records


def office_records(keyring: Keyring) -> list[dict[str, Any]]:
    """The record of every office with keys, and of the platform as a party."""
    keys: dict[str, list[dict[str, Any]]] = {}
    for deployment in DEPLOYMENTS.values():
        for office in guests.offices_of(keyring.layout, deployment):
            for use in ("answering", "issuing"):
                key = keyring.key(deployment.system, f"{use}-{office}.jwk")
                keys.setdefault(office, []).append(public_entry(key, use, SINCE))
    for system in OFFICE_SYSTEMS:
        if system.inbox:
            key = keyring.key(system.system, "inbox.jwk")
            keys.setdefault(system.operator, []).append(public_entry(key, "inbox", SINCE))
    for guest in guests.of(keyring.layout):
        keys[guest.office].append(_entry_of(guest.keys["inbox"], "inbox"))
    keys["platform"] = [public_entry(keyring.key("cases", "platform.jwk"), "answering", SINCE)]
    return [{"office": office, "keys": held} for office, held in keys.items()]


def read_all(layout: Layout) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """All entries and personas of this checkout, and the entries of the stack's guests after them."""
    entries, personas = read_catalogue(CATALOGUE)
    for guest in guests.of(layout):
        entries += read_catalogue(guest.entries)[0]
    return entries, personas


def read_catalogue(folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """All entries and personas from the YAML files of *folder*, in order of file names.

    A file holds documents; a document is an entry, or a list of them. Personas have a ``persona`` and no ``kind``.
    Dates stay text, as the API takes them.
    """
    entries: list[dict[str, Any]] = []
    personas: list[dict[str, Any]] = []
    for file in sorted(folder.rglob("*.yaml")):
        for document in yaml.load_all(file.read_text(encoding="utf-8"), Loader=_TextDates):
            for item in document if isinstance(document, list) else [document]:
                (personas if "persona" in item else entries).append(item)
    return entries, personas


def _service_record(keyring: Keyring, deployment: Deployment) -> dict[str, Any]:
    system = deployment.system
    keys = [public_entry(keyring.key(system, "sig.jwk"), "sig", SINCE)]
    if system == "identity":
        keys.append(public_entry(keyring.key(system, "token.jwk"), "token", SINCE))
    if system == "ledger":
        keys.append(public_entry(keyring.key(system, "enc.jwk"), "enc", SINCE))
    offices = guests.offices_of(keyring.layout, deployment)
    return _system(system, deployment.operator, offices, deployment.role, keys)


def _entry_of(jwk: dict[str, str], use: str) -> dict[str, Any]:
    """The public key that a guest brought, as an entry of a record."""
    return {"kid": jwk.get("kid"), "use": use, "jwk": jwk, "from": SINCE}


def _system(system: str, operator: str, offices: list[str], role: str, keys: list[dict[str, Any]]) -> dict[str, Any]:
    return {"systemId": system, "operator": operator, "offices": offices, "role": role, "keys": keys}


class _TextDates(yaml.SafeLoader):
    """YAML without its dates: they stay the text that the file says."""


_TextDates.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
