"""The shipped configurations of `mapped`, on their systems' samples and on what else these send."""

import hmac
from base64 import b64encode
from pathlib import Path
from urllib.parse import urlencode

import msgspec
import pytest

from daemon.intake import presets
from daemon.intake.base import Body, Unreadable
from outbox.model import State
from tests.support.outbox_box import posted
from tests.support.shared import shared
from tests.support.sources import NOW, AHook, Shopfront, base64_hmac, open_front, source_of
from tests.support.street import shipped


async def told_to_customers(front: Shopfront) -> list[tuple[str, State]]:
    page = await front.box.views.messages(limit=100)
    return [(one.trigger, one.state) for one in reversed(page.items) if one.audience == "customer"]


def test_every_preset_is_a_configuration_that_can_be_meant() -> None:
    for name in presets.names():
        source_of("mapped", preset=name)


@pytest.mark.parametrize(
    ("preset", "file", "id", "ref", "total"),
    [
        ("stripe", "stripe-payment-failed.json", "ch_3QBalloon1042a:0:payment.failed", "B-1042", None),
        ("stripe", "stripe-payment-succeeded.json", "pi_3QBalloon1042:0:payment.confirmed", "B-1042", None),
        ("stripe", "stripe-refund.json", "pi_3QBalloon1042:1500:refund.issued", "B-1042", None),
        ("square", "square-payment-updated.json", "hYy9pRFVxpDsO1FB05SunFWUe9JZY:payment.confirmed", "B-1042", None),
        (
            "toast",
            "toast-order-updated.json",
            "0c9d7a52-6a2b-4a5c-9a0e-9b7a6c5d1042:order.ready",
            "BalloonLoft:B-1042",
            "48.50",
        ),
        (
            "toast-payments",
            "toast-order-updated.json",
            "c0a8012e-77aa-4f3d-8f53-0b1c2d3e1042:payment.confirmed",
            "BalloonLoft:B-1042",
            None,
        ),
        ("odoo", "odoo-sale-order.json", "sale.order:1042:order.confirmed", "S01042", "48.50"),
        ("frappe", "frappe-sales-order.json", "SAL-ORD-2026-01042:order.ready", "B-1042", "48.50"),
        ("salesforce", "salesforce-outbound-message.xml", "04l000000000001AAA:order.ready", "00001001", None),
    ],
)
def test_presets_on_their_samples(preset: str, file: str, id: str, ref: str, total: str | None) -> None:
    body = Body(shared(f"samples/{file}").read_bytes())
    (heard,) = source_of("mapped", preset=preset).read(body, now=NOW).events
    assert (heard.event.id, heard.event.order.ref, heard.event.order.total) == (id, ref, total)
    assert not heard.odd


@pytest.mark.parametrize(
    ("phone", "code", "number"),
    [
        ("6175550123", "1", "+16175550123"),
        ("7700900123", "44", "+447700900123"),
        ("+447700900123", "1", "+447700900123"),
        ("6175550123", None, "6175550123"),
        (None, "1", None),
    ],
)
def test_a_number_at_toast_is_of_the_country_that_stands_beside_it(
    phone: str | None, code: str | None, number: str | None
) -> None:
    event = msgspec.json.decode(shared("samples/toast-order-updated.json").read_bytes())
    event["details"]["order"]["checks"][0]["customer"] |= {"phone": phone, "phoneCountryCode": code}
    (heard,) = source_of("mapped", preset="toast").read(Body(msgspec.json.encode(event)), now=NOW).events
    assert heard.event.customer is not None
    assert (heard.event.customer.phone, heard.odd) == (number, ())


@pytest.mark.parametrize(
    ("before", "given", "amount"),
    [({"amount_refunded": 0}, 1500, "15.00"), ({"amount_refunded": 1500}, 2000, "5.00"), ({}, 1500, "15.00")],
)
def test_stripe_tells_what_this_refund_gave_back_not_all_so_far(
    before: dict[str, int], given: int, amount: str
) -> None:
    event = msgspec.json.decode(shared("samples/stripe-refund.json").read_bytes())
    event["data"] |= {"previous_attributes": before}
    event["data"]["object"] |= {"amount_refunded": given}
    (heard,) = source_of("mapped", preset="stripe").read(Body(msgspec.json.encode(event)), now=NOW).events
    assert heard.event.data == {"amount": amount, "currency": "EUR"}
    assert not heard.odd


