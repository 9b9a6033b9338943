# SPDX-License-Identifier: EUPL-1.2
"""`tongban`: what the library does, from a shell. Output is JSON, one document a line, unless it is for people."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from contracts.base import Model
from contracts.certificates.api import Holder
from contracts.exchange_bus import AskEvidence
from contracts.identifiers import IdentifierInvalid
from contracts.ledger import AccessView
from tongban import catalogue_diff, jose
from tongban.catalogue_files import CatalogueUnreadable, check_folder
from tongban.citizen import Citizen
from tongban.clock import system_clock
from tongban.http import Http
from tongban.joining import make_keys
from tongban.office import PLATFORM, Office
from tongban.problems import Problem, TongbanError
from tongban.receipts import ReceiptFault
from tongban.tokens import SystemTokens

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
catalogue = typer.Typer(no_args_is_help=True, help="Catalogues as files.")
app.add_typer(catalogue, name="catalogue")

Gateway = Annotated[str, typer.Option(envvar="TONGBAN_GATEWAY", help="Address of the gateway.")]
System = Annotated[str, typer.Option(envvar="TONGBAN_SYSTEM", help="System id, as registered.")]
Secrets = Annotated[Path, typer.Option(envvar="TONGBAN_SECRETS", help="Folder with sig.jwk and inbox.jwk.")]
State = Annotated[Path, typer.Option(envvar="TONGBAN_STATE", help="Folder for what must survive a restart.")]
TrustFile = Annotated[Path, typer.Option("--trust", envvar="TONGBAN_TRUST", help="The platform's pinned keys.")]
Input = Annotated[Path, typer.Argument(help="A file; - reads standard input.")]


@app.command()
def keys(folder: Path, office: str, system: str) -> None:
    """Make the keys of an office's system in FOLDER, and the card with their public halves that the platform needs."""
    try:
        card = make_keys(folder, office=office, system=system)
    except IdentifierInvalid as why:
        sys.stderr.write(f"{why}\n")
        raise typer.Exit(1) from why
    print(f"{card}: give this to the platform; {folder / 'secrets'} stays with you")


@app.command()
def token(gateway: Gateway, system: System, secrets: Secrets, audience: str = PLATFORM.format(instance="zz")) -> None:
    """Get an access token. It is bound to a key that ends with this command: good for looking at, not for calling."""

    async def work() -> dict[str, Any]:
        async with Http(gateway) as http:
            tokens = SystemTokens(http, system, jose.PrivateKey.load(secrets / "sig.jwk"), system_clock)
            return {"accessToken": (await tokens.token(audience)).text}

    _print(asyncio.run(work()))


@app.command()
def resolve(
    numbers: list[str], gateway: Gateway, system: System, secrets: Secrets, state: State, trust: TrustFile
) -> None:
    """Turn citizens' numbers that the office lawfully holds into its own pseudonyms."""

    async def work(office: Office) -> dict[str, Any]:
        return {"subjects": await office.resolve(numbers)}

    _print(_as_office(Office(gateway, system, secrets, state, trust_file=trust), work))


@app.command()
def issue(
    order: Input, key: str, gateway: Gateway, system: System, secrets: Secrets, state: State, trust: TrustFile
) -> None:
    """Issue a certificate from a JSON file {type, holder, claims, validFrom, validTo?}. KEY: the Idempotency-Key."""
    wish = json.loads(_read(order))

    async def work(office: Office) -> Model:
        return await office.issue(
            wish["type"],
            Holder.model_validate(wish["holder"]),
            wish["claims"],
            valid_from=date.fromisoformat(wish["validFrom"]),
            valid_to=date.fromisoformat(wish["validTo"]) if "validTo" in wish else None,
            key=key,
        )

    _print(_as_office(Office(gateway, system, secrets, state, trust_file=trust), work))


@app.command()
def ask(
    question: Input, gateway: Gateway, system: System, secrets: Secrets, state: State, trust: TrustFile, wait: int = 0
) -> None:
    """Ask for evidence from a JSON file, the body of POST /v1/evidence-requests."""
    wish = AskEvidence.model_validate_json(_read(question))

    async def work(office: Office) -> Model:
        return await office.ask(wish, wait_s=wait)

    _print(_as_office(Office(gateway, system, secrets, state, trust_file=trust), work))


