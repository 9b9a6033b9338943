# SPDX-License-Identifier: EUPL-1.2
"""What operators may set. One frozen class a service; every mistake is named at once, and nothing is guessed.

A service declares `class Settings(ServiceSettings)` with `model_config = SettingsConfigDict(env_prefix="CASES_")`
and its own fields. Collections come as comma lists, or as JSON where the value starts with `[` or `{`.
"""

from __future__ import annotations

import base64
import types
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, Union, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from kit import strictjson
from kit.errors import InvalidJson

Port = Annotated[int, Field(ge=0, le=65535)]
OfficeCode = Annotated[str, StringConstraints(pattern=r"^[0-9A-HJ-NPQRTUWXY]{18}$")]
SystemId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,62}$")]


class SettingsErrors(Exception):
    """The settings are wrong. lines: one clear sentence for every mistake, without any value."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class ServiceSettings(BaseSettings):
    """The settings that every service has. No defaults for addresses and secrets; secrets come as files."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix="")

    database_url: str
    """postgresql://role@host:port/database, without a password."""
    database_password_file: Path | None = None
    """File that holds the database role's password, if it has one."""
    database_pool_size: Annotated[int, Field(ge=2, le=200)] = 10
    """Connections to the database that this process may hold."""
    kafka_bootstrap_servers: str
    """host:port, several separated by commas."""
    host: str = "127.0.0.1"
    """Address that the API and the probes listen on."""
    port: Port
    """Port of the API."""
    internal_port: Port
    """Port of the probes and metrics; not for the outside."""
    hosts: tuple[str, ...] = ()
    """Further host names (host or host:port) that requests may name; listening address and public URL always count."""
    system: SystemId
    """This deployment's system id."""
    operator: OfficeCode
    """The office that runs this deployment (unified social credit code)."""
    instance: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,8}$")] = "zz"
    """The country instance."""
    platform_audience: str = "urn:tongban:zz:platform"
    """`aud` of tokens that are meant for the platform."""
    public_url: str
    """Address of the gateway as callers see it; DPoP proofs are made for it."""
    secrets_dir: Path
    """Folder with this deployment's private keys."""
    trust_file: Path
    """JSON with the public keys that everything else is checked against: registry, catalogue, bootstrap."""
    replica_dir: Path
    """Folder for copies of catalogue and keys, so that a restart needs nobody."""
    sandbox: bool = False
    """True on a laptop and in tests only: allows crash points and says more in logs."""
    crash_point: str | None = None
    """Name of the point at which the process kills itself; tests only."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least important level that is logged."""
    span_file: Path | None = None
    """File that spans are appended to as JSON lines; without it none are kept."""
    shutdown_grace_s: Annotated[float, Field(ge=0, le=60)] = 20.0
    """Seconds to finish what is in hand after SIGTERM."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read nothing but what `load` passes: one source, so one explanation for every value."""
        return (init_settings,)

    @model_validator(mode="after")
    def _tests_only(self) -> Self:
        if self.crash_point is not None and not self.sandbox:
            raise ValueError("CRASH_POINT is for tests and needs SANDBOX=true")
        if "@" in self.database_url and ":" in (urlsplit(self.database_url).netloc.rpartition("@")[0]):
            raise ValueError("DATABASE_URL must not hold a password; use DATABASE_PASSWORD_FILE")
        return self

    @property
    def source(self) -> str:
        """CloudEvents `source` and receipts' `writer`: /{instance}/{operator}/{system}."""
        return f"/{self.instance}/{self.operator}/{self.system}"

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """Host headers that requests may carry, in lower case."""
        listening = {f"{name}:{self.port}" for name in (self.host, "127.0.0.1", "localhost")}
        public = urlsplit(self.public_url).netloc.lower()
        return frozenset({*listening, public, *(name.lower() for name in self.hosts)})

    def database_password(self) -> str | None:
        """Read the database role's password, None where it has none."""
        return None if self.database_password_file is None else self.database_password_file.read_text().strip()

    def jwk(self, name: str) -> dict[str, str]:
        """Read the private key `name` (such as `sig.jwk`) from the secrets folder."""
        return dict(strictjson.loads((self.secrets_dir / name).read_bytes()))

    def secret(self, name: str) -> bytes:
        """Read the secret `name` (such as `share.key`, base64url text) from the secrets folder."""
        text = (self.secrets_dir / name).read_text().strip()
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    def _private(self, name: str) -> str:
        """Read what makes a key private. Raises KeyError for a file that holds no private key."""
        return self.jwk(name)["d"]

    def secret_files(self) -> Sequence[str]:
        """Name the files that must lie in the secrets folder: `*.jwk` private keys, others base64url texts."""
        return ()

    def file_faults(self) -> list[str]:
        """Look for every file that the settings lead to; one sentence for each that can't be read, without content."""
        wanted: dict[str, Callable[[], object]] = {
            "TRUST_FILE": self.trust,
            "DATABASE_PASSWORD_FILE": self.database_password,
        }
        faults = [f"{name}: can't be read" for name, read in wanted.items() if not _readable(read)]
        for name in self.secret_files():
            read = partial(self._private if name.endswith(".jwk") else self.secret, name)
            if not _readable(read):
                faults.append(f"SECRETS_DIR: holds no readable {name}")
        return [f"{self.model_config.get('env_prefix') or ''}{fault}" for fault in faults]

    def trust(self) -> dict[str, dict[str, str]]:
        """Read the trust file: public JWKs by name (registry, catalogue, bootstrap)."""
        return dict(strictjson.loads(self.trust_file.read_bytes()))