def test_stripe_says_what_was_given_back_in_all_once_nothing_of_the_payment_is_left() -> None:
    event = msgspec.json.decode(shared("samples/stripe-refund.json").read_bytes())
    event["data"] |= {"previous_attributes": {"amount_refunded": 2000}}
    event["data"]["object"] |= {"amount_refunded": 4850, "refunded": True}
    (heard,) = source_of("mapped", preset="stripe").read(Body(msgspec.json.encode(event)), now=NOW).events
    assert heard.event.data == {"amount": "28.50", "refunded": "48.50", "currency": "EUR"}
    assert not heard.odd


async def test_a_refund_with_a_reference_of_its_own_is_of_the_order_that_was_paid(tmp_path: Path) -> None:
    key = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"

    def adyen(code: str, reference: str, number: str, original: str) -> AHook:
        signed = f"{number}:{original}:Loft:{reference}:4850:EUR:{code}:true".encode()
        item = {
            "eventCode": code,
            "success": "true",
            "merchantAccountCode": "Loft",
            "merchantReference": reference,
            "pspReference": number,
            "originalReference": original,
            "amount": {"value": 4850, "currency": "EUR"},
            "additionalData": {"hmacSignature": b64encode(hmac.digest(bytes.fromhex(key), signed, "sha256")).decode()},
        }
        body = {"live": "true", "notificationItems": [{"NotificationRequestItem": item}]}
        return AHook(source="card", body=msgspec.json.encode(body))

    table = {"kind": "mapped", "preset": "adyen"}
    async with open_front(tmp_path, secrets={"CARD_WEBHOOK_SECRET": key}, card=table) as front:
        await front.take(adyen("AUTHORISATION", "B-1042", "7914", ""))
        await front.take(adyen("REFUND", "refund-1 of B-1042", "8825", "7914"))
        assert await front.events() == [("7914:payment.confirmed", "B-1042"), ("8825:refund.issued", "B-1042")]


async def test_a_tills_number_that_begins_anew_each_day_is_another_order_each_day(tmp_path: Path) -> None:
    sample = msgspec.json.decode(shared("samples/toast-order-updated.json").read_bytes())
    (check,) = sample["details"]["order"]["checks"]
    nobody = check | {"customer": None}
    secret, presets = "toast_secret", {"till": "toast", "card": "toast-payments"}
    async with open_front(
        tmp_path,
        secrets={f"{name.upper()}_WEBHOOK_SECRET": secret for name in presets},
        **{name: {"kind": "mapped", "preset": preset} for name, preset in presets.items()},
    ) as front:
        for guid, day, brought in (("one", 20261123, check), ("two", 20261124, nobody)):
            order = sample["details"]["order"] | {"guid": guid, "externalId": None, "businessDate": day}
            body = msgspec.json.encode(sample | {"details": {"order": order | {"checks": [brought]}}})
            signature = base64_hmac(secret, body + sample["timestamp"].encode())
            for name in presets:
                await front.take(AHook(source=name, body=body, headers={"toast-signature": signature}))
        first, second = await front.box.views.orders_by_ref(["42-20261123", "42-20261124"])
        assert (first.customer.email, second.customer.email) == ("ada@example.com", None)
        assert (first.payment, second.source_id) == ("payment.confirmed", "two")


def test_lightspeed_on_its_sample() -> None:
    form = urlencode(
        {"payload": shared("samples/lightspeed-sale-update.json").read_text(), "domain_prefix": "balloonloft"}
    )
    (heard,) = source_of("mapped", preset="lightspeed").read(Body(form.encode()), now=NOW).events
    assert heard.event.id == "2ed7950a-a0fb-bcc7-11e4-f90f26de1042:order.confirmed"
    assert (heard.event.order.ref, heard.event.order.total) == ("1042", "48.50")


