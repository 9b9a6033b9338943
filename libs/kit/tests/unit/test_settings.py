# SPDX-License-Identifier: EUPL-1.2
"""What operators may set, and how mistakes are named."""

from pathlib import Path

import pytest
from pydantic_settings import SettingsConfigDict

from kit.settings import ServiceSettings, SettingsErrors, load

GOOD = {
    "TEST_DATABASE_URL": "postgresql://cases@127.0.0.1:5432/cases",
    "TEST_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
    "TEST_PORT": "7101",
    "TEST_INTERNAL_PORT": "7102",
    "TEST_SYSTEM": "cases",
    "TEST_OPERATOR": "119999000000002030",
    "TEST_PUBLIC_URL": "https://Gateway.example:8443",
    "TEST_SECRETS_DIR": "/secrets",
    "TEST_TRUST_FILE": "/trust.json",
    "TEST_REPLICA_DIR": "/replica",
    "OTHER_PORT": "not ours",
}


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="TEST_")

    offices: tuple[str, ...] = ()
    upstreams: dict[str, list[str]] | None = None


def lines(**changes: str | None) -> list[str]:
    environ = {**GOOD, **{f"TEST_{name}": value for name, value in changes.items()}}
    with pytest.raises(SettingsErrors) as refused:
        load(Settings, {name: value for name, value in environ.items() if value is not None})
    return refused.value.lines


def test_good_settings_are_read_and_give_the_writers_name() -> None:
    settings = load(Settings, GOOD)
    assert settings.source == "/zz/119999000000002030/cases"
    assert settings.port == 7101
    assert settings.sandbox is False
    assert settings.allowed_hosts == {"127.0.0.1:7101", "localhost:7101", "gateway.example:8443"}


def test_collections_come_as_comma_lists_or_json() -> None:
    settings = load(Settings, {**GOOD, "TEST_OFFICES": "a, b,", "TEST_UPSTREAMS": '{"cases":["http://x"]}'})
    assert settings.offices == ("a", "b")
    assert settings.upstreams == {"cases": ["http://x"]}
    assert load(Settings, {**GOOD, "TEST_OFFICES": '["a"]'}).offices == ("a",)


def test_an_unknown_variable_with_our_prefix_is_refused() -> None:
    assert lines(DATABASE_ULR="x") == ["TEST_DATABASE_ULR: no such setting"]


def test_all_mistakes_are_named_at_once_without_their_values() -> None:
    said = lines(PORT="secret-value", SYSTEM=None, UPSTREAMS="{oops", LOG_LEVELS="debug")
    assert [line.split(":")[0] for line in said] == ["TEST_LOG_LEVELS", "TEST_UPSTREAMS", "TEST_PORT", "TEST_SYSTEM"]
    assert "TEST_SYSTEM: is not set" in said
    assert "secret-value" not in "".join(said)


def test_a_crash_point_is_refused_outside_a_sandbox() -> None:
    assert "SANDBOX" in lines(CRASH_POINT="write.before_commit")[0]
    assert load(Settings, {**GOOD, "TEST_CRASH_POINT": "x", "TEST_SANDBOX": "true"}).crash_point == "x"


def test_a_password_in_the_database_address_is_refused() -> None:
    said = lines(DATABASE_URL="postgresql://cases:hunter2@127.0.0.1/cases")
    assert "DATABASE_PASSWORD_FILE" in said[0]
    assert "hunter2" not in said[0]


def test_secrets_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "share.key").write_text("AAEC\n")
    (tmp_path / "password").write_text("hunter2\n")
    (tmp_path / "sig.jwk").write_text('{"kty":"EC"}')
    environ = {**GOOD, "TEST_SECRETS_DIR": str(tmp_path), "TEST_DATABASE_PASSWORD_FILE": str(tmp_path / "password")}
    settings = load(Settings, environ)
    assert settings.secret("share.key") == b"\x00\x01\x02"
    assert settings.jwk("sig.jwk") == {"kty": "EC"}
    assert settings.database_password() == "hunter2"