S = TypeVar("S", bound=ServiceSettings)


def _readable(read: Callable[[], object]) -> bool:
    try:
        read()
    except (OSError, InvalidJson, LookupError, TypeError, ValueError):  # not there; not what it should hold
        return False
    return True


def load(cls: type[S], environ: Mapping[str, str]) -> S:
    """Build *cls* from the variables with its prefix.

    Raises SettingsErrors with one line for each unknown variable, missing setting and wrong value.
    """
    prefix = str(cls.model_config.get("env_prefix") or "")
    given: dict[str, Any] = {}
    lines: list[str] = []
    for variable in sorted(environ):
        if not prefix or not variable.startswith(prefix):
            continue
        name = variable.removeprefix(prefix).lower()
        if name not in cls.model_fields:  # a mistyped name would otherwise leave a default in force, silently
            lines.append(f"{variable}: no such setting")
            continue
        try:
            given[name] = _value(cls.model_fields[name].annotation, environ[variable])
        except InvalidJson:
            lines.append(f"{variable}: not valid JSON")
    try:
        settings = cls(**given)
    except ValidationError as exc:
        lines += [_line(prefix, error) for error in exc.errors(include_url=False, include_input=False)]
        raise SettingsErrors(_once(lines)) from None
    if lines:
        raise SettingsErrors(lines)
    return settings


def _once(lines: Sequence[str]) -> list[str]:
    """Keep the first line about each variable: what follows from a mistake is none of its own."""
    first: dict[str, str] = {}
    for line in lines:
        first.setdefault(line.partition(":")[0], line)
    return list(first.values())


def _line(prefix: str, error: Mapping[str, Any]) -> str:
    place = prefix + "".join(str(part).upper() for part in error["loc"][:1])
    message = "is not set" if error["type"] == "missing" else str(error["msg"]).removeprefix("Value error, ")
    return f"{place}: {message}"


def _value(annotation: Any, text: str) -> Any:
    """Give *text* the shape of a collection where *annotation* is one; the rest is left to the field's own type."""
    kind = _outer(annotation)
    if kind not in (tuple, list, frozenset, set, dict, Mapping):
        return text
    if text[:1] in ("[", "{"):
        return strictjson.loads(text.encode())
    return [part.strip() for part in text.split(",") if part.strip()]


def _outer(annotation: Any) -> Any:
    """Give the class behind `X[...]`, `X | None` and `Annotated[X, ...]`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _outer(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return next((_outer(arm) for arm in get_args(annotation) if arm is not type(None)), None)
    origin = origin or annotation
    return Mapping if origin is not dict and isinstance(origin, type) and issubclass(origin, Mapping) else origin
