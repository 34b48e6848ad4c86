"""A customer who could not be told is helped: by an address, another way, or by whoever stands at the counter."""

import pytest
from textual.widgets import Input

from tests.support.counter import Counter, opened
from tests.support.sample_shop import DAY, NOW, SampleShop, moment, reasoned
from tui.widgets.rows import Rows


async def at_fix(counter: Counter, ref: str = "B-1039") -> None:
    counter.app.open_order(ref)
    await counter.see(f"{ref}  ")
    await counter.press("f")
    await counter.see("kept with the order")


async def test_a_number_typed_reaches_them() -> None:
    async with opened() as counter:
        await at_fix(counter)
        await counter.see(
            "B-1039 Kofi is to be told: READY", "There is no telephone number that can be used.", "I told them myself"
        )
        await counter.type("07700 900456")
        await counter.see("Kofi will be told now by text to +44…0456", "“Hi Kofi, your balloons", passing=0.1)
        await counter.press("enter")
        await counter.see("Kofi will be told in 8 s.", "u undo")
        (body,) = counter.posted("/contact")
        assert body["phone"] == "07700 900456"
        await counter.see("text ✓ +44…0456")
        await counter.press("u")
        await counter.see("B-1039: taken back.")


@pytest.mark.parametrize("typed", ["12", "kofi@"])
async def test_what_can_be_no_address_is_said_and_nothing_is_asked_for(typed: str) -> None:
    async with opened() as counter:
        await at_fix(counter)
        await counter.type(typed)
        await counter.press("enter")
        await counter.see("This can be no telephone number or e-mail address.")
        await counter.see("kept with the order")
        assert counter.posted("/contact") == []


async def test_another_way_that_reaches_them() -> None:
    async with opened() as counter:
        await at_fix(counter)
        await counter.press("down", "enter")
        await counter.until(lambda: counter.posted("/contact"))
        (body,) = counter.posted("/contact")
        assert body["via"] == ["sendgrid"]


async def test_another_way_promises_nothing_while_the_line_is_down() -> None:
    shop = SampleShop.ordinary()
    shop.uplink = {"state": "down", "since": moment(NOW)}
    async with opened(shop) as counter:
        await at_fix(counter)
        await counter.see("send it by e-mail")
        await counter.press("down", "enter")
        await counter.see("B-1039: noted.", "u undo")
        assert "will be told" not in counter.text


@pytest.mark.parametrize(("downs", "how", "says"), [(3, "phone", "phoned by Kim"), (4, "in_person", "told by Kim")])
async def test_told_by_a_person_turns_the_card_calm_and_can_be_undone(downs: int, how: str, says: str) -> None:
    shop = SampleShop.ordinary()
    shop.orders["B-1039"]["customer"]["phone"] = "+447700900456"
    async with opened(shop, size=(120, 40)) as counter:
        await counter.see("NOT TOLD: no phone")
        await at_fix(counter)
        await counter.press(*["down"] * downs, "enter")
        await counter.see(f"{says} 10:15", "u undo")
        assert [body["how"] for body in counter.posted("/told")] == [how]
        await counter.press("1")
        await counter.see(f"✓ {says} 10:15")
        assert "NOT TOLD" not in counter.text
        await counter.press("u")
        await counter.see("NOT TOLD: no phone")


async def test_the_call_list_ticks_the_card_off_too() -> None:
    async with opened() as counter:
        await counter.press("5")
        await counter.see("“Hi Kofi")
        await counter.press("space")
        await counter.see("u undo")
        await counter.press("1")
        await counter.see("✓ phoned by Kim")


async def test_the_call_list_is_one_of_the_offers() -> None:
    async with opened() as counter:
        await at_fix(counter)
        await counter.press(*["down"] * 3, "enter")
        await counter.see("“Hi Kofi", "phoned")


