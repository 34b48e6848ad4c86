"""Mapped sources: expressions, tables, bodies of all kinds, the shipped presets on their systems' samples, and polling an ERP."""

from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.config import ConfigError, Store
from daemon.http import Request, Response
from daemon.intake import presets
from daemon.intake.base import Body, Reading, Unreadable
from daemon.intake.money import amount_of
from daemon.intake.registry import build
from outbox.model import Event
from tests.support.shared import shared
from tests.support.sources import NOW, AHook, FakeHttp, base64_hmac, json_response, open_front, source_of

ERP = {
    "id": "event_id",
    "type": "status",
    "at": "changed",
    "order": {"ref": "order_no", "source_id": "internal", "total": "total", "currency": "currency"},
    "customer": {"name": "join(' ', [first, last])", "email": "mail", "phone": "phone"},
    "statuses": {"Ready for pickup": "order.ready", "void": "order.cancelled", "parked": ""},
    "signature": {"kind": "token", "header": "X-Token"},
}
ERP_SECRETS = {"ERP_WEBHOOK_SECRET": "t0k"}


def read(value: Any, **table: Any) -> Reading:
    body = value if isinstance(value, bytes) else msgspec.json.encode(value)
    return source_of("mapped", name="erp", **{**ERP, **table}).read(Body(body), now=NOW)


def event(value: Any, **table: Any) -> Event:
    (heard,) = read(value, **table).events
    return heard.event


def erp_hook(value: Any, **changes: Any) -> AHook:
    return AHook(source="erp", body=msgspec.json.encode(value), headers={"x-token": "t0k"}, **changes)


# ---------------------------------------------------------------- expressions


def test_what_a_row_becomes() -> None:
    row = {
        "event_id": 77,
        "status": "  ready FOR pickup ",
        "changed": "2026-11-24T10:00:00",
        "order_no": " B-1042\n",
        "total": 48.5,
        "currency": "eur",
        "first": "Ada",
        "last": "Lind",
        "mail": "ADA@example.com",
        "phone": False,
    }
    made = event(row, tz="Europe/Berlin", money="number")
    assert (made.id, made.type, made.order.ref) == ("77:order.ready", "order.ready", "B-1042")
    assert (made.order.total, made.order.currency) == ("48.50", "EUR")
    assert made.occurred_at is not None
    assert made.occurred_at.isoformat() == "2026-11-24T09:00:00+00:00"
    assert made.customer is not None
    assert (made.customer.name, made.customer.email, made.customer.phone) == ("Ada Lind", "ada@example.com", None)


def test_a_day_that_is_promised_is_the_stores_whatever_zone_the_moments_are_in() -> None:
    """A date was read as midnight in UTC: in New York it was told as the evening before."""
    store = Store(timezone="America/New_York")
    for written, at in (("2026-11-25", "2026-11-25T00:00-05:00"), ("2026-11-25 11:00:00", "2026-11-25T06:00-05:00")):
        table = {"kind": "mapped", **ERP, "order": {"ref": "order_no", "promised_at": "day"}}
        body = Body(msgspec.json.encode({"event_id": 1, "status": "void", "order_no": "B-1", "day": written}))
        (heard,) = build("erp", table, {}, store).read(body, now=NOW).events
        assert heard.event.order.promised_at is not None
        assert heard.event.order.promised_at.astimezone(store.zone).isoformat(timespec="minutes") == at


@pytest.mark.parametrize("written", ["20261124101500", 20261124101500, "202611241015", "20261124T101500"])
def test_a_moment_in_digits_alone_is_no_epoch(written: object) -> None:
    """As milliseconds it was in the year 2612, or in 1976, so that the event came too late to be told."""
    made = event({"event_id": 1, "status": "void", "order_no": "B-1", "changed": written}, tz="Europe/Berlin")
    assert made.occurred_at is not None
    assert made.occurred_at.isoformat() == "2026-11-24T09:15:00+00:00"


def test_an_expression_that_raises_is_named_and_costs_no_event() -> None:
    (heard,) = read({"event_id": "1", "status": "void", "order_no": "B-1", "first": None}).events
    assert heard.event.customer is None
    assert any(one.startswith("customer.name:") for one in heard.odd)