@app.command()
def inbox(gateway: Gateway, system: System, secrets: Secrets, state: State, trust: TrustFile, wait: int = 0) -> None:
    """Show unacknowledged deliveries, sealed, one a line. Acknowledges nothing."""

    async def work(office: Office) -> None:
        for delivery in await office.fetch(wait_s=wait):
            _print(delivery)

    _as_office(Office(gateway, system, secrets, state, trust_file=trust), work)


@app.command()
def ack(ids: list[str], gateway: Gateway, system: System, secrets: Secrets, state: State, trust: TrustFile) -> None:
    """Acknowledge deliveries: the office has stored them."""

    async def work(office: Office) -> dict[str, Any]:
        return {"acknowledged": await office.acknowledge(ids)}

    _print(_as_office(Office(gateway, system, secrets, state, trust_file=trust), work))


@app.command(name="open")
def open_(envelope: Input, gateway: Gateway, system: System, secrets: Secrets, state: State, trust: TrustFile) -> None:
    """Open an envelope with the office's key and say who answers for it. Prints its content."""

    async def work(office: Office) -> dict[str, Any]:
        opened = await office.open(_read(envelope).strip())
        return {"kind": opened.kind, "issuer": opened.issuer, "digest": opened.digest, "body": opened.body.wire()}

    _print(_as_office(Office(gateway, system, secrets, state, trust_file=trust), work))


@app.command()
def verify(
    presentation: Input, gateway: Gateway, system: System, secrets: Secrets, state: State, trust: TrustFile
) -> None:
    """Check a presentation that was made for this office, offline but for the records' refresh."""

    async def work(office: Office) -> dict[str, Any]:
        facts = office.verify_offline(_read(presentation).strip())
        return {"office": facts.office, "type": facts.type, "claims": facts.claims}

    _print(_as_office(Office(gateway, system, secrets, state, trust_file=trust), work))


@app.command()
def receipts(gateway: Gateway, persona: str, trust: TrustFile, state: State) -> None:
    """Show who looked at a sandbox person's data, newest first; each receipt is checked here as well."""

    async def work() -> tuple[AccessView, list[ReceiptFault]]:
        async with Citizen(gateway, persona) as citizen:
            view = await citizen.all_receipts()
            return view, await citizen.check(view, trust_file=trust, state_dir=state)

    view, faults = asyncio.run(work())
    wrong = {fault.receipt_id: fault.code for fault in faults}
    table = Table("time", "side", "asker", "provider", "type", "purpose", "decision", "ledger says", "checked here")
    for one in view.receipts:
        leaf = one.leaf
        table.add_row(
            f"{leaf.time:%Y-%m-%d %H:%M:%S}",
            leaf.side,
            leaf.asker.office if leaf.asker else "",
            leaf.provider or "",
            leaf.type or "",
            leaf.purpose,
            leaf.code or leaf.decision,
            "verified" if one.verified else "not verified",
            wrong.get(leaf.receipt_id, "good"),
        )
    Console().print(table)
    raise typer.Exit(1 if faults else 0)


@catalogue.command(name="check")
def check(folder: Path, test_area: bool = True) -> None:
    """Check a catalogue's files as publishing would; exit 1 with every fault."""
    try:
        faults = check_folder(folder, test_area=test_area)
    except CatalogueUnreadable as why:
        sys.stderr.write(f"{why}\n")
        raise typer.Exit(1) from why
    for fault in faults:
        print(fault)
    print(f"{len(faults)} faults" if faults else "good")
    raise typer.Exit(1 if faults else 0)


@catalogue.command()
def diff(before: Path, after: Path) -> None:
    """Say in plain words what differs between two catalogues: folders of YAML files, or releases as JSON files."""
    try:
        lines = catalogue_diff.in_words(catalogue_diff.read(before), catalogue_diff.read(after))
    except CatalogueUnreadable as why:
        sys.stderr.write(f"{why}\n")
        raise typer.Exit(1) from why
    print("\n".join(lines))


def _as_office(office: Office, work: Callable[[Office], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with office:
            return await work(office)

    return asyncio.run(run())


def _read(path: Path) -> str:
    return sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")


def _print(document: Model | dict[str, Any]) -> None:
    print(json.dumps(document.wire() if isinstance(document, Model) else document, ensure_ascii=False))


def main() -> None:
    """Run a command; a refusal is one line with its code, and exit 1."""
    try:
        app()
    except Problem as problem:
        more = f" {json.dumps(problem.members)}" if problem.members else ""
        sys.stderr.write(f"{problem.code} ({problem.status}): {problem.detail}{more}\n")
        sys.exit(1)
    except TongbanError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
