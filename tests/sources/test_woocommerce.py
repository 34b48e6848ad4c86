"""WooCommerce: the samples by webhook and by poller, statuses of its own and of plug-ins, and the pings."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.config import ConfigError
from daemon.intake.base import Body
from tests.support.fake_clock import FakeClock
from tests.support.shared import shared
from tests.support.sources import NOW, AHook, FakeHttp, Shopfront, json_response, open_front, source_of, woo_hook
from tests.support.woo_shop import WooShop

SECRETS = {"WEBSHOP_WEBHOOK_SECRET": "wc_secret", "WEBSHOP_KEY": "ck_1", "WEBSHOP_SECRET": "cs_1"}
WEBHOOKS = {"kind": "woocommerce"}
BOTH = {"kind": "woocommerce", "url": "https://shop.example.com", "poll": "60s"}


def sample(name: str) -> bytes:
    return shared(f"samples/woocommerce-order-{name}.json").read_bytes()


def order(name: str = "updated", **changes: Any) -> dict[str, Any]:
    return msgspec.json.decode(sample(name)) | changes  # type: ignore[no-any-return]


LATER = NOW + 2 * 86_400_000
"""After all that the samples tell of."""


async def poll(front: Shopfront, *orders: dict[str, Any]) -> None:
    front.http.answer = lambda request: json_response(list(orders), **{"x-wp-totalpages": "1"})
    await front.poll()


@pytest.mark.parametrize("webhook_first", [True, False])
async def test_webhook_and_poller_tell_the_same_once(tmp_path: Path, webhook_first: bool) -> None:
    async with open_front(tmp_path, secrets=SECRETS, webshop=BOTH) as front:
        for name in ("created-pending", "updated", "completed", "refunded"):
            if webhook_first:
                await front.take(woo_hook(sample(name)))
            await poll(front, order(name))
            await front.take(woo_hook(sample(name)))
        assert await front.events() == [
            ("727:payment.pending", "727"),
            ("727:order.placed", "727"),
            ("727:payment.confirmed", "727"),
            ("727:order.completed", "727"),
            ("727:refund.issued:740", "727"),
        ]


async def test_a_failed_payment_and_the_one_that_follows(tmp_path: Path) -> None:
    async with open_front(tmp_path, secrets=SECRETS, webshop=WEBHOOKS) as front:
        for name in ("created-pending", "failed", "updated"):
            await front.take(woo_hook(sample(name)))
        assert await front.told() == ["payment.pending", "payment.failed", "order.placed", "payment.confirmed"]
        (failed,) = await front.box.views.events("727:payment.failed")
        assert msgspec.json.decode(failed.raw)["data"]["pay_url"].startswith(
            "https://shop.example.com/checkout/order-pay/727/"
        )


async def test_what_comes_late_changes_nothing(tmp_path: Path) -> None:
    async with open_front(tmp_path, secrets=SECRETS, webshop=WEBHOOKS) as front:
        for name in ("completed", "updated", "created-pending", "failed", "cancelled"):
            await front.take(woo_hook(sample(name)))
        assert [id for id, _ in await front.events()] == [
            "727:order.placed",
            "727:payment.confirmed",
            "727:order.completed",
        ]


async def test_two_states_of_one_second_are_each_told_once_however_often_the_shop_shows_them(tmp_path: Path) -> None:
    async with open_front(tmp_path, secrets=SECRETS, clock=FakeClock(LATER), webshop=BOTH) as front:
        ready, done = order("completed", status="ready-for-pickup", date_completed_gmt=None), order("completed")
        for one in (ready, done, done, ready, done):
            await front.take(woo_hook(msgspec.json.encode(one)))
        await poll(front, done)
        assert [id for id, _ in await front.events()][2:] == ["727:order.ready", "727:order.completed"]


async def test_the_unsigned_ping_is_answered_and_means_nothing(tmp_path: Path) -> None:
    body = shared("samples/woocommerce-webhook-ping.txt").read_bytes()
    async with open_front(tmp_path, secrets=SECRETS, webshop=WEBHOOKS) as front:
        await front.take(AHook(body=body, headers={"content-type": "application/x-www-form-urlencoded"}))
        assert (await front.events(), await front.waiting()) == ([], [])


async def test_a_deleted_order_tells_nobody(tmp_path: Path) -> None:
    async with open_front(tmp_path, secrets=SECRETS, webshop=WEBHOOKS) as front:
        await front.take(woo_hook(sample("deleted")))
        assert (await front.events(), await front.waiting()) == ([], [])


@pytest.mark.parametrize(
    ("status", "table", "expected"),
    [
        ("ready-for-pickup", {}, "order.ready"),
        ("wc-ready-for-pickup", {}, "order.ready"),
        ("in-production", {"In-Production": "order.in_production"}, "order.in_production"),
        ("out-for-delivery", {"out-for-delivery": "order.out_for_delivery"}, "order.out_for_delivery"),
        ("completed", {"completed": ""}, ""),
        ("completed", {"completed": "order.ready"}, "order.ready"),
        ("never-heard-of", {}, ""),
        ("on-hold", {}, ""),
        ("processing", {"meta:stage=balloons tied": "order.ready"}, "order.ready"),
        ("completed", {"meta:stage=balloons tied": "order.ready"}, "order.completed"),
    ],
)
def test_statuses(status: str, table: dict[str, str], expected: str) -> None:
    body = order(status=status, meta_data=[{"id": 1, "key": "stage", "value": "Balloons tied"}])
    (snapshot,) = source_of("woocommerce", statuses=table).read(Body(msgspec.json.encode(body)), now=NOW).snapshots
    states = [fact.type for fact in snapshot.facts if fact.state and not fact.usual]
    assert states == ([expected] if expected else [])


def test_cash_on_delivery_is_confirmed_not_paid() -> None:
    body = order(status="processing", date_paid_gmt=None)
    (snapshot,) = source_of("woocommerce").read(Body(msgspec.json.encode(body)), now=NOW).snapshots
    assert [fact.type for fact in snapshot.facts] == ["order.placed", "order.confirmed"]


def test_an_amount_of_a_few_letters_is_not_written_out_in_millions() -> None:
    body = order(total="1E-3000000", line_items=[{"name": "Arch", "quantity": 1, "total": "1E-3000000"}])
    (snapshot,) = source_of("woocommerce").read(Body(msgspec.json.encode(body)), now=NOW).snapshots
    assert (snapshot.order.total, [item.price for item in snapshot.order.items or ()]) == (None, [None])
    assert "total: expected an amount of money, not '1E-3000000'" in snapshot.odd


async def test_part_refunds_are_told_one_by_one(tmp_path: Path) -> None:
    async with open_front(tmp_path, secrets=SECRETS, clock=FakeClock(LATER), webshop=WEBHOOKS) as front:
        refunds = [{"id": 740, "reason": "burst", "total": "-5.00"}, {"id": 741, "reason": "", "total": "-2.50"}]
        for count in (1, 2, 2):
            await front.take(woo_hook(msgspec.json.encode(order("completed", refunds=refunds[:count][::-1]))))
        assert await front.told() == ["order.completed", "refund.issued", "refund.issued"]
        (event,) = await front.box.views.events("727:refund.issued:740")
        assert msgspec.json.decode(event.raw)["data"] == {"amount": "5.00", "currency": "EUR", "reason": "burst"}


@pytest.mark.parametrize(
    ("billing", "shipping", "country"),
    [
        ({"phone": "0151", "country": "DE"}, {"phone": "06", "country": "FR"}, "DE"),
        ({"phone": "", "country": "DE"}, {"phone": "06", "country": "FR"}, "FR"),
        ({"phone": "0151", "country": ""}, {"phone": "", "country": "FR"}, "FR"),
        ({"phone": "0151"}, {}, None),
    ],
)
def test_the_number_comes_with_its_country(billing: Any, shipping: Any, country: str | None) -> None:
    body = order(billing=billing, shipping=shipping)
    (snapshot,) = source_of("woocommerce").read(Body(msgspec.json.encode(body)), now=NOW).snapshots
    assert snapshot.customer is not None
    assert snapshot.customer.country == country


async def test_a_small_refund_leaves_the_order_where_it_stands(tmp_path: Path) -> None:
    async with open_front(
        tmp_path, secrets=SECRETS, webshop={**WEBHOOKS, "statuses": {"tying": "order.in_production"}}
    ) as front:
        await front.take(woo_hook(msgspec.json.encode(order(status="tying"))))
        refunded = order(status="tying", refunds=[{"id": 740, "reason": "", "total": "-1.00"}])
        await front.take(woo_hook(msgspec.json.encode(refunded)))
        (known,) = await front.box.views.orders_by_ref(["727"])
        assert (known.status, known.after_sale) == ("order.in_production", "refund.issued")


@pytest.mark.parametrize(
    ("totals", "full"), [(("-34.90",), [True]), (("-4.90", "-30.00"), [None, True]), (("-4.90",), [None])]
)
def test_the_refund_that_gives_back_the_rest_says_so(totals: tuple[str, ...], full: list[bool | None]) -> None:
    """The shop lists the newest refund first (`wc_get_orders`)."""
    refunds = [{"id": 740 + n, "total": total} for n, total in enumerate(totals)][::-1]
    (snapshot,) = source_of("woocommerce").read(Body(msgspec.json.encode(order(refunds=refunds))), now=NOW).snapshots
    told = [(fact.key, fact.data.get("full")) for fact in snapshot.facts if fact.type == "refund.issued"]
    assert told == [(str(740 + n), one) for n, one in enumerate(full)]


def test_names_are_as_people_read_them() -> None:
    """The shop writes them as HTML has them: so does the example of its documentation."""
    lines = [
        {"name": name, "quantity": 1} for name in ("Ship Your Idea &ndash; Color: Black", "Foil &amp; latex&nbsp;mix")
    ]
    told = order(line_items=lines, customer_note="5 &lt; 6\nRing &amp; wait")
    (snapshot,) = source_of("woocommerce").read(Body(msgspec.json.encode(told)), now=NOW).snapshots
    assert snapshot.order.items is not None
    assert [item.name for item in snapshot.order.items] == ["Ship Your Idea \u2013 Color: Black", "Foil & latex mix"]
    assert snapshot.order.note == "5 < 6\nRing & wait"


def test_the_order_as_it_is_shown() -> None:
    (snapshot,) = source_of("woocommerce", promised="pickup_date").read(Body(sample("updated")), now=NOW).snapshots
    assert snapshot.order.items is not None
    (item,) = snapshot.order.items
    assert (item.name, item.quantity, item.sku, item.price) == (
        "Helium balloon gold - 28 cm",
        12,
        "BAL-GOLD-28",
        "2.50",
    )
    assert snapshot.order.fulfilment == "pickup"
    assert snapshot.order.promised_at is not None
    assert snapshot.order.promised_at.isoformat() == "2026-11-25T00:00:00+00:00"


@pytest.mark.parametrize(
    ("table", "shop"),
    [
        ({}, {}),
        ({"key_in_query": True}, {}),
        ({"plain_permalinks": True}, {"pretty": False}),
        ({"plain_permalinks": True, "key_in_query": True}, {"pretty": False}),
        ({"url": "http://shop.lan"}, {"tls": False, "home": "shop.lan"}),
        ({"url": "http://shop.lan", "plain_permalinks": True}, {"tls": False, "home": "shop.lan", "pretty": False}),
        ({"url": "http://192.168.1.7"}, {"tls": False, "home": "192.168.1.7"}),
    ],
)
async def test_whatever_way_the_shop_takes_its_keys_it_is_asked(
    tmp_path: Path, table: dict[str, Any], shop: dict[str, Any]
) -> None:
    clock = FakeClock()
    asked = WooShop(clock.now, **shop)
    http = FakeHttp(lambda request: asked.answer(request.method, request.path, request.headers))
    async with open_front(tmp_path, secrets=SECRETS, http=http, clock=clock, webshop={**BOTH, **table}) as front:
        assert await front.poll() == 60
        await clock.advance(60)
        asked.save(727, "on-hold")
        await front.poll()
        assert [id for id, _ in await front.events()] == ["727:order.placed"]
        if not asked.tls:
            assert all("cs_1" not in request.path and not request.headers for request in http.asked)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"url": "http://shop.example.com"}, "would cross the internet in clear"),
        ({"url": "http://9.9.9.9"}, "would cross the internet in clear"),
        ({"url": "http://shop.lan", "key_in_query": True}, "keys would go in clear"),
        ({"url": "ftp://shop.lan"}, "write the shop's address"),
    ],
)
def test_no_key_and_no_customer_goes_over_the_internet_in_clear(table: dict[str, Any], words: str) -> None:
    """Somebody on the way between box and shop wants the keys, or the customers' numbers."""
    with pytest.raises(ConfigError, match=words):
        source_of(secrets=SECRETS, **{**BOTH, **table})


