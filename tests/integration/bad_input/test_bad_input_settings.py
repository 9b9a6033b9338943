# SPDX-License-Identifier: EUPL-1.2
"""A wrong setting or a missing secret: one clear line for each, no start, and never the value."""

import asyncio
import shutil
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from kit.process import main
from local_stack.account import environment
from local_stack.harness import Stack
from local_stack.table import DEPLOYMENTS, processes

from .knocking import MARK

Spoil = Callable[[dict[str, str], Path], None]


def of(stack: Stack, system: str) -> dict[str, str]:
    """Give the good settings of a deployment's first process, without their prefix."""
    process = next(one for one in processes("pairs") if one.deployment == system)
    prefix = DEPLOYMENTS[system].prefix
    return {name.removeprefix(prefix): value for name, value in stack.plan.surroundings.of(process).items()}


async def run(system: str, verb: str, settings: Mapping[str, str]) -> tuple[int, list[str]]:
    """Run one verb of a service; give its exit code and what it said."""
    deployment = DEPLOYMENTS[system]
    environ = environment({deployment.prefix + name: value for name, value in settings.items()})
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", deployment.package, verb), env=environ, stdout=-1, stderr=-1
    )
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, (out + err).decode().splitlines()


def _set(name: str, value: str) -> Spoil:
    return lambda settings, _folder: settings.update({name: value})


def _without_secret(name: str, content: str | None = None) -> Spoil:
    def spoil(settings: dict[str, str], folder: Path) -> None:
        copied = folder / "secrets"
        shutil.copytree(settings["SECRETS_DIR"], copied)
        (copied / name).unlink()
        if content is not None:
            (copied / name).write_text(content)
        settings["SECRETS_DIR"] = str(copied)

    return spoil


FAULTS: dict[str, tuple[str, Spoil, str]] = {
    "a setting that is missing": (
        "cases",
        lambda s, _: s.__delitem__("DATABASE_URL"),
        "CASES_DATABASE_URL: is not set",
    ),
    "a setting that nobody knows": ("cases", _set("DATABASE_ULR", MARK), "CASES_DATABASE_ULR: no such setting"),
    "a port that is no number": ("ledger", _set("PORT", MARK), "LEDGER_PORT: "),
    "a port beyond all ports": ("ledger", _set("PORT", "70000"), "LEDGER_PORT: "),
    "an office whose code is none": ("certificates-1", _set("OFFICES", MARK), "CERTIFICATES_OFFICES: "),
    "routes that are no JSON": ("gateway", _set("UPSTREAMS", "{" + MARK), "GATEWAY_UPSTREAMS: not valid JSON"),
    "a password in an address": (
        "identity",
        _set("DATABASE_URL", f"postgresql://identity:{MARK}@127.0.0.1:5432/identity"),
        "DATABASE_URL must not hold a password",
    ),
    "a crash point outside tests": (
        "cases",
        lambda s, _: s.update(CRASH_POINT="relay.after_send", SANDBOX="false"),
        "CRASH_POINT",
    ),
    "a trust file that isn't there": ("cases", _set("TRUST_FILE", "/nowhere/trust.json"), "CASES_TRUST_FILE: "),
    "a password file that isn't there": (
        "cases",
        _set("DATABASE_PASSWORD_FILE", "/nowhere/password"),
        "CASES_DATABASE_PASSWORD_FILE: ",
    ),
    "a signing key that isn't there": (
        "cases",
        _without_secret("sig.jwk"),
        "CASES_SECRETS_DIR: holds no readable sig.jwk",
    ),
    "a signing key that is no JSON": (
        "ledger",
        _without_secret("enc.jwk", MARK),
        "LEDGER_SECRETS_DIR: holds no readable enc.jwk",
    ),
    "a public key where the private one is due": (
        "gateway",
        _without_secret("sig.jwk", '{"kty":"EC"}'),
        "GATEWAY_SECRETS_DIR: holds no readable sig.jwk",
    ),
    "an office's key that isn't there": (
        "certificates-2",
        _without_secret("issuing-1199990000000006XB.jwk"),
        "CERTIFICATES_SECRETS_DIR: holds no readable issuing-1199990000000006XB.jwk",
    ),
    "a master key that isn't there": (
        "identity",
        _without_secret("master.key"),
        "IDENTITY_SECRETS_DIR: holds no readable master.key",
    ),
    "a key for releases that isn't there": (
        "exchange-bus",
        _without_secret("catalogue.jwk"),
        "EXCHANGE_BUS_SECRETS_DIR: holds no readable catalogue.jwk",
    ),
}


def check(system: str, settings: Mapping[str, str], capsys: pytest.CaptureFixture[str]) -> tuple[object, list[str]]:
    """Check settings as `check-config` does, in this process: a service's own takes seconds to come up."""
    deployment = DEPLOYMENTS[system]
    settings_class = import_module(f"{deployment.package}.settings").Settings
    environ = {deployment.prefix + name: value for name, value in settings.items()}
    with pytest.raises(SystemExit) as ended:
        main(system, settings_class, _never, deployment.package, argv=["check-config"], environ=environ)
    told = capsys.readouterr()
    return ended.value.code, (told.out + told.err).splitlines()


def _never(_settings: object) -> Any:
    raise AssertionError("nothing is built from wrong settings")


@pytest.mark.parametrize("name", FAULTS)
def test_one_line_says_what_is_wrong(
    stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    system, spoil, expected = FAULTS[name]
    settings = of(stack, system)
    spoil(settings, tmp_path)
    code, said = check(system, settings, capsys)
    assert code == 2
    assert len(said) == 1, said
    assert expected in said[0]
    assert MARK not in said[0]


@pytest.mark.parametrize("name", ["a setting that nobody knows", "a signing key that isn't there"])
async def test_a_service_with_wrong_settings_does_not_start(stack: Stack, tmp_path: Path, name: str) -> None:
    system, spoil, expected = FAULTS[name]
    settings = of(stack, system)
    spoil(settings, tmp_path)
    (checked, said), (ran, said_again) = await asyncio.gather(
        run(system, "check-config", settings), run(system, "run", settings)
    )
    assert (checked, ran) == (2, 2)
    assert said == said_again == [expected]


def test_all_faults_are_named_at_once(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = check("cases", {**of(stack, "cases"), "PORT": "x", "OPERATOR": "y", "TYPO": "z"}, capsys)
    assert code == 2
    assert {line.split(":")[0] for line in said} == {"CASES_PORT", "CASES_OPERATOR", "CASES_TYPO"}


async def test_an_unknown_verb_is_explained(stack: Stack) -> None:
    code, said = await run("cases", "start", of(stack, "cases"))
    assert code == 2
    assert said == ["usage: python -m cases {serve|work|run|migrate|check-config}"]


async def test_good_settings_are_complete(stack: Stack) -> None:
    assert await run("cases", "check-config", of(stack, "cases")) == (0, ["cases: settings are complete"])