@pytest.mark.parametrize("attributes", [[], ["pickup"], ["delivery"], ["onaccount", "pickup"]])
def test_a_sale_that_lightspeed_voids_is_cancelled_whatever_it_was(attributes: list[str]) -> None:
    sample = msgspec.json.decode(shared("samples/lightspeed-sale-update.json").read_bytes())
    sale = sample | {"status": None, "state": "voided", "attributes": attributes}
    form = urlencode({"payload": msgspec.json.encode(sale), "domain_prefix": "balloonloft"})
    (heard,) = source_of("mapped", preset="lightspeed").read(Body(form.encode()), now=NOW).events
    assert (heard.event.type, heard.draft) == ("order.cancelled", True)


def test_salesforce_is_answered_as_it_wants_and_its_xml_can_hold_no_entities() -> None:
    source = source_of("mapped", preset="salesforce")
    sample = shared("samples/salesforce-outbound-message.xml").read_bytes()
    reading = source.read(Body(sample), now=NOW)
    assert (reading.content_type, b"<Ack>true</Ack>" in reading.answer) == ("text/xml", True)
    for evil in (sample.replace(b"<soapenv", b'<!DOCTYPE x [<!ENTITY a "b">]><soapenv', 1), b"<a>", b"<a/>"):
        with pytest.raises(Unreadable):
            source.read(Body(evil), now=NOW)
    with pytest.raises(Unreadable, match="document type"):
        source.read(Body('<!DOCTYPE x [<!ENTITY a "b">]><x/>'.encode("utf-16")), now=NOW)


async def test_what_salesforce_says_once_more_under_another_number_is_told_once(tmp_path: Path) -> None:
    """Three changes while the line was down: each notification has an id of its own, and all of them the newest values."""
    sample = shared("samples/salesforce-outbound-message.xml").read_bytes()
    said = [(1, b"Ready", 9), (2, b"Ready", 9), (3, b"Ready", 9), (4, b"In Production", 10), (5, b"Ready", 11)]
    async with open_front(
        tmp_path, secrets={"CRM_WEBHOOK_SECRET": "t0k"}, crm={"kind": "mapped", "preset": "salesforce"}
    ) as front:
        for number, status, hour in said:
            dated = b"%s</sf:Status><sf:LastModifiedDate>2026-11-24T%02d:00:00.000Z</sf:LastModifiedDate>" % (
                status,
                hour,
            )
            body = sample.replace(b"04l000000000001AAA", b"04l00000000000%dAAA" % number)
            await front.take(
                AHook(source="crm", body=body.replace(b"Ready</sf:Status>", dated), query=[("token", "t0k")])
            )
        assert await front.told() == ["order.ready", "order.in_production", "order.ready"]
        assert await front.waiting() == []


async def test_what_salesforce_says_hours_late_undoes_no_step_taken_since(tmp_path: Path) -> None:
    """It tries again for a day. The order went back on the board, and "ready", which still waited, was never told."""
    sample = shared("samples/salesforce-outbound-message.xml").read_bytes()
    said = b"In Production</sf:Status><sf:LastModifiedDate>2026-11-24T09:00:00.000Z</sf:LastModifiedDate>"
    hook = AHook(source="crm", body=sample.replace(b"Ready</sf:Status>", said), query=[("token", "t0k")])
    table = {"kind": "mapped", "preset": "salesforce"}
    async with open_front(tmp_path, secrets={"CRM_WEBHOOK_SECRET": "t0k"}, plan=shipped(), crm=table) as front:
        ready = posted("k1", "order.ready", "00001001", source="counter", at=NOW, customer={"email": "ada@example.com"})
        await front.box.spool.accept(ready, front.plan)
        await front.clock.advance(3000)
        await front.take(hook)
        (order,) = await front.box.views.orders_by_ref(["00001001"])
        assert order.status == "order.ready"
        assert await told_to_customers(front) == [
            ("order.ready", State.QUEUED),
            ("order.in_production", State.SUPERSEDED),
        ]


def odoo(state: str, hour: int = 9) -> AHook:
    record = msgspec.json.decode(shared("samples/odoo-sale-order.json").read_bytes())
    body = msgspec.json.encode(record | {"state": state, "write_date": f"2026-11-24 {hour:02}:00:00"})
    return AHook(source="erp", body=body, query=[("token", "t0k")])