def silent_shop() -> SampleShop:
    shop = SampleShop.ordinary()
    shop.orders["B-1039"]["customer"]["phone"] = "+44…0456"
    stop = {"state": "opted_out", "since": moment(NOW - DAY), "how": "STOP"}
    shop.silent["B-1039 sms"] = stop
    message = next(each for each in shop.messages.values() if each["order_ref"] == "B-1039")
    args = {"medium": "sms", "since": NOW - DAY, "how": "STOP"}
    message |= reasoned("the recipient opted out") | {
        "reason_code": "opted_out",
        "reason_args": args,
        "state": "suppressed",
    }
    shop.orders["B-1039"]["told"] = shop.told(message)
    return shop


async def test_who_asked_for_silence_is_shown_since_when_and_by_what_words_with_the_way_back() -> None:
    async with opened(silent_shop(), size=(120, 40)) as counter:
        await at_fix(counter)
        await counter.see("Wants no text: “STOP” yesterday 10:15.", "They can write START", "send it by e-mail to")
        await counter.press(*["down"] * 5, "enter")
        await counter.see("What did they say?")
        await counter.press("enter")
        await counter.see("Nothing was noted: their words are needed.")
        assert counter.posted("/optouts") == []
        await counter.press("f")
        await counter.see("Wants no text")
        await counter.press(*["down"] * 5, "enter")
        await counter.see("What did they say?")
        await counter.type("yes please")
        await counter.press("enter")
        await counter.until(lambda: counter.posted("/optouts"))
        (body,) = counter.posted("/optouts")
        assert body == {"medium": "sms", "order_ref": "B-1039", "reason": "yes please"}
        await counter.see("It is noted. f tells them now.")


def mute_shop() -> SampleShop:
    shop = SampleShop.ordinary()
    shop.orders["B-1040"]["customer"] |= {"phone": None, "email": None}
    return shop


async def test_a_step_says_before_enter_that_nobody_will_be_told_and_offers_a_way() -> None:
    async with opened(mute_shop()) as counter:
        await counter.press("n")
        await counter.see("Sam will NOT be told.", "There is no telephone number", "f reach them")
        assert "will be told now" not in counter.text
        await counter.press("f")
        await counter.see("kept with the order")
        await counter.type("07700 900456")
        await counter.press("enter")
        await counter.see("Sam will be told now by text to +44…0456")
        assert [body["tell"] for body in counter.posted("/contact")] == [False]
        await counter.press("enter")
        await counter.see("B-1040 is now: ready. Sam will be told in")


@pytest.mark.parametrize(("key", "about"), [("n", "READY"), ("m", "OWN WORDS")])
async def test_before_they_are_written_to_an_address_is_taken_down_and_nobody_is_said_to_know(
    key: str, about: str
) -> None:
    """It was noted that he was told of what had been before; and who left it on the call list found no call there, and the step not taken."""
    async with opened(mute_shop(), size=(120, 40)) as counter:
        await counter.press(key)
        if key == "m":
            await counter.see("Say who you are")
            await counter.type("Is pink fine")
        await counter.see("Sam will NOT be told.", "reach them", passing=0.1)
        await counter.press(*["f"] if key == "n" else ["enter", "enter"])
        await counter.see("kept with the order", f"B-1040 Sam is to be told: {about}")
        await counter.pilot.pause(0.1)
        for offer in ("I phoned", "I told them myself", "call list"):
            assert offer not in counter.text


async def test_a_step_for_somebody_who_cannot_be_told_promises_nothing_afterwards() -> None:
    async with opened(mute_shop()) as counter:
        await counter.press("n")
        await counter.see("Sam will NOT be told.")
        await counter.press("enter")
        await counter.see("B-1040 is now: ready.")
        assert "will be told" not in counter.text


async def test_own_words_to_somebody_who_cannot_be_reached_are_kept_while_an_address_is_taken_down() -> None:
    async with opened(mute_shop()) as counter:
        await counter.press("m")
        await counter.see("Say who you are")
        await counter.type("Is pink fine")
        await counter.see("Sam will NOT be told.", "reach them", passing=0.1)
        await counter.press("enter", "enter")
        await counter.see("kept with the order")
        await counter.type("07700 900456")
        await counter.press("enter")
        await counter.see("Is pink fine", "by text to +44…0456", passing=0.1)


