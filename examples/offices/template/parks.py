# SPDX-License-Identifier: EUPL-1.2
"""A new office's program: puts its register on the platform, and hears what it was granted to hear.

python parks.py attest
python parks.py listen [--once]

Its settings are the variables TONGBAN_GATEWAY, _SYSTEM, _SECRETS, _STATE and _TRUST, as the platform gave them.
"""
# ruff: noqa: INP001 - a script to be copied, no package

import asyncio
import os
import sys
from datetime import date
from pathlib import Path

import yaml

from contracts.certificates.api import Holder
from contracts.envelopes import Share
from tongban import NotBelieved, Office, TongbanError

REGISTER = Path(__file__).parent / "register.yaml"


async def attest(office: Office) -> None:
    """Issue a certificate for each line of the register. The same key on a repeat: nothing is issued twice."""
    rows = yaml.safe_load(REGISTER.read_text(encoding="utf-8"))
    # Numbers become pseudonyms that only this office has; nothing else leaves the house under a number.
    subjects = await office.resolve([row["citizen"] for row in rows])
    for row, subject in zip(rows, subjects, strict=True):
        if subject is None:
            say(f"{row['number']}: nobody has this number")
            continue
        issued = await office.issue(
            "tree-permit",
            Holder(subject=subject),
            {"holder": "self", "number": row["number"], "place": row["place"]},
            valid_from=date.fromisoformat(row["since"]),
            key=f"register-{row['number']}",
        )
        say(f"{row['number']} has licence {issued.licence_id}")


async def listen(office: Office, *, once: bool) -> None:
    """Take every delivery, once each; it is acknowledged when the loop asks for the next."""
    async for delivery in office.inbox(once=once):
        try:
            # Sealed to this office, and signed by who may say this.
            share = (await office.open(delivery)).body
            if isinstance(share, Share) and share.presentation is not None:
                # Offline: by the issuing office's keys, out of the signed records on this disk.
                facts = office.verify_offline(share.presentation, issuer=share.office, type_name=share.type)
                say(f"{share.type} {share.fact}, status {share.status}: {dict(sorted(facts.claims.items()))}")
        except NotBelieved as why:
            say(f"put aside: {why.code}")


async def work(verb: str, *, once: bool) -> None:
    """Open the connection and do one thing."""
    told = {name: os.environ[f"TONGBAN_{name}"] for name in ("GATEWAY", "SYSTEM", "SECRETS", "STATE", "TRUST")}
    secrets, state, trust = Path(told["SECRETS"]), Path(told["STATE"]), Path(told["TRUST"])
    async with Office(told["GATEWAY"], told["SYSTEM"], secrets, state, trust_file=trust) as office:
        await (attest(office) if verb == "attest" else listen(office, once=once))


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def main() -> None:
    """Do what the first word says; a refusal is one line and exit 1."""
    if len(sys.argv) < 2 or sys.argv[1] not in ("attest", "listen"):
        sys.exit("attest or listen")
    try:
        asyncio.run(work(sys.argv[1], once="--once" in sys.argv[2:]))
    except KeyError as missing:
        sys.exit(f"{missing.args[0]} is not set")
    except TongbanError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
