# SPDX-License-Identifier: EUPL-1.2
"""The inbox: handled once, acknowledged after; opened only when signer, role and receiver fit."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from contracts.certificates import formats
from contracts.certificates.api import Presentation
from contracts.envelopes import Answer, Share
from contracts.exchange_bus import Delivery
from contracts.ids import uuid7
from contracts.signing import ENVELOPE
from kit import jose as kit_jose
from kit.envelopes import seal_envelope
from tongban import NoAnswer, NotBelieved, jose

Answers = Callable[..., Any]
MARKET, HEALTH, LAND = "1199990000000006XB", "11999900000000035X", "11999900000000107N"


def answer_of(country: Any, now: Any, **changes: Any) -> Answer:
    text = formats.issue(
        {"result": "fit", "examinedOn": "2026-10-12", "purpose": "staff-health-check"},
        ["result", "examinedOn"],
        issuer=f"https://tongban.example/issuers/{HEALTH}",
        vct="https://tongban.example/types/staff-health/1",
        now=now,
        expires_at=now + timedelta(days=1),
        signer=jose_signer(country, "issuing-health"),
        audience=MARKET,
    )
    plain = {
        "request_id": str(uuid7()),
        "outcome": "answered",
        "type": "staff-health",
        "holder": HEALTH,
        "presentation": Presentation(credential=text, evidence_digest=kit_jose.digest(text)),
    }
    return Answer(**{**plain, **changes})


def jose_signer(country: Any, name: str) -> Any:
    return jose.PrivateKey(country.keys[name].jwk())


def delivered(
    country: Any, now: Any, *, signer: str = "certificates-1", kind: str = "answer", body: Any = None,
    office: str = MARKET, sealed_to: str = "inbox",
) -> Delivery:  # fmt: skip
    event_id = str(uuid7())
    envelope = seal_envelope(
        kind,
        body or answer_of(country, now),
        issuer_system=signer,
        audience_office=office,
        event_id=event_id,
        exchange_id=str(uuid7()),
        key_sig=country.keys[signer],
        key_enc=country.keys[sealed_to].public,
        now=now,
    )
    return Delivery(
        delivery_id=str(uuid7()),
        seq=1,
        event_id=event_id,
        kind=kind,
        key=str(uuid7()),
        keyseq=1,
        time=now,
        attributes={},
        envelope=envelope,
    )


async def fail_on_the_first(country: Any) -> None:
    async with country.office() as office:
        async for _delivery in office.inbox(once=True):
            raise ZeroDivisionError


def page(*deliveries: Delivery) -> dict[str, Any]:
    return {"deliveries": [one.wire() for one in deliveries]}


async def test_each_delivery_is_handled_once_and_acknowledged_after(country: Any, answered: Answers, now: Any) -> None:
    one, two = delivered(country, now), delivered(country, now)
    country.answers = [answered(page(one, two)), *[answered({"acknowledged": 1})] * 2, answered(page())]
    async with country.office() as office:
        seen = [delivery.event_id async for delivery in office.inbox(once=True)]
    assert seen == [one.event_id, two.event_id]
    acknowledged = [json.loads(s.body)["deliveryIds"] for s in country.calls("/v1/inbox/acknowledgements")]
    assert acknowledged == [[one.delivery_id], [two.delivery_id]]


async def test_what_was_handled_before_a_restart_is_only_acknowledged(
    country: Any, answered: Answers, now: Any
) -> None:
    one = delivered(country, now)
    seen = [one]
    for _ in range(2):
        country.answers = [answered(page(one)), answered({"acknowledged": 1}), answered(page())]
        async with country.office() as office:
            seen = [delivery async for delivery in office.inbox(once=True)]
    assert seen == []
    assert len(country.calls("/v1/inbox/acknowledgements")) == 2


async def test_what_a_handler_fails_on_comes_again(country: Any, answered: Answers, now: Any) -> None:
    one = delivered(country, now)
    country.answers = [answered(page(one))]
    with pytest.raises(ZeroDivisionError):
        await fail_on_the_first(country)
    assert country.calls("/v1/inbox/acknowledgements") == []
    country.answers = [answered(page(one)), answered({"acknowledged": 1}), answered(page())]
    async with country.office() as office:
        assert [d.event_id async for d in office.inbox(once=True)] == [one.event_id]


async def test_a_loop_outlives_a_platform_that_is_away(country: Any, answered: Answers, now: Any) -> None:
    one = delivered(country, now)

    def breaks_off(_sent: Any) -> Any:
        raise NoAnswer

    country.answers = [*[breaks_off] * 5, answered(page(one)), *[breaks_off] * 5]
    country.answers += [answered(page(one)), answered({"acknowledged": 1}), answered(page(delivered(country, now)))]
    async with country.office() as office:
        loop = office.inbox()
        first, second = await anext(loop), await anext(loop)
    assert first.event_id == one.event_id
    assert second.event_id != one.event_id  # its acknowledgement was lost: it came again and was only acknowledged


async def test_an_answer_is_opened_and_its_presentation_holds_offline(country: Any, now: Any) -> None:
    async with country.office() as office:
        opened = await office.open(delivered(country, now))
        country.away = True
        assert isinstance(opened.body, Answer)
        facts = office.facts_of(opened.body)
    assert (facts.office, facts.type) == (HEALTH, "staff-health")
    assert facts.purpose == "staff-health-check"
    assert facts.claims == {"result": "fit", "examinedOn": "2026-10-12"}


async def test_a_copy_that_ran_out_still_holds_for_whoever_took_it_in_time(country: Any, now: Any) -> None:
    came = now - timedelta(days=2)
    async with country.office() as office:
        body = (await office.open(delivered(country, now, body=answer_of(country, came)))).body
        assert isinstance(body, Answer)
        with pytest.raises(NotBelieved, match="EXPIRED"):
            office.facts_of(body)
        assert office.facts_of(body, at=came).type == "staff-health"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"signer": "exchange-bus"}, "ROLE_WRONG"),
        ({"signer": "cases"}, "ROLE_WRONG"),
        ({"office": HEALTH}, "AUDIENCE_WRONG"),
        ({"sealed_to": "cases"}, "CANNOT_OPEN"),
    ],
)
async def test_an_envelope_by_the_wrong_hand_or_for_another_is_refused(
    country: Any, now: Any, changes: dict[str, str], code: str
) -> None:
    async with country.office() as office:
        with pytest.raises(NotBelieved) as refused:
            await office.open(delivered(country, now, **changes))
    assert refused.value.code == code


async def test_a_holder_is_answered_for_only_by_its_own_deployment(country: Any, now: Any) -> None:
    foreign = answer_of(country, now, holder=MARKET)
    async with country.office() as office:
        with pytest.raises(NotBelieved, match="ROLE_WRONG"):
            await office.open(delivered(country, now, body=foreign))


async def test_an_envelope_under_the_name_of_another_event_is_refused(country: Any, now: Any) -> None:
    moved = delivered(country, now).model_copy(update={"event_id": str(uuid7())})
    async with country.office() as office:
        with pytest.raises(NotBelieved, match="EVENT_MISMATCH"):
            await office.open(moved)


async def test_a_signer_who_registered_meanwhile_is_looked_up_again(country: Any, now: Any) -> None:
    country.keys["certificates-3"] = kit_jose.PrivateKey.generate()
    async with country.office() as office:
        country.system("certificates-3", HEALTH, [HEALTH], "certificates")
        assert (await office.open(delivered(country, now, signer="certificates-3"))).issuer == "certificates-3"


async def test_an_unknown_kind_is_refused(country: Any, now: Any) -> None:
    event_id = str(uuid7())
    claims = {"iss": "cases", "aud": MARKET, "iat": int(now.timestamp()), "jti": event_id, "kind": "correction",
              "exchangeId": str(uuid7()), "body": {}}  # fmt: skip
    signed = kit_jose.sign_jws(json.dumps(claims).encode(), country.keys["cases"], ENVELOPE)
    async with country.office() as office:
        with pytest.raises(NotBelieved, match="KIND_UNEXPECTED"):
            await office.open(kit_jose.seal(signed.encode(), country.keys["inbox"].public))


@pytest.mark.parametrize(
    ("changes", "expected", "code"),
    [
        ({"issuer": LAND}, {}, "KEY_UNKNOWN"),
        ({"audience": HEALTH}, {}, "AUDIENCE_WRONG"),
        ({}, {"type_name": "title"}, "TYPE_UNEXPECTED"),
        ({}, {"issuer": LAND}, "ISSUER_UNEXPECTED"),
        ({"vct": "https://tongban.example/types/title/1"}, {}, "ISSUER_NOT_IN_POWER"),
        ({"late": True}, {}, "EXPIRED"),
    ],
)
async def test_a_presentation_that_does_not_hold_says_why(
    country: Any, now: Any, changes: dict[str, Any], expected: dict[str, str], code: str
) -> None:
    late = changes.get("late", False)
    text = formats.issue(
        {"result": "fit"},
        ["result"],
        issuer=f"https://tongban.example/issuers/{changes.get('issuer', HEALTH)}",
        vct=changes.get("vct", "https://tongban.example/types/staff-health/1"),
        now=now - timedelta(days=2) if late else now,
        expires_at=now + timedelta(days=-1 if late else 1),
        signer=jose_signer(country, "issuing-health"),
        audience=changes.get("audience", MARKET),
    )
    async with country.office() as office:
        with pytest.raises(NotBelieved) as refused:
            office.verify_offline(text, **expected)
    assert refused.value.code == code


async def test_a_share_is_read_as_one(country: Any, now: Any) -> None:
    share = Share(
        share_id="A" * 43,
        grant_id="G-0902",
        fact="suspended",
        type="staff-health",
        office=HEALTH,
        certificate_version=2,
        status="02",
    )
    async with country.office() as office:
        opened = await office.open(delivered(country, now, kind="share", body=share))
    assert opened.body == share
