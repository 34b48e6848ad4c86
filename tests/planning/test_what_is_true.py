"""What a text says is so at the moment at which it goes out, and is written as people there write it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from daemon.config import Settings
from daemon.planner.moments import milliseconds
from daemon.planner.render import Renderer
from daemon.planner.sms_text import simplify
from outbox.model import Customer, Item, OrderFields
from tests.support.planning import HOUR, NOW, SHOP, event, order

PAY = "https://pay.example/7"


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(Settings(store=SHOP))


def told(renderer: Renderer, kind: str, locale: str = "en", medium: Any = "sms", **more: Any) -> str:
    given = {"event": event(kind), "order": order(status=kind), **more}
    return renderer.render(kind, medium, locale, **given).text


def test_a_time_that_is_over_when_it_goes_out_is_not_promised(renderer: Renderer) -> None:
    """It waited for the morning, or for the line."""
    waits = {"order": order(status="order.ready", fulfilment="delivery", promised_at=NOW + HOUR)}
    at = waits["order"].promised_at
    assert at is not None
    time = datetime.fromtimestamp(at / 1000, UTC).strftime("%H:%M")
    assert time in told(renderer, "order.ready", **waits, now=NOW)
    assert time not in told(renderer, "order.ready", **waits, now=NOW + 9 * HOUR)


@pytest.mark.parametrize("kind", ["staff.contact", "staff.message"])
def test_nor_is_one_where_staff_bring_the_news_hours_later(renderer: Renderer, kind: str) -> None:
    waits = order(status="order.ready", fulfilment="delivery", promised_at=NOW + HOUR)
    for hours, told_it in ((0, True), (4, False)):
        text = told(renderer, "order.ready", event=event(kind), order=waits, now=NOW + hours * HOUR)
        assert ("11:15" in text) is told_it


def test_a_delay_tells_its_new_time_though_that_is_over_when_it_goes_out(renderer: Renderer) -> None:
    """Without it, it would say that nobody knows the time yet, and that it will be told."""
    new = datetime.fromtimestamp((NOW + HOUR) / 1000, UTC)
    late = event("order.delayed", order=OrderFields(ref="B-1042", promised_at=new))
    given = {"event": late, "order": order(status="order.delayed", promised_at=NOW + HOUR)}
    assert new.strftime("%H:%M") in told(renderer, "order.delayed", **given, now=NOW + 2 * HOUR)


@pytest.mark.parametrize(
    ("locale", "waits"),
    [("en", "has to wait"), ("de", "ruht"), ("fr", "en attente"), ("es", "queda en espera")],
)
def test_an_order_that_is_made_does_not_wait_for_its_payment(renderer: Renderer, locale: str, waits: str) -> None:
    assert waits in told(renderer, "payment.failed", locale, order=order(status="order.placed"))
    for status in ("order.in_production", "order.ready", "order.completed"):
        assert waits not in told(renderer, "payment.failed", locale, order=order(status=status))


@pytest.mark.parametrize("kind", ["order.cancelled", "order.completed", "payment.confirmed"])
def test_a_mail_that_asks_for_nothing_has_no_pay_link(renderer: Renderer, kind: str) -> None:
    status = {"order": order(status=kind, payment="payment.confirmed" if kind.startswith("payment") else "")}
    mail = renderer.render(kind, "email", "en", event=event(kind, data={"pay_url": PAY}), **status)
    assert PAY not in f"{mail.text}{mail.html}"
    asks = renderer.render(
        "payment.failed", "email", "en", event=event("payment.failed", data={"pay_url": PAY}), order=order()
    )
    assert PAY in asks.text
    assert asks.html is not None
    assert PAY in asks.html


def test_a_pay_link_that_is_none_costs_no_mail(renderer: Renderer) -> None:
    for odd in (5, ["a"], {"a": 1}):
        renderer.render(
            "order.placed", "email", "en", event=event("order.placed", data={"pay_url": odd}), order=order()
        )


def test_who_is_not_refunded_whole_by_the_source_s_word_is_not(renderer: Renderer) -> None:
    left = order(status="order.ready", total="18.50", currency="GBP")
    part = event("refund.issued", data={"amount": "30.00", "currency": "GBP", "full": False})
    words = renderer.render("refund.issued", "chat", "en", event=part, order=left, audience="team").text
    assert "All of it was paid back" not in words


def test_a_cancelled_order_gives_back_no_negative_sum(renderer: Renderer) -> None:
    given = event("order.cancelled", data={"amount": "-48.50", "currency": "GBP"})
    mail = renderer.render("order.cancelled", "email", "en", event=given, order=order(status="order.cancelled"))
    assert "-£" not in mail.text
    assert "£48.50" in mail.text


def test_nor_does_a_refund_that_staff_bring_on_its_way(renderer: Renderer) -> None:
    given = event("staff.contact", data={"amount": "-48.50", "currency": "GBP"})
    assert "refunded £48.50" in told(renderer, "refund.issued", event=given, order=order())


def test_a_cancellation_that_staff_bring_on_its_way_promises_nothing(renderer: Renderer) -> None:
    given = {"event": event("staff.contact"), "order": order(status="order.cancelled", promised_at=NOW + HOUR)}
    mail = renderer.render("order.cancelled", "email", "en", **given)
    assert "11:15" not in f"{mail.text}{mail.html}"


def test_nobody_is_told_how_they_get_what_nobody_said(renderer: Renderer) -> None:
    given = event("order.changed", data={"changed": ["fulfilment"]})
    for locale, word in (("en", "collect"), ("de", "Abholung"), ("fr", "retirer"), ("es", "recoges")):
        assert word not in told(renderer, "order.changed", locale, event=given, order=order())


@pytest.mark.parametrize(
    ("locale", "item", "of_one"), [("de", "Sternballons", "fehlt"), ("es", "Globos estrella", "se nos ha agotado")]
)
@pytest.mark.parametrize("medium", ["sms", "email"])
def test_what_ran_out_may_be_several(renderer: Renderer, locale: str, item: str, of_one: str, medium: Any) -> None:
    given = event("order.out_of_stock", data={"item": item})
    text = told(renderer, "order.out_of_stock", locale, medium, event=given)
    assert item in text
    assert of_one not in text


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("The Party Company Ltd", "The Party Company Ltd"),
        ("Firma Huber GmbH", "Firma Huber GmbH"),
        ("Ana Sa", "Ana"),
        ("Peter Co", "Peter"),
        ("Theodora Weber", "Theodora"),
    ],
)
def test_a_firm_is_called_by_its_whole_name(renderer: Renderer, name: str, called: str) -> None:
    text = told(renderer, "order.ready", order=order(status="order.ready", customer=Customer(name=name)))
    assert text.startswith(f"Hi {called},")


def test_the_first_of_a_month_and_a_fraction_are_written_as_there(renderer: Renderer) -> None:
    first = milliseconds(datetime(2026, 12, 1, 12, tzinfo=UTC))
    given = order(status="order.ready", promised_at=first, items=(Item(name="Ruban", quantity=2.5),))
    mail = renderer.render("order.ready", "email", "fr", event=event(order=OrderFields(ref="B-1042")), order=given)
    assert "1er déc" in mail.text
    assert "2,5 × Ruban" in mail.text


@pytest.mark.parametrize(("written", "plain"), [("1.º B", "1.o B"), ("bat. n° 3", "bat. no 3"), ("₹1,048", "Rs 1,048")])
def test_a_mark_that_costs_a_text_its_alphabet_is_written_plainly(written: str, plain: str) -> None:
    assert simplify(written).text == plain