@pytest.mark.parametrize(
    ("number", "prefix", "ref"),
    [("N°\u00a01042", "", "N° 1042"), ("N°\u202f1042", "N°\u00a0", "1042"), ("\u200b1042\u200e", "", "1042")],
)
async def test_a_number_with_spaces_that_do_not_break_is_one(
    tmp_path: Path, number: str, prefix: str, ref: str
) -> None:
    table = WEBHOOKS | {"ref_prefix": prefix}
    async with open_front(tmp_path, secrets=SECRETS, clock=FakeClock(LATER), webshop=table) as front:
        await front.take(woo_hook(msgspec.json.encode(order(number=number))))
        assert await front.waiting() == []
        assert {told for _, told in await front.events()} == {ref}


async def test_one_bad_order_does_not_cost_the_others(tmp_path: Path) -> None:
    async with open_front(tmp_path, secrets=SECRETS, webshop=BOTH) as front:
        await poll(front, order(id=None), order(id=728, number="728", status=["odd"]), order(id=729, number="W-729"))
        assert {ref for _, ref in await front.events()} == {"W-729"}
        assert sorted(await front.waiting()) == ["polled: id is missing", "polled: status: expected text, not a list"]


NOTE = "&#" + "9" * 5000 + ";"


@pytest.mark.parametrize("field", ["customer_note", "line_items"])
async def test_what_a_guest_writes_costs_no_other_order(tmp_path: Path, field: str) -> None:
    """Anybody who orders wants the shop read no more: a character by a number of 5000 digits is more than Python reads."""
    written: dict[str, Any] = {"customer_note": NOTE, "line_items": [{"name": NOTE, "quantity": 1}]}
    async with open_front(tmp_path, secrets=SECRETS, webshop=BOTH) as front:
        await poll(front, order(**{field: written[field]}), order(id=728, number="728"))
        assert {ref for _, ref in await front.events()} == {"727", "728"}
        assert (front.intake.rows()[0].problem, await front.waiting()) == ("", [])


