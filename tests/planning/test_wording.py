"""What a message may repeat of somebody who may post events, but not write to customers."""

from typing import Any

import pytest

from daemon.config import Settings
from daemon.planner.render import Renderer
from daemon.planner.wording import LONGEST_NAME, Wording
from outbox.model import Event, Item, Medium, Order, OrderFields

SENTENCE = "Your parcel is held: ring us at once and have your card at hand"


def text(medium: Medium, type: str, *, plain: bool, audience: str = "customer", **data: Any) -> str:
    event = Event("e", type, OrderFields("B-1"), data=data)
    order = Order(ref="B-1", source="till-1", items=(Item(SENTENCE * 3),), note=SENTENCE, created_at=0, updated_at=0)
    made = Renderer(Settings()).render(type, medium, "en", event=event, order=order, audience=audience, plain=plain)
    return f"{made.text}{made.html}"


@pytest.mark.parametrize(
    ("type", "key"),
    [
        ("order.customization_needed", "question"),
        ("order.cancelled", "message"),
        ("order.delayed", "message"),
        ("order.out_of_stock", "item"),
        ("refund.issued", "message"),
        ("return.requested", "message"),
        ("payment.failed", "pay_url"),
        ("order.out_for_delivery", "tracking_url"),
    ],
)
@pytest.mark.parametrize("medium", ["sms", "email"])
def test_sentences_and_links_stay_out(medium: Medium, type: str, key: str) -> None:
    said = "https://evil.example/pay" if key.endswith("_url") else SENTENCE
    assert said not in text(medium, type, plain=True, **{key: said})
    if medium == "email":
        assert said in text(medium, type, plain=False, **{key: said})


def test_values_go_in() -> None:
    told = text("sms", "order.out_of_stock", plain=True, item="Gold star", alternatives=["silver", SENTENCE, "red"])
    assert "Gold star" in told
    assert "silver or red" in told


def test_what_was_ordered_is_named_as_far_as_a_name_goes() -> None:
    assert SENTENCE[:50] in text("email", "order.ready", plain=True)
    assert SENTENCE * 2 not in text("email", "order.ready", plain=True)


def test_a_name_is_looked_through_as_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty names of 4000 characters in one event of a till kept the service from all else for minutes, and again after each start.
    And a link of theirs began where a name was cut."""
    cut = "x" * (LONGEST_NAME - len(" evil.com")) + " evil.com"
    assert "evil.com" not in Wording(plain=True).name(f"{cut}_")
    looked: list[int] = []

    def look(text: str) -> str:
        looked.append(len(text))
        return text

    monkeypatch.setattr("daemon.planner.wording.without_links", look)
    assert Wording(plain=True).name("a." * 2000) == "a." * (LONGEST_NAME // 2)
    assert looked == [LONGEST_NAME]


def test_the_team_reads_all_of_it() -> None:
    asked = text("chat", "order.customization_needed", plain=True, audience="team", question=SENTENCE)
    assert SENTENCE in asked


@pytest.mark.parametrize("type", ["payment.failed", "payment.pending"])
@pytest.mark.parametrize("locale", ["en", "es", "fr", "de"])
def test_the_link_to_pay_stands_in_a_text_where_it_leads_to_the_stores_own_shop(type: str, locale: str) -> None:
    """Somebody with a till's token, or an order's note, wants customers to pay on a page of theirs."""
    shop = {"kind": "woocommerce", "url": "https://shop.example"}
    renderer = Renderer(Settings(sources={"webshop": shop, "crm": {"kind": "mapped", "url": "https://script.example"}}))

    def told(url: str, *, plain: bool = False) -> str:
        event = Event("e", type, OrderFields("B-1"), data={"pay_url": url})
        order = Order(ref="B-1", source="webshop", created_at=0, updated_at=0)
        return renderer.render(type, "sms", locale, event=event, order=order, plain=plain).text

    link = "https://shop.example/checkout/order-pay/1/?pay_for_order=true&key=wc_order_x"
    assert f"{link} " in told(link)
    for strange in (
        "https://shop.example.evil.example/pay",
        "https://shop.example@evil.example/pay",
        "https://script.example/pay",
    ):
        assert "/pay" not in told(strange)
    assert "https:" not in told(link, plain=True)
