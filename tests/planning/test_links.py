"""Links in what customers and tills wrote: as a phone finds them, in whatever guise; the store's own text keeps its own."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daemon.config import Settings, Sms, Store, Templates
from daemon.planner.links import has_links, without_links
from daemon.planner.render import Renderer
from outbox.model import Customer, Event, Item, Order, OrderFields

LINKS = [
    "https://evil.com/x?y=1",
    "HTTP://EVIL.COM",
    "http:/evil.com",
    "hxxp://evil.com",
    "evil.com",
    "Evil.Com/pay",
    "www.evil.zip",
    "evil.co.uk:8080/a",
    "evil。com",
    "ｅｖｉｌ．ｃｏｍ",
    "e\u00advil.com",
    "e\u200bvil.com",
    "xn--e1afmkfd.xn--p1ai",
    "пример.рф",
    "аpple.com",
    "ada@evil.com",
    "203.0.113.7/pay",
    "203.0.113.7",
    "bit.ly/3x",
    "wa.me/447700900123",
    "javascript:alert(1)",
    "mailto:a@b",
    "tel:0900123456",
    "https://good.com@evil.com/",
    "https://good.com\\@evil.com/",
    "good.com.evil.com",
    "notgood.com",
    "ftp://good.com/",
]


@pytest.mark.parametrize("link", LINKS)
def test_what_a_phone_makes_a_link_of_goes(link: str) -> None:
    assert without_links(f"Pay at {link} now", ["good.com"]) == "Pay at now"
    assert has_links(link)


@pytest.mark.parametrize("link", ["good.com", "https://good.com/t/1?a=b", "track.good.com/7", "HTTP://Good.com."])
def test_a_host_that_the_store_allows_stays(link: str) -> None:
    assert without_links(f"See {link}", ["Good.com"]) == f"See {link}"
    assert without_links(f"See {link}") == "See"


@pytest.mark.parametrize(
    "text",
    [
        "12.50 GBP",
        "B-1042",
        "e.g. gold, 18 in.",
        "10.30pm",
        "Re: foil no. 7",
        "Hotel:Adlon, Metadata:none",
        "v1.2.3",
        "Grüße — 👨‍👩‍👧 ok...",
        "#1001/2",
    ],
)
def test_plain_words_stay(text: str) -> None:
    assert without_links(text) == text


def test_what_only_may_be_a_domain_is_taken_apart() -> None:
    assert without_links("More foam.Please ring.Thanx") == "More foam. Please ring. Thanx"


@given(st.text(alphabet="ab.@:/\\-_ 12。комxn", max_size=40))
@example("1。aкa1:\\")
@example("evil.comкa1:/")
@example("е.кa1:/" * 9)
def test_nothing_that_is_left_is_a_link(text: str) -> None:
    """A stranger wraps one link in another: what stands around it is one once that is gone."""
    assert not has_links(without_links(text))


def test_a_field_as_long_as_an_event_may_be_is_looked_through_at_once() -> None:
    for text in ("a." * 120_000, "a" * 250_000, "a-" * 120_000, "1." * 120_000, "a@" * 120_000):
        assert len(without_links(text)) <= 8000


def test_what_takes_more_room_once_it_is_plain_is_no_longer_for_that() -> None:
    """Unicode has characters that stand for four and more: as many as a field may have would be looked through four times as long."""
    assert without_links("。" + "㏂" * 1000) == "." + ("a.m." * 1000)[:3999]


@pytest.fixture(scope="module")
def renderer(tmp_path_factory: pytest.TempPathFactory) -> Renderer:
    own = tmp_path_factory.mktemp("texts")
    (own / "en").mkdir()
    (own / "en" / "order.ready.sms.j2").write_text(
        "{{ order.ref }}|{{ customer.name }}|{{ order.note }}|{{ order.url }}|{{ order.items[0].name }}|"
        "{{ event.data.where }}|{{ event.data.deep.more }}|{{ event.data.many|listed }}|{{ store.url }} https://ours.example/a"
        "{% if not order.note %}§{{ event.type }}{% endif %}"
    )
    store = Store(url="https://balloons.example")
    return Renderer(Settings(store=store, templates=Templates(path=Path(own)), sms=Sms(links=("good.com",))))


def rendered(renderer: Renderer, word: str, medium: str = "sms") -> str:
    data = {"where": f"at {word}", "deep": {"more": f"to {word}"}, "many": [f"by {word}", "b"]}
    event = Event("e", "order.ready", OrderFields("B-1"), data=data)
    customer = Customer(name=f"Ada {word}")
    order = Order(
        ref=f"B {word}",
        source="till-1",
        note=f"see {word}",
        url=f"https://{word}/o",
        items=(Item(f"foil {word}"),),
        customer=customer,
        created_at=0,
        updated_at=0,
    )
    return renderer.render("order.ready", medium, "en", event=event, order=order).text  # type: ignore[arg-type]


def test_every_field_of_a_text_message_loses_its_links_but_not_the_stores_own(renderer: Renderer) -> None:
    """Who sets an order's fields wants a link of theirs in a text that bears the shop's number."""
    text = rendered(renderer, "evil-shop.com")
    assert "evil-shop.com" not in text
    assert text == "B evil-shop com||see||foil|at|to|by or b|https://balloons.example https://ours.example/a"
    assert text.count("evil") == 1, "a reference is named in any case, taken apart"


def test_a_type_is_no_link_either(renderer: Renderer) -> None:
    """Any lower-case words joined by dots are an event's type: a domain too."""
    order = Order(ref="B-1", source="till-1", items=(Item("foil"),), created_at=0, updated_at=0)
    told = [
        renderer.render("order.ready", "sms", "en", event=Event("e", type, OrderFields("B-1")), order=order).text
        for type in ("evil.com", "loyalty.points", "order.ready")
    ]
    assert [text.partition("§")[2] for text in told] == ["", "loyalty.points", "order.ready"]


def test_hosts_that_the_store_allows_stay_in_every_field(renderer: Renderer) -> None:
    assert rendered(renderer, "track.good.com").count("track.good.com") == 8
