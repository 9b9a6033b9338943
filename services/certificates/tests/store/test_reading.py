# SPDX-License-Identifier: EUPL-1.2
"""Reading and verifying through the API."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from certificates import store
from contracts.certificates import formats

Body = Callable[..., dict[str, Any]]


@pytest.fixture
async def title_id(house: Any, title: Body, names: Any) -> str:
    """Ann's land title."""
    answer = await house.post(names.land, "/certificates", title())
    return str(answer.json()["certificateId"])


async def test_an_office_reads_its_certificate_and_a_receipt_says_so(house: Any, names: Any, title_id: str) -> None:
    answer = await house.get(names.land, f"/certificates/{title_id}", **{"Tongban-Case": names.case})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["claims"] == {"place": "3 Hill Road", "use": "shop", "number": "T-1"}
    assert (body["subject"], body["validFrom"], body["status"]) == (
        names.pseudonym(names.land, "ann"),
        "2026-01-01",
        "01",
    )
    assert (answer.headers["etag"], answer.headers["cache-control"]) == ('"1"', "no-store")
    [(leaf, sealed)] = await house.receipts()
    assert (leaf.side, leaf.decision, leaf.purpose, leaf.fields) == (
        "view",
        "released",
        "unlisted",
        ["number", "place", "use"],
    )
    assert (leaf.asker.office, leaf.asker.system, leaf.legal_basis.kind) == (names.land, "land-registry", "law")
    assert (sealed.certificate_id, sealed.case_id) == (title_id, names.case)


async def test_the_public_receipt_says_a_purpose_that_a_list_knows_and_no_other_word(
    house: Any, names: Any, title_id: str
) -> None:
    for said in ("premises-check", "food-licence", "990101199003078515"):
        answer = await house.get(names.land, f"/certificates/{title_id}", **{"Tongban-Purpose": said})
        assert answer.status_code == 200
    leaves = [leaf for leaf, _ in await house.receipts()]
    assert [leaf.purpose for leaf in leaves] == ["premises-check", "food-licence", "unlisted"]


async def test_no_receipt_no_data(house: Any, names: Any, title_id: str) -> None:
    house.world.identity_away = True  # the person can't be named for the receipt
    away = await house.get(names.land, f"/certificates/{title_id}")
    assert away.status_code == 503
    assert "claims" not in away.text
    house.world.identity_away = False
    del house.world.systems.held["ledger"]
    sealed_to_nobody = await house.get(names.land, f"/certificates/{title_id}")
    assert (sealed_to_nobody.status_code, sealed_to_nobody.json()["code"]) == (503, "NO_LEDGER_KEY")
    assert await house.receipts() == []


async def test_a_look_needs_a_purpose_and_a_basis(house: Any, names: Any, title_id: str) -> None:
    bare = house.world.headers(names.land)
    del bare["content-type"]
    answer = await house.client.get(f"/v1/certificates/{title_id}", headers=bare)
    assert answer.status_code == 400
    assert {error["header"] for error in answer.json()["errors"]} == {"Tongban-Purpose", "Tongban-Legal-Basis"}
    odd = await house.get(names.land, f"/certificates/{title_id}", **{"Tongban-Legal-Basis": "because"})
    assert odd.status_code == 400


async def test_missing_and_foreign_answer_alike(house: Any, names: Any, title_id: str) -> None:
    foreign = await house.get(names.market, f"/certificates/{title_id}")
    missing = await house.get(names.market, f"/certificates/{names.zero}")
    assert foreign.status_code == missing.status_code == 404
    assert foreign.json()["code"] == missing.json()["code"] == "NOT_FOUND"
    assert await house.receipts() == []


async def verdict(house: Any, office: str, credential: str) -> dict[str, Any]:
    answer = await house.post(office, "/verifications", {"credential": credential}, key=None)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_a_copy_is_verified_with_every_check_by_name(house: Any, names: Any, title_id: str) -> None:
    credential = (await house.get(names.land, f"/certificates/{title_id}")).json()["credential"]
    good = await verdict(house, names.market, credential)
    assert (good["verdict"], good["status"], good["claims"]["place"]) == ("valid", "01", "3 Hill Road")
    assert [check["name"] for check in good["checks"]][-2:] == ["issuer", "status"]
    assert all(check["ok"] for check in good["checks"])


async def test_the_first_failed_check_gives_the_code(house: Any, names: Any, title_id: str) -> None:
    world = house.world
    credential = (await house.get(names.land, f"/certificates/{title_id}")).json()["credential"]
    jwt = credential.split("~")[0]
    forged = credential.replace(jwt, f"{jwt[:-4]}AAAA")
    assert (await verdict(house, names.market, "not a credential"))["code"] == "MALFORMED"
    assert (await verdict(house, names.market, forged))["code"] == "SIGNATURE_INVALID"
    path = f"/certificates/{title_id}/suspensions"
    await house.post(names.land, path, {"reason": "x"}, key="s", if_match='"1"')
    suspended = await verdict(house, names.market, credential)
    assert (suspended["verdict"], suspended["code"], suspended["status"]) == ("invalid", "STATUS_NOT_VALID", "02")
    assert suspended["checks"][-1] == {"name": "status", "ok": False}
    world.drop_key(names.land, "issuing")
    assert (await verdict(house, names.market, credential))["code"] == "KEY_UNKNOWN"


async def test_a_presentation_counts_for_its_office_alone_and_a_day(house: Any, names: Any, title_id: str) -> None:
    async with house.db.read() as reader:
        certificate = await store.certificates.read(reader, names.land, title_id)
    shown = house.uses.answering._credentials.presented(certificate, ["place"], audience=names.market, purpose="p")
    assert formats.disclosed(shown.credential) == {"place"}
    good = await verdict(house, names.market, shown.credential)
    assert (good["verdict"], good.get("status")) == ("valid", None)
    assert (await verdict(house, names.health, shown.credential))["code"] == "AUDIENCE_WRONG"
    house.world.now += timedelta(hours=25)
    assert (await verdict(house, names.market, shown.credential))["code"] == "EXPIRED"


async def test_a_copy_by_an_issuer_that_is_not_listed_is_invalid(house: Any, names: Any, title_id: str) -> None:
    credential = (await house.get(names.land, f"/certificates/{title_id}")).json()["credential"]
    house.world.publish(lambda entry: None if entry["id"] == "PW-1" else entry)
    refused = await verdict(house, names.market, credential)
    assert (refused["verdict"], refused["code"]) == ("invalid", "ISSUER_NOT_LISTED")