async def test_an_order_that_is_told_needs_no_help() -> None:
    async with opened() as counter:
        counter.app.open_order("B-1042")
        await counter.see("B-1042  Ada")
        await counter.press("f")
        await counter.see("B-1042: nothing about this order needs help.")


async def test_a_message_in_the_outbox_is_helped_by_itself() -> None:
    async with opened() as counter:
        await counter.press("2", "f")
        await counter.see("B-1039")
        await counter.press("p")
        await counter.see("kept with the order")
        await counter.press("down", "enter")
        await counter.until(lambda: counter.posted("/contact"))
        assert counter.posted("/contact")[0]["message_id"].startswith("m0")


async def test_what_a_message_in_the_outbox_was_about_is_said_and_what_was_no_customers_goes_to_none() -> None:
    shop = SampleShop.ordinary()
    old = shop.add_message("B-1042", "order.confirmed", now=NOW, state="failed", reason="no usable phone for Twilio")
    team = shop.add_message("B-1042", "order.ready", now=NOW, state="failed", audience="team", channel="slack", to="")
    async with opened(shop) as counter:
        await counter.press("2")
        rows = counter.app.screen.query_one(Rows)
        assert rows.go_to(team["id"])
        await counter.press("p")
        await counter.see("B-1042: nothing about this order needs help.")
        assert rows.go_to(old["id"])
        await counter.press("p")
        await counter.see("B-1042 Ada is to be told: CONFIRMED", "There is no telephone number that can be used.")


async def test_a_screen_that_only_shows_helps_nobody() -> None:
    async with opened(read_only=True) as counter:
        counter.app.open_order("B-1039")
        await counter.see("B-1039  Kofi")
        await counter.press("f")
        await counter.see("This screen only shows")


async def test_in_other_words_to_a_number_typed_or_by_a_way_that_is_chosen() -> None:
    async with opened(size=(120, 40)) as counter:
        await counter.press("0", "f")
        await counter.see("send it by e-mail")
        assert "e other words" not in counter.text  # a letter goes into the field
        await counter.type("07700900456")
        await counter.press("down")
        await counter.see("e other words")
        await counter.press("e")
        await counter.see("B-1039  ready", "Kofi will be told now by text to +44…0456", passing=0.1)
        await counter.type(" Bring a bag.")
        await counter.press("enter", "enter")
        await counter.until(lambda: counter.posted("/contact"))
        [sent] = counter.posted("/contact")
        assert sent["phone"] == "07700900456"
        assert sent["text"].endswith("Balloon Loft Bring a bag.")


async def test_other_words_that_were_not_taken_are_not_written_again() -> None:
    async with opened(size=(120, 40)) as counter:
        counter.service.refuse["/v1/orders/B-1039/contact"] = (507, "the disk is full")
        await counter.press("0", "f")
        await counter.see("send it by e-mail")
        await counter.press("down", "e")
        await counter.see("are ready to collect")
        await counter.type(" Bring a bag.")
        await counter.press("enter", "enter")
        await counter.see("NOT DONE: B-1039: another way to reach them.", passing=1)
        await counter.press("f")
        await counter.see("send it by e-mail")
        await counter.press("down", "e")
        await counter.see("Bring a bag.")


async def test_a_number_that_one_comes_back_to_goes_on() -> None:
    async with opened(size=(120, 40)) as counter:
        await counter.press("0", "f")
        await counter.see("send it by e-mail")
        await counter.type("0770090045")
        await counter.press("down", "up", "6")
        assert counter.app.screen.query_one("#address", Input).value == "07700900456"


async def test_other_words_want_a_way_to_go_by() -> None:
    async with opened(size=(120, 40)) as counter:
        await counter.press("0", "f")
        await counter.see("send it by e-mail")
        await counter.press("down", "end", "e")
        await counter.see("First a number or an address, or a way to send it by.")
        await counter.press("home", "e")
        await counter.see("B-1039  ready")
        await counter.press("escape")
        assert not counter.posted("/contact")