def test_a_quantity_that_is_no_number_is_told_and_counts_as_one() -> None:
    """ "1,200" is a thousand to one sender and little more than one to another."""
    items = "lines[].{name: what, quantity: pieces}"
    row = {"event_id": 1, "status": "void", "order_no": "B-1", "lines": [{"what": "Arch", "pieces": "1,200"}]}
    (heard,) = read(row, order={"ref": "order_no", "items": items}).events
    assert [(item.name, item.quantity) for item in heard.event.order.items or ()] == [("Arch", 1)]
    assert [one for one in heard.odd if "expected a number, not '1,200'" in one]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"status": "void"}, "neither id, order.ref nor order.source_id was found"),
        ({"status": ["void"], "event_id": 1}, "type: expected text, not a list"),
    ],
)
def test_what_is_missing_or_wrong_is_named(row: dict[str, Any], reason: str) -> None:
    (unread,) = read(row).unread
    assert reason in unread


@pytest.mark.parametrize(("status", "keeps"), [("parked", False), ("unheard of", False), ("unheard of", True)])
def test_statuses_that_tell_nobody(status: str, keeps: bool) -> None:
    reading = read({"event_id": 1, "status": status, "order_no": "B-1"}, unknown="keep" if keeps else "ignore")
    assert reading.events == ()
    assert bool(reading.unread) is keeps
    if keeps:
        assert "'unheard of' is not in the `statuses` table" in reading.unread[0]


def test_without_a_table_the_status_is_one_of_our_types() -> None:
    assert event({"event_id": 1, "status": "order.ready", "order_no": "B-1"}, statuses={}).type == "order.ready"
    assert "is no event type" in read({"event_id": 1, "status": "Ready", "order_no": "B-1"}, statuses={}).unread[0]


def test_several_events_in_one_body() -> None:
    body = {"rows": [{"event_id": n, "status": "void", "order_no": f"B-{n}"} for n in range(3)] + [{"status": "void"}]}
    reading = read(body, each="rows[]")
    assert [heard.event.id for heard in reading.events] == [f"{n}:order.cancelled" for n in range(3)]
    assert len(reading.unread) == 1
    assert len(read(body["rows"]).events) == 3


def test_tests_and_what_is_to_be_skipped() -> None:
    row = {"event_id": 1, "status": "void", "order_no": "B-1", "mode": "test", "by": "us"}
    assert read(row, skip="by == 'us'").note == "passed over by `skip`"
    assert "test_orders" in read(row, test="mode == 'test'").note
    assert len(read(row, test="mode == 'test'", test_orders=True).events) == 1


def test_forms_and_forms_with_json_in_them() -> None:
    row = {"event_id": "1", "status": "void", "order_no": "B-1"}
    assert event(urlencode(row).encode(), body="form").order.ref == "B-1"
    assert (
        event(urlencode({"payload": msgspec.json.encode(row).decode()}).encode(), body="form:payload").order.ref
        == "B-1"
    )
    with pytest.raises(Unreadable, match="no field 'payload'"):
        read(b"other=1", body="form:payload")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"id": "a[["}, "id: 'a\\[\\[' is no JMESPath expression"),
        ({"order": {"reff": "x"}}, "order.reff: no such key; known are"),
        ({"statuses": {"a": "Ready!"}}, "is no event type"),
        ({"type": ""}, "type is missing"),
        ({"body": "xml"}, "write json, form"),
        ({"tz": "Mars/North"}, "is no time zone"),
        ({"preset": "strip"}, "there is no 'strip'"),
        ({"poll": "60s"}, "needs an `ask` table"),
        ({"signature": {"kind": "token"}}, "say where the token comes"),
        ({"signature": {"kind": "hmac"}}, "header is missing"),
        ({"signature": {"header": "x", "signed": "{url}"}}, "must hold {body}"),
        ({"signatur": {}}, "did you mean 'signature'"),
    ],
)
def test_a_table_that_can_not_be_meant(table: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words.replace("{", "\\{").replace("}", "\\}")):
        source_of("mapped", name="erp", **{**ERP, **table})


def test_a_kind_that_is_none() -> None:
    with pytest.raises(ConfigError, match="there is no 'magento'; there are pos, shopify"):
        source_of("magento")


# ---------------------------------------------------------------- money


@pytest.mark.parametrize(
    ("text", "form", "currency", "expected"),
    [
        ("4850", "minor", "eur", "48.50"),
        ("4850", "minor", "JPY", "4850"),
        ("4850", "minor", "KWD", "4.850"),
        ("48.5", "number", "GBP", "48.50"),
        ("40.75630", "decimal", "GBP", "40.76"),
        ("nothing", "decimal", "GBP", None),
        ("NaN", "decimal", "GBP", None),
        ("1e99", "decimal", "GBP", None),
    ],
)
def test_amounts(text: str, form: Any, currency: str, expected: str | None) -> None:
    assert amount_of(text, form, currency) == expected