@pytest.mark.parametrize(
    ("states", "told"),
    [
        (["draft", "cancel", "cancel"], []),
        (["sale", "cancel", "cancel"], ["order.confirmed", "order.cancelled"]),
        (["cancel", "sale"], ["order.confirmed"]),
    ],
)
async def test_a_quotation_that_came_to_nothing_is_no_order_that_was_cancelled(
    tmp_path: Path, states: list[str], told: list[str]
) -> None:
    """Whoever had asked for a price read that their order was cancelled."""
    table = {"kind": "mapped", "preset": "odoo"}
    async with open_front(tmp_path, secrets={"ERP_WEBHOOK_SECRET": "t0k"}, erp=table) as front:
        for hour, state in enumerate(states):
            await front.take(odoo(state, min(hour, 1)))
        assert await front.told() == told
        assert len(await front.events()) == len({*states} - {"draft"})
        assert (await front.box.audit.list(kind="event.conflict", limit=5)).items == []


@pytest.mark.parametrize(
    ("type", "told"), [("order.placed", True), ("payment.confirmed", True), ("payment.failed", False)]
)
async def test_that_an_order_which_others_placed_was_cancelled_is_told(tmp_path: Path, type: str, told: bool) -> None:
    table = {"kind": "mapped", "preset": "odoo"}
    async with open_front(tmp_path, secrets={"ERP_WEBHOOK_SECRET": "t0k"}, erp=table) as front:
        await front.box.spool.accept(posted("e1", type, "S01042", source="webshop", at=NOW), front.plan)
        await front.take(odoo("cancel"))
        assert ("order.cancelled" in await front.told()) is told


async def test_a_store_says_more_on_top_of_a_preset(tmp_path: Path) -> None:
    table = {"preset": "toast", "ref_prefix": "BalloonLoft:", "statuses": {"READY": "order.in_production"}}
    async with open_front(tmp_path, secrets={"TILL_WEBHOOK_SECRET": "s"}, till={"kind": "mapped", **table}) as front:
        tried = await front.intake.try_out("till", Body(shared("samples/toast-order-updated.json").read_bytes()))
        (one,) = tried.events
        assert (one.event.type, one.event.order.ref) == ("order.in_production", "B-1042")
        assert await front.events() == []


@pytest.mark.parametrize(
    ("currency", "amount"), [("CLP", "48.50"), ("IDR", "4850"), ("ISK", "48.50"), ("EUR", "48.50")]
)
def test_adyens_minor_units_are_its_own(currency: str, amount: str) -> None:
    item = {
        "eventCode": "AUTHORISATION",
        "success": "true",
        "pspReference": "7914073381342284",
        "merchantReference": "B-1042",
        "amount": {"value": 4850, "currency": currency},
    }
    body = msgspec.json.encode({"live": "true", "notificationItems": [{"NotificationRequestItem": item}]})
    (heard,) = source_of("mapped", preset="adyen").read(Body(body), now=NOW).events
    assert (heard.event.order.total, heard.event.data) == (None, {"amount": amount, "currency": currency})


@pytest.mark.parametrize(("live", "test_orders", "told"), [("true", False, 1), ("false", False, 0), ("false", True, 1)])
def test_what_adyens_test_system_says_is_a_test(live: str, test_orders: bool, told: int) -> None:
    """Its word for that stands around the notifications, and not in them: customers heard of payments that nobody made."""
    item = {
        "eventCode": "AUTHORISATION",
        "success": "true",
        "pspReference": "7914073381342284",
        "merchantReference": "B-1042",
        "amount": {"value": 4850, "currency": "EUR"},
    }
    body = Body(msgspec.json.encode({"live": live, "notificationItems": [{"NotificationRequestItem": item}] * 2}))
    reading = source_of("mapped", preset="adyen", test_orders=test_orders).read(body, now=NOW)
    assert len(reading.events) == 2 * told
    assert ("test_orders" in reading.note) is (told == 0)
    assert (reading.answer, reading.unread) == (b"[accepted]", ())
