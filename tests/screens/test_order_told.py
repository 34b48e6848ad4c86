"""The order's page answers first what staff ask first: does the customer know, what is it, when."""

from typing import Any

import pytest

from tests.support.counter import opened
from tests.support.sample_shop import MINUTE, NOW, SampleShop, moment
from tui.shop.state import is_telling

HUBSPOT: dict[str, Any] = {"name": "hubspot", "title": "HubSpot", "medium": "crm", "state": "ready"}


def with_crm() -> SampleShop:
    """Ada's order, of which a customer system was told as well: twice, once in vain."""
    shop = SampleShop.ordinary()
    shop.channels["hubspot"] = shop.channels["slack"] | HUBSPOT
    for state in ("delivered", "failed"):
        shop.add_message("B-1042", "order.ready", now=NOW - MINUTE, state=state, channel="hubspot", audience="customer")
    return shop


def head_of(text: str) -> list[str]:
    """What stands above the story."""
    lines = text.splitlines()[2:]
    return lines[: next(n for n, line in enumerate(lines) if "───" in line)]


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40), (200, 50)])
async def test_first_stands_whether_the_customer_knows(size: tuple[int, int]) -> None:
    async with opened(size=size) as counter:
        counter.app.open_order("B-1042")
        await counter.see("Told by text 09:55, delivered ✓", "on my way!")
        name, told, items, facts, reach = (line.strip() for line in head_of(counter.text))
        assert name.startswith("B-1042  Ada  READY since 09:45")
        assert told == "Told by text 09:55, delivered ✓"
        assert items == "Helium bouquet, 12"
        assert facts == "pick-up 12:00 · waiting for 30 min · £48.50 paid"
        assert reach.startswith("text ✓ +44…0123")
        assert "Twilio" not in counter.text


async def test_one_who_does_not_know_stands_there_with_the_reason() -> None:
    async with opened() as counter:
        counter.app.open_order("B-1039")
        await counter.see("NOT TOLD: ", "text ✗ none")
        assert head_of(counter.text)[1].strip().startswith("NOT TOLD: ")


async def test_one_who_wants_no_chat_is_shown_so() -> None:
    async with opened() as counter:
        counter.service.shop.orders["B-1042"]["optouts"] = {"chat": "STOP"}
        counter.app.open_order("B-1042")
        await counter.see("text ✓ +44…0123", "chat ✗ not wanted")


async def test_a_number_that_can_be_none_is_not_ticked() -> None:
    """ "text ✓ 12…" stood there beside a customer whom no text reaches."""
    async with opened() as counter:
        counter.service.shop.orders["B-1042"]["unusable"] = ["phone"]
        counter.app.open_order("B-1042")
        await counter.see("text ✗ unusable +44…0123", "e-mail ✓ a…@example.com")


async def test_what_a_shop_asks_of_its_customers_besides_is_no_medium() -> None:
    """Shops tell of consents of their own: "advertising ✗ not wanted" stood there for one who gets every word of the order."""
    async with opened() as counter:
        counter.service.shop.orders["B-1042"]["optouts"] = {
            "advertising": "the customer does not want it",
            "chat": "STOP",
        }
        counter.app.open_order("B-1042")
        await counter.see("a…@example.com   chat ✗ not wanted")
        assert "advertising" not in counter.text


async def test_what_waits_says_when_it_goes_and_what_is_not_known_says_so() -> None:
    async with opened() as counter:
        counter.app.open_order("B-1047")
        await counter.see("Will be told by text in 12 s")
        await counter.press("escape")
        counter.app.open_order("B-1040")
        await counter.see("Not sure whether the e-mail of 10:12 arrived", "late")
        await counter.press("escape")
        counter.app.open_order("B-1043")
        await counter.see("Nothing was sent about this step")


def also(entry: dict[str, Any]) -> SampleShop:
    """The ordinary day, with one thing more in each order's story."""
    shop = SampleShop.ordinary()
    ordinary = shop.story

    def story(order: dict[str, Any]) -> dict[str, Any]:
        told = ordinary(order)
        return told | {"timeline": [*told["timeline"], {"at": moment(NOW)} | entry]}

    shop.story = story  # type: ignore[method-assign]
    return shop


async def test_a_call_tells_too_and_says_who_phoned() -> None:
    shop = SampleShop.ordinary()
    told = {"state": "delivered", "reason": "phoned by Kim", "reason_code": "phoned", "reason_args": {"who": "Kim"}}
    shop.orders["B-1039"]["told"] |= told | {"at": moment(NOW)}
    async with opened(shop) as counter:
        counter.app.open_order("B-1039")
        await counter.see("✓ phoned by Kim 10:15")
        assert head_of(counter.text)[1].strip() == "✓ phoned by Kim 10:15"


async def test_customer_systems_are_one_line_that_opens() -> None:
    async with opened(with_crm(), size=(100, 30)) as counter:
        counter.app.open_order("B-1042")
        await counter.see("+ 2 to CRM and app", "1 in trouble", "on my way!")
        assert "HubSpot" not in counter.text
        assert is_telling(counter.app.session.shop.messages["m00001"])
        await counter.press("end", "enter")
        await counter.see("✗ failed   CRM (HubSpot): “ready”", "Enter hides them again.")
        await counter.press("enter")
        await counter.until(lambda: "HubSpot" not in counter.text)


async def test_a_providers_own_words_wait_for_who_looks_closer() -> None:
    """Staff read that a text was refused; the provider's name, sentence and number are in the detail."""
    shop = SampleShop.ordinary()
    message = shop.add_message("B-1043", "order.confirmed", now=NOW - MINUTE, state="failed")
    shop.orders["B-1043"]["told"] = shop.told(message)
    shop.attempts[message["id"]] = [
        {"n": 1, "channel": "twilio", "started_at": moment(NOW), "outcome": "rejected", "detail": "Attempt to send to "
         "unsubscribed recipient (21610)", "sent": {"text": "Hi Lin"}, "receipt": None}
    ]  # fmt: skip
    async with opened(shop) as counter:
        counter.app.open_order("B-1043")
        await counter.see("→ text refused", "Twilio says: Attempt to send to unsubscribed recipient (21610)")
        assert "21610" not in counter.line("→ text refused")


async def test_who_did_it_is_a_name() -> None:
    async with opened(also({"kind": "event", "type": "order.ready", "source": "counter", "actor": "Kim"})) as counter:
        counter.app.open_order("B-1042")
        await counter.see("ready   Kim")


async def test_what_the_record_calls_by_a_name_of_its_own_has_words() -> None:
    async with opened(also({"kind": "override", "type": "reply.read", "actor": "Kim"})) as counter:
        counter.app.open_order("B-1042")
        await counter.see("reply read   Kim")
        assert "reply.read" not in counter.text


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("es", "Avisado por SMS 09:55, entregado ✓"),
        ("fr", "Prévenu par SMS 09:55, remis ✓"),
        ("de", "Benachrichtigt per SMS 09:55, zugestellt ✓"),
    ],
)
async def test_it_is_told_in_the_screens_language(language: str, words: str) -> None:
    async with opened(language=language) as counter:
        counter.app.open_order("B-1042")
        await counter.see(words)
