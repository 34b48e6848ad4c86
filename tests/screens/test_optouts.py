"""Opt-outs by hand: a usable number or address, or a customer by their name; and finding one that stands."""

import gc

import pytest
from textual.widgets import Input

from tests.support.counter import Counter, opened
from tests.support.sample_shop import DAY, NOW, SampleShop, moment
from tests.support.typist import Typist
from tui.line.tempo import Tempo


async def at_box(counter: Counter, typed: str) -> None:
    await counter.press("6")
    await counter.see("Noted 15 Nov")
    await counter.press("a")
    await counter.see("or the name on an order")
    await counter.type(typed)


async def test_by_a_number() -> None:
    async with opened() as counter:
        await at_box(counter, "07700 900777")
        await counter.press("enter")
        await counter.see("It is noted: no more of that.")
        (body,) = counter.posted("/optouts")
        assert body == {"medium": "sms", "address": "07700 900777", "reason": "asked at the counter"}


async def test_by_the_name_on_an_order_whose_number_the_screen_does_not_know() -> None:
    async with opened() as counter:
        await at_box(counter, "kof")
        await counter.see("B-1039", "Kofi")
        await counter.press("enter", "enter")
        await counter.see("It is noted: no more of that.")
        (body,) = counter.posted("/optouts")
        assert body == {"medium": "sms", "order_ref": "B-1039", "reason": "asked at the counter"}


async def test_a_mail_address_wants_no_more_mail_until_something_else_is_chosen() -> None:
    """The text that stood there went with a mail address, which was said to be none."""
    async with opened() as counter:
        await at_box(counter, "ada@example.com")
        await counter.see("[e-mail]")
        await counter.press(*["backspace"] * 20)
        await counter.see("[text]")
        await counter.type("ada@example.com")
        await counter.press("enter")
        await counter.see("It is noted: no more of that.")
        (body,) = counter.posted("/optouts")
        assert body == {"medium": "email", "address": "ada@example.com", "reason": "asked at the counter"}


async def test_by_the_line() -> None:
    async with opened() as counter:
        await counter.press("slash")
        await counter.type("stop ada@example.com")
        await counter.press("enter")
        await counter.see("[e-mail]")
        await counter.press("enter")
        await counter.see("It is noted: no more of that.")
        assert [body["medium"] for body in counter.posted("/optouts")] == ["email"]


@pytest.mark.parametrize(
    ("typed", "turns"),
    [("ada@example.com", ["left"]), ("07700 900777", ["right"])],
    ids=["no more texts", "no more mails"],
)
async def test_an_address_of_the_other_kind_is_no_wrong_address(typed: str, turns: list[str]) -> None:
    async with opened() as counter:
        await at_box(counter, typed)
        await counter.press("tab", "tab", *turns, "shift+tab", "shift+tab", "enter")
        await counter.see("A text goes to a number, an e-mail to a mail address.")
        assert counter.posted("/optouts") == []


async def test_app_messages_go_to_no_address_that_anybody_types() -> None:
    """It was noted, and held for nobody."""
    async with opened() as counter:
        await at_box(counter, "07700 900777")
        await counter.press("tab", "tab", *["right"] * 3, "shift+tab", "shift+tab", "enter")
        await counter.see("[app]", "App messages are stopped by an order")
        assert counter.posted("/optouts") == []


@pytest.mark.parametrize("typed", ["100234", "ada@example.com"])
async def test_app_messages_are_stopped_by_whatever_finds_an_order(typed: str) -> None:
    """A shop's own number looks like a telephone number: who typed it was told to type it."""
    shop = SampleShop.ordinary()
    shop.add_order("100234", "order.ready", "ready", now=NOW, name="Ada")
    shop.orders["100234"]["customer"]["email"] = "ada@example.com"
    async with opened(shop) as counter:
        await at_box(counter, typed)
        await counter.press("tab", "tab", *["right"] * (2 if "@" in typed else 3))
        await counter.see("[app]")
        await counter.press("shift+tab", "shift+tab", "enter", "enter")
        await counter.see("It is noted: no more of that.")
        (body,) = counter.posted("/optouts")
        assert (body["medium"], body["order_ref"]) == ("push", "100234")


async def test_by_a_name_without_its_accents() -> None:
    async with opened() as counter:
        await at_box(counter, "zoe")
        await counter.see("B-1047", "Zoë")


@pytest.mark.parametrize("typed", ["Gita", "99"])
async def test_what_is_neither_is_not_noted(typed: str) -> None:
    async with opened() as counter:
        await at_box(counter, typed)
        await counter.press("enter")
        await counter.see("This can be no telephone number or e-mail address.")
        assert counter.posted("/optouts") == []


async def test_what_the_service_refuses_is_asked_for_again_with_what_was_typed() -> None:
    async with opened() as counter:
        counter.service.refuse["/v1/optouts"] = (422, "address: this can't be a usable phone number (GB)")
        await counter.press("6", "a")
        await counter.see("or the name on an order")
        await counter.type("0770090")
        await counter.press("enter")
        await counter.see("This can be no telephone number or e-mail address.", "0770090")
        await counter.type("0")
        assert counter.app.screen.query_one("#who", Input).value == "07700900", "the digit that was missing"


async def test_one_is_found_by_part_of_its_number() -> None:
    shop = SampleShop.ordinary()
    shop.optouts["o2"] = {
        "id": "o2", "medium": "email", "address": "g…@example.com", "reason": "no mail please", "actor": "Kim", "at": moment(NOW - DAY),
    }  # fmt: skip
    async with opened(shop) as counter:
        await counter.press("6")
        await counter.see("+44…0777", "g…@example.com")
        await counter.press("slash")
        await counter.type("0777")
        await counter.until(lambda: "g…@example.com" not in counter.text)
        await counter.see("+44…0777")
        await counter.press("escape")
        await counter.see("g…@example.com")


async def test_from_the_orders_found_one_comes_back_to_what_was_typed() -> None:
    async with opened() as counter:
        await at_box(counter, "kof")
        await counter.see("B-1039", "Kofi")
        await counter.press("down", "up", "i")
        assert counter.app.screen.query_one("#who", Input).value == "kofi"


async def test_the_words_of_who_was_forgotten_meanwhile_are_gone() -> None:
    async with opened() as counter:
        await counter.press("6")
        await counter.see("+44…0777", "“STOP”")
        counter.service.shop.optouts["o1"] |= {"address": "", "reason": "asked for silence"}
        counter.service.tell("reset", {})
        await counter.see("forgotten", "“asked for silence”")
        assert "+44…0777" not in counter.text


async def test_what_was_asked_at_another_store_says_where() -> None:
    shop = SampleShop.ordinary()
    shop.optouts["o1"] |= {"store": "Soho", "actor": ""}
    async with opened(shop) as counter:
        await counter.press("6")
        await counter.see("Asked at Soho, 15 Nov 10:15. It counts here too.")


async def test_a_name_that_begins_with_the_key_to_add_one_leaves_nothing_behind() -> None:
    """As fast as a scanner, so that the box's work had not begun when it was taken back: what is never awaited is a warning, which fails here."""
    async with opened(tempo=Tempo()) as counter:
        typist = Typist(counter)
        await typist.presses("6")
        await typist.rest()
        await typist.types("ada", [0.001] * 3, {0, 1, 2})
        await counter.until(lambda: counter.app.omnibox.text == "ada")
        gc.collect()
