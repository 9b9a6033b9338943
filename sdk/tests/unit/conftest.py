# SPDX-License-Identifier: EUPL-1.2
"""A small country in memory: keys, signed records and lists by the platform's own code, and a gateway's stand-in."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from contracts.base import Model
from contracts.catalogue import Manifest
from contracts.identity import OfficeKey, OfficeRecord, SystemKey, SystemRecord
from contracts.ids import uuid7
from contracts.topics import CATALOGUE_ENTRY, OFFICE, SYSTEM
from kit import catalogue as kit_catalogue
from kit import registry as kit_registry
from kit import strictjson
from kit.jose import PrivateKey, digest
from tongban import Office
from tongban.catalogue_files import load_entries
from tongban.http import Answer, Http, Sent
from tongban.problems import NoAnswer

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
MARKET, HEALTH, LAND = "1199990000000006XB", "11999900000000035X", "11999900000000107N"
DATA = "119999000000002030"
CATALOGUE = Path(__file__).parents[3] / "catalogue"


def _entry(key: PrivateKey, use: str) -> dict[str, Any]:
    return {"kid": key.kid, "use": use, "jwk": key.public.jwk(), "from_": SINCE}


class Country:
    """Keys of everybody, the records on three topics, and what the gateway was asked."""

    def __init__(self, folder: Path) -> None:
        self.keys = {
            name: PrivateKey.generate()
            for name in ("registry", "catalogue", "bootstrap", "licensing", "inbox", "cases", "certificates-1",
                         "exchange-bus", "issuing-health", "issuing-market")
        }  # fmt: skip
        self.folder = folder
        self.topics: dict[str, list[dict[str, Any]]] = {SYSTEM: [], OFFICE: [], CATALOGUE_ENTRY: []}
        self.answers: list[Callable[[Sent], Answer]] = []
        self.sent: list[Sent] = []
        self.away = False
        self._write_files()
        self._register()
        self.release()

    def _write_files(self) -> None:
        (self.folder / "secrets").mkdir()
        for name, file in (("licensing", "sig.jwk"), ("inbox", "inbox.jwk")):
            (self.folder / "secrets" / file).write_text(json.dumps(self.keys[name].jwk()))
        trust = {name: self.keys[name].public.jwk() for name in ("registry", "catalogue", "bootstrap")}
        (self.folder / "trust.json").write_text(json.dumps(trust))

    def _register(self) -> None:
        self.system("licensing", MARKET, [MARKET], "office")
        self.system("cases", DATA, [], "cases")
        self.system("exchange-bus", DATA, [], "exchange-bus")
        self.system("certificates-1", HEALTH, [HEALTH, LAND], "certificates")
        self.record(OfficeRecord(office=HEALTH, keys=[OfficeKey(**_entry(self.keys["issuing-health"], "issuing"))]))
        self.record(OfficeRecord(office=MARKET, keys=[OfficeKey(**_entry(self.keys["issuing-market"], "issuing"))]))

    def system(self, system: str, operator: str, offices: list[str], role: str, status: str = "active") -> None:
        key = SystemKey(**_entry(self.keys[system], "sig"))
        self.record(
            SystemRecord.model_validate(
                {
                    "system_id": system,
                    "operator": operator,
                    "offices": offices,
                    "role": role,
                    "keys": [key],
                    "status": status,
                }
            )
        )

    def record(self, record: SystemRecord | OfficeRecord, signer: str = "registry", under: str | None = None) -> None:
        data = kit_registry.sign_record(record, self.keys[signer], issuer="identity", now=NOW)
        if isinstance(record, SystemRecord):
            self.put(SYSTEM, under or record.system_id, data)
        else:
            self.put(OFFICE, under or record.office, data)

    def release(self, number: int = 1, signer: str = "catalogue", *, leave_out: int = 0) -> None:
        entries = {
            f"{entry['kind']}/{entry['id']}/{entry.get('version', 1)}": strictjson.canonical(entry)
            for entry in load_entries(CATALOGUE)
        }
        for key, data in list(entries.items())[leave_out:]:
            self.put(CATALOGUE_ENTRY, key, data)
        manifest = Manifest(
            iss="exchange-bus",
            iat=int(NOW.timestamp()),
            release=number,
            at=NOW,
            entries={key: digest(data) for key, data in entries.items()},
        )
        self.put(CATALOGUE_ENTRY, f"release/{number}", kit_catalogue.sign_manifest(manifest, self.keys[signer]))

    def put(self, topic: str, key: str, data: bytes) -> None:
        offset = self.topics[topic][-1]["offset"] + 1 if self.topics[topic] else 0
        self.topics[topic] = [r for r in self.topics[topic] if r["key"] != key]
        self.topics[topic].append({"key": key, "value": data.decode(), "offset": offset})

    # ------------------------------------------------------------------ the gateway
    def office(self) -> Office:
        async def no_pause(_seconds: float) -> None:
            return None

        return Office(
            "http://gateway",
            "licensing",
            self.folder / "secrets",
            self.folder / "state",
            trust_file=self.folder / "trust.json",
            clock=lambda: NOW,
            http=Http("http://gateway", stand_in=self.answer, sleep=no_pause),
        )

    async def answer(self, sent: Sent) -> Answer:
        if self.away:
            raise NoAnswer
        if sent.path.startswith("/v1/records/"):
            return self._records(sent)
        self.sent.append(sent)
        if sent.path == "/v1/token":
            return said({"access_token": f"t.{len(self.sent)}.k", "token_type": "DPoP", "expires_in": 300})
        return self.answers.pop(0)(sent)

    def _records(self, sent: Sent) -> Answer:
        path, _, query = sent.path.partition("?")
        after = int(parse_qs(query)["after"][0])
        newer = [r for r in self.topics[path.rpartition("/")[2]] if r["offset"] > after]
        page = newer[:10]
        return said(
            {"records": page, "next": page[-1]["offset"] if page else after, "complete": len(page) == len(newer)}
        )

    def calls(self, path: str) -> list[Sent]:
        return [sent for sent in self.sent if sent.path.partition("?")[0] == path]


def said(document: dict[str, Any] | Model, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    body = document.wire_bytes() if isinstance(document, Model) else json.dumps(document).encode()
    return Answer(status, {"content-type": "application/json", **(headers or {})}, body)


def refusal(code: str, status: int, **members: Any) -> Callable[[Sent], Answer]:
    document = {"type": "urn:tongban:problem:x", "title": "no", "status": status, "code": code, **members}
    return lambda _sent: said(document, status)


@pytest.fixture
def country(tmp_path: Path) -> Country:
    return Country(tmp_path)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def answered() -> Callable[..., Callable[[Sent], Answer]]:
    return lambda document, status=200: lambda _sent: said(document, status)


@pytest.fixture
def refused() -> Callable[..., Callable[[Sent], Answer]]:
    return refusal


@pytest.fixture
def new_id() -> Callable[[], str]:
    return lambda: str(uuid7())