# ---------------------------------------------------------------- orders by other names


async def test_an_order_is_found_by_the_id_that_its_source_has_for_it(tmp_path: Path) -> None:
    async with open_front(tmp_path, secrets=ERP_SECRETS, erp={"kind": "mapped", **ERP}) as front:
        await front.take(erp_hook({"event_id": 1, "status": "void", "internal": "pi_9"}))
        assert "no order is known by the id 'pi_9'" in (await front.waiting())[0]
        await front.take(erp_hook({"event_id": 2, "status": "void", "internal": "pi_9", "order_no": "B-7"}))
        await front.take(erp_hook({"event_id": 3, "status": "ready for pickup", "internal": "pi_9"}))
        await front.take(erp_hook({"event_id": 4, "status": "void", "internal": "pi_9", "order_no": "pi_9"}))
        assert [ref for _, ref in await front.events()] == ["B-7", "B-7", "B-7"]
        (kept,) = (await front.box.quarantine.list(state="waiting", limit=5)).items
        assert await front.intake.reread(await front.box.quarantine.get(kept.seq)) == ""
        assert (await front.events())[-1] == ("1:order.cancelled", "B-7")


async def test_what_is_told_by_the_id_alone_finds_the_order_that_has_a_number_by_now(tmp_path: Path) -> None:
    """Square tells of a fulfilment before the payment that says which order of the till it is."""
    secret, url = "square_secret", "https://relay.example.com/v1/hooks/square"

    def square(body: bytes) -> AHook:
        signed = base64_hmac(secret, url.encode() + body)
        return AHook(source="square", url=url, body=body, headers={"x-square-hmacsha256-signature": signed})

    ready = shared("samples/square-order-fulfillment-updated.json").read_bytes()
    sources = {"square": {"kind": "mapped", "preset": "square"}, "erp": {"kind": "mapped", **ERP}}
    secrets = {**ERP_SECRETS, "SQUARE_WEBHOOK_SECRET": secret}
    async with open_front(tmp_path, secrets=secrets, **sources) as front:
        await front.take(erp_hook({"event_id": 1, "status": "void", "order_no": "B-1042"}))
        await front.take(square(ready.replace(b'"PREPARED"', b'"RESERVED"')))
        await front.take(square(shared("samples/square-payment-updated.json").read_bytes()))
        await front.take(square(ready))
        square_id = "03O3USaPaAaFnI6kkwB1JxGgBsUZY"
        assert (await front.events())[1:] == [
            (f"{square_id}:order.in_production", square_id),
            ("hYy9pRFVxpDsO1FB05SunFWUe9JZY:payment.confirmed", "B-1042"),
            (f"{square_id}:order.ready", "B-1042"),
        ]


async def test_the_same_id_with_other_content_keeps_the_first_and_says_so(tmp_path: Path) -> None:
    async with open_front(tmp_path, secrets=ERP_SECRETS, erp={"kind": "mapped", **ERP}) as front:
        for total in (1, 1, 2):
            await front.take(erp_hook({"event_id": 1, "status": "void", "order_no": "B-7", "total": total}))
        assert await front.waiting() == []
        assert await front.events() == [("1:order.cancelled", "B-7")]
        (order,) = await front.box.views.orders_by_ref(["B-7"])
        assert order.total == "1.00"


async def test_an_address_is_checked_by_an_echo_where_the_sender_does_so(tmp_path: Path) -> None:
    table = {"kind": "mapped", **ERP, "challenge": "validationToken"}
    async with open_front(tmp_path, secrets=ERP_SECRETS, erp=table) as front:
        received = await front.take(AHook(source="erp", query=[("validationToken", "abc")]))
        assert (received.body, received.content_type) == (b"abc", "text/plain; charset=utf-8")


# ---------------------------------------------------------------- any body at all