@pytest.mark.parametrize("kind", ["woocommerce", "shopify", "hubspot", "zoho", "mapped"])
def test_one_of_a_list_that_a_reader_fails_on_costs_no_other(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    read_one, read_all = {
        "woocommerce": ("snapshot", "read_orders"),
        "shopify": ("node", "read_nodes"),
        "hubspot": ("_record", "_records"),
        "zoho": ("_record", "_records"),
        "mapped": ("_heard", "read_items"),
    }[kind]
    table = {"type": "type", "order": {"ref": "id"}} if kind == "mapped" else {}
    source = source_of(kind, **table)
    real = getattr(source, read_one)

    def fails_on_the_first(one: Any) -> Any:
        value = getattr(one, "value", one)
        return real(one) if value["id"] != "1" else 1 / 0

    monkeypatch.setattr(source, read_one, fails_on_the_first)
    moment = "2026-11-24T10:15:00Z"
    record = {"balloon_order_status": "Ready", "Order_Status": "Ready", "status": "on-hold", "name": "2"}
    moments = {"date_modified_gmt": moment, "updatedAt": moment, "Modified_Time": moment}
    items = [{"id": id, "type": "order.ready", "properties": record, **record, **moments} for id in ("1", "2")]
    source.statuses = {} if kind in ("woocommerce", "shopify", "mapped") else {"ready": "order.ready"}
    reading = getattr(source, read_all)({"nodes": items} if kind == "shopify" else items)
    assert len(reading.snapshots) + len(reading.events) == 1
    assert reading.unread == ("1: reading it failed inside: ZeroDivisionError",)


async def test_an_order_shown_by_itself_that_a_reader_fails_on_is_kept_and_the_shop_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    shop = WooShop(clock.now)
    http = FakeHttp(lambda asked: shop.answer(asked.method, asked.path, asked.headers))
    async with open_front(tmp_path, secrets=SECRETS, http=http, clock=clock, webshop=BOTH) as front:
        await front.poll()
        shop.save(1, "on-hold")
        await front.poll()
        shop.hidden.add("archived")
        shop.save(1, "archived")
        await clock.advance(1000)
        monkeypatch.setattr(front.intake._sources["webshop"], "read_single", lambda response: 1 / 0)
        assert await front.poll() == 60
        assert await front.waiting() == ["polled: order 1: reading it failed inside: ZeroDivisionError"]


async def test_what_is_of_a_wrong_kind_is_left_out_and_named(tmp_path: Path) -> None:
    async with open_front(tmp_path, secrets=SECRETS, webshop=WEBHOOKS) as front:
        body = order(customer_note={"a": 1}, billing={"email": ["x"], "phone": "0151", "first_name": "Ada"})
        await front.take(woo_hook(msgspec.json.encode(body)))
        (event, *_) = await front.box.views.events("727:order.placed")
        unread = msgspec.json.decode(event.raw)["unread"]
        assert "customer_note: expected text, not an object" in unread
        assert "billing.email: expected text, not a list" in unread


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b'"x"',
        b"{",
        b"\xff\xfe{",
        b"[" * 10_000,
        b'{"id": 1}garbage',
        b'{"id": {}, "status": 1}',
    ],
)
async def test_what_is_signed_and_nonsense_is_kept_and_answered(tmp_path: Path, body: bytes) -> None:
    async with open_front(tmp_path, secrets=SECRETS, webshop=WEBHOOKS) as front:
        await front.take(woo_hook(body))
        assert len(await front.waiting()) == 1
        await front.take(woo_hook(body))
        (kept,) = (await front.box.quarantine.list(limit=5)).items
        assert kept.times == 2


async def test_odd_encodings_are_read(tmp_path: Path) -> None:
    text = sample("updated").decode().replace('"Ada"', '"Zoë"')
    for number, body in enumerate((b"\xef\xbb\xbf" + text.encode(), text.encode("utf-16"), text.encode("cp1252"))):
        async with open_front(tmp_path / str(number), secrets=SECRETS, webshop=WEBHOOKS) as front:
            await front.take(woo_hook(body))
            (known,) = await front.box.views.orders_by_ref(["727"])
            assert known.customer.name == "Zoë Lind"