KEYS = [
    "id",
    "status",
    "event_id",
    "order_no",
    "data",
    "object",
    "type",
    "payment",
    "orders",
    "nodes",
    "refunds",
    "order_id",
    "ids",
    "module",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=20,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(value=JSON, kind=st.sampled_from(["shopify", "woocommerce", "hubspot", "zoho", "pos", *presets.names()]))
def test_whatever_comes_is_read_or_named(value: Any, kind: str) -> None:
    """No body of JSON makes a reader fail in any other way than by saying what it could not read."""
    source = source_of("mapped", preset=kind) if kind in presets.names() else source_of(kind)
    with suppress(Unreadable):
        source.read(Body(msgspec.json.encode(value)), now=NOW)


@given(raw=st.binary(max_size=200))
def test_whatever_bytes_come_are_read_or_named(raw: bytes) -> None:
    sources = [source_of(kind) for kind in ("shopify", "woocommerce", "pos")]
    sources += [source_of("mapped", preset=preset) for preset in ("salesforce", "lightspeed")]
    for source in sources:
        with suppress(Unreadable):
            source.read(Body(raw), now=NOW)


# ---------------------------------------------------------------- polling an ERP


def _ask(**more: Any) -> dict[str, Any]:
    return {
        "url": "https://erp.example.com/api/orders?since={since}&page={page}",
        "items": "rows",
        "changed": "changed",
        "page_size": 2,
        **more,
    }


async def test_an_erp_is_asked_page_by_page(tmp_path: Path) -> None:
    rows = [
        {"event_id": n, "status": "void", "order_no": f"B-{n}", "changed": f"2026-11-24T10:15:{n:02}Z"}
        for n in (5, 1, 4, 2, 3)
    ]

    def answer(request: Request) -> Response:
        query = parse_qs(urlsplit(request.path).query)
        first = (int(query["page"][0]) - 1) * 2
        assert request.headers["Authorization"] == "Bearer key"
        return json_response({"rows": rows[first : first + 2]})

    secrets = {**ERP_SECRETS, "ERP_ACCESS_TOKEN": "key"}
    table = {"kind": "mapped", **ERP, "poll": "60s", "ask": _ask()}
    async with open_front(tmp_path, secrets=secrets, http=FakeHttp(answer), erp=table) as front:
        assert await front.poll("erp") == 60
        rows[0]["total"] = "12.00"
        assert await front.box.notes.get("source.erp.cursor") == str(NOW)  # what is dated later can't carry it away
        await front.clock.advance(60)
        assert await front.poll("erp") == 60
        assert (await front.box.audit.list(kind="event.conflict", limit=5)).items == []
        assert sorted(ref for _, ref in await front.events()) == [f"B-{n}" for n in range(1, 6)]
        assert parse_qs(urlsplit(front.http.asked[0].path).query)["since"] == ["2026-11-24T10:15:00Z"]
        assert await front.box.notes.get("source.erp.cursor") == str(NOW + 5000)


async def test_an_erp_that_names_its_next_page_and_times_in_its_zone(tmp_path: Path) -> None:
    def answer(request: Request) -> Response:
        asked = msgspec.json.decode(request.body)
        row = {"event_id": asked["after"] or "1", "status": "void", "order_no": "B-1", "changed": "2026-11-24 11:15:01"}
        return json_response({"rows": [row], "next": None if asked["after"] else "x"})

    ask = _ask(
        url="https://erp.example.com/find",
        method="POST",
        body='{"since": "{since}", "after": "{page}"}',
        next="next",
        auth="basic",
        since="%Y-%m-%d %H:%M:%S",
    )
    table = {"kind": "mapped", **ERP, "poll": "60s", "tz": "Europe/Berlin", "ask": ask}
    secrets = {"ERP_KEY": "k", "ERP_SECRET": "s"}
    async with open_front(tmp_path, secrets=secrets, http=FakeHttp(answer), erp=table) as front:
        assert await front.poll("erp") == 60
        assert [id for id, _ in await front.events()] == ["1:order.cancelled", "x:order.cancelled"]
        assert b'"since": "2026-11-24 11:15:00"' in front.http.asked[0].body
        assert front.http.asked[0].headers["Authorization"] == "Basic azpz"


async def test_pages_without_end_are_given_up(tmp_path: Path) -> None:
    rows = [{"event_id": n, "status": "void", "order_no": "B-1", "changed": "2026-11-24T10:15:01Z"} for n in (1, 2)]
    table = {"kind": "mapped", **ERP, "poll": "60s", "ask": _ask(auth="none")}
    http = FakeHttp(lambda request: json_response({"rows": rows}))
    async with open_front(tmp_path, secrets=ERP_SECRETS, http=http, erp=table) as front:
        assert await front.poll("erp") == 300
        assert "no end to its pages" in front.intake.rows()[0].problem
