"""One order: its story, and everything that can be done about it."""

from textual.widgets import TextArea

from tests.support.counter import opened
from tests.support.sample_shop import NOW, SampleShop


async def test_it_tells_whose_what_when_and_the_whole_story() -> None:
    async with opened() as counter:
        counter.app.open_order("B-1042")
        await counter.see("B-1042  Ada  READY", "Told by text", "pick-up 12:00 · waiting for 30 min · £48.50 paid")
        await counter.see("text ✓ +44…0123", "e-mail ✓ a…@example.com", "Helium bouquet, 12")
        await counter.see(
            "placed   webshop", "✓ told   text: “ready”", "· waiting   letter to the team", "Ada: “on my way!”"
        )
        assert "text taken" not in counter.text, "what went out at once is one line"


async def test_the_chosen_moment_is_shown_in_full() -> None:
    async with opened() as counter:
        counter.app.open_order("B-1042")
        await counter.see("Ada: “on my way!”")
        await counter.press("home", "down")
        await counter.see("24 Nov 09:55:00", "“Hi Ada, your balloons (order B-1042) are ready to collect.")


async def test_it_changes_while_one_looks() -> None:
    async with opened() as counter:
        counter.app.open_order("B-1043")
        await counter.see("B-1043  Lin  CONFIRMED")
        counter.service.reply("B-1043", "please in pink")
        await counter.see("Lin: “please in pink”")
        counter.service.set_status("B-1043", "order.ready")
        await counter.see("B-1043  Lin  READY", "· waiting   text: “ready”")


async def test_the_next_one_takes_its_place() -> None:
    async with opened() as counter:
        for ref in ("B-1042", "B-1043", "B-1042", "B-1036"):
            await counter.press("slash", *ref, "enter")
            await counter.see(f"{ref}  ")
        await counter.press("escape")
        await counter.see("making 3", "n next step")
        assert len(counter.app.screen_stack) == 1


async def test_an_order_that_does_not_exist_says_so() -> None:
    async with opened() as counter:
        counter.app.open_order("NONE")
        await counter.see("There is no order NONE.")
        await counter.press("n")
        await counter.see("No order is chosen.")


async def test_an_order_that_is_gone_is_not_shown_as_if_nothing_had_happened() -> None:
    async with opened() as counter:
        counter.app.open_order("B-1043")
        await counter.see("B-1043  Lin  CONFIRMED", "placed   webshop")
        del counter.service.shop.orders["B-1043"]
        counter.service.tell("reset", {})
        await counter.see("There is no order B-1043.")
        assert "Lin" not in counter.text
        assert "placed" not in counter.text


async def test_who_was_forgotten_meanwhile_is_not_shown_any_more() -> None:
    """Nobody tells of it but that all is to be read again: the order is as it was, but for whose it is and what was said."""
    shop = SampleShop.ordinary()
    shop.add_reply("B-1043", "please in pink", now=NOW)
    async with opened(shop) as counter:
        counter.app.open_order("B-1043")
        await counter.see("B-1043  Lin  CONFIRMED", "Lin: “please in pink”")
        shop.replies.clear()
        counter.service.tell("reset", {})
        await counter.until(lambda: "pink" not in counter.text)


async def test_hold_and_release() -> None:
    async with opened() as counter:
        counter.app.open_order("B-1043")
        await counter.see("CONFIRMED")
        await counter.press("h")
        await counter.see("Nothing is sent about B-1043 until it is released.")
        await counter.type("colour?")
        await counter.press("enter")
        await counter.see("B-1043 is on hold.", "‖ on hold")
        assert counter.posted("/hold") == [{"reason": "colour?"}]
        await counter.press("h")
        await counter.see("What waits about B-1043 goes out.")
        assert not counter.posted("/release")
        await counter.press("enter")
        await counter.see("B-1043: messages go out again.")
        assert counter.posted("/release") == [{"reason": ""}]


async def test_a_failed_message_is_sent_again() -> None:
    async with opened() as counter:
        counter.app.open_order("B-1039")
        await counter.see("NOT TOLD: There is no telephone number")
        await counter.press("r")
        await counter.see("They will be sent again: 1, about B-1039.")
        assert not counter.service.posts
        await counter.press("enter")
        await counter.see("1 sent again.")
        assert len(counter.posted("/messages/m00003/retry")) == 1
        await counter.press("r")
        await counter.see("Nothing here failed. m writes a message.")


async def test_news_that_failed_more_than_once_is_sent_once_and_none_that_somebody_told_since() -> None:
    shop = SampleShop.ordinary()
    again = shop.add_message("B-1039", "order.ready", now=NOW, state="failed", reason="no usable phone for Twilio")
    async with opened(shop) as counter:
        counter.app.open_order("B-1039")
        await counter.see("B-1039  Kofi", "✗ failed")
        await counter.press("home", "r")
        await counter.see("They will be sent again: 1, about B-1039.")
        await counter.press("enter")
        await counter.see("1 sent again.")
        assert [path for _, path, _, _ in counter.service.posts] == [f"/v1/messages/{again['id']}/retry"]
        counter.service.change_message(again["id"], state="delivered", reason="")
        await counter.until(lambda: counter.app.session.shop.messages[again["id"]].state == "delivered")
        await counter.press("home", "r")
        await counter.see("Nothing here failed. m writes a message.")


async def test_what_a_step_taken_back_would_have_told_is_not_sent_again() -> None:
    async with opened() as counter:
        counter.app.open_order("B-1043")
        await counter.see("CONFIRMED")
        await counter.press("n")
        await counter.see("making → READY")
        await counter.press("enter")
        await counter.see("u undo")
        await counter.press("u")
        await counter.see("B-1043: taken back.", "CONFIRMED")
        await counter.press("end", "r")
        await counter.see("Nothing here failed. m writes a message.")


async def test_what_waits_is_stopped() -> None:
    async with opened() as counter:
        counter.app.open_order("B-1047")
        await counter.see("B-1047  Zoë  PLACED")
        await counter.press("x")
        await counter.see("They will not be sent: 1, about B-1047.")
        await counter.press("enter")
        await counter.see("1 stopped.")
        assert counter.posted("/messages/m00004/cancel") == [{"reason": ""}]
        await counter.press("x")
        await counter.see("Nothing waits here.")


async def test_a_message_in_own_words_shows_what_it_comes_to_before_it_is_sent() -> None:
    async with opened() as counter:
        counter.app.open_order("B-1042")
        await counter.see("READY")
        await counter.press("m")
        await counter.see("message to Ada · B-1042", "Say who you are and which order it is about: B-1042.")
        counter.app.screen.query_one(TextArea).insert("x" * 170)
        await counter.see("2 SMS, paid 2 times: 170 characters", "Ada will be told now by text", passing=0.1)
        assert not counter.posted("/messages")
        await counter.press("enter", "enter")
        await counter.see("B-1042: your message is taken.", "u undo")
        [body] = counter.posted("/orders/B-1042/messages")
        assert body["text"] == "x" * 170
        assert "to" not in body  # to the customer, as without it
        assert "via" not in body


async def test_a_message_by_a_chosen_medium() -> None:
    async with opened() as counter:
        counter.app.open_order("B-1042")
        await counter.see("READY")
        await counter.press("m")
        await counter.see("[as usual]")
        await counter.type("hello")
        await counter.press("tab", "right")
        await counter.see("[text]")
        await counter.press("tab", "enter")
        await counter.until(lambda: counter.posted("/orders/B-1042/messages"))
        assert counter.posted("/orders/B-1042/messages")[0]["via"] == ["twilio", "modem"]


async def test_a_text_of_the_shops_is_chosen_from_what_the_service_has() -> None:
    async with opened() as counter:
        counter.app.open_order("B-1042")
        await counter.see("READY")
        await counter.press("m")
        await counter.see("own words")
        await counter.press("shift+tab", "right")
        await counter.see("are ready to collect", passing=0.1)
        await counter.press("enter", "enter")
        await counter.until(lambda: counter.posted("/orders/B-1042/messages"))
        assert counter.posted("/orders/B-1042/messages")[0]["template"] == "order.ready"


async def test_a_text_of_the_shops_can_be_changed_before_it_is_sent_and_what_was_typed_comes_back() -> None:
    async with opened() as counter:
        counter.app.open_order("B-1042")
        await counter.see("READY")
        await counter.press("m")
        await counter.type("mine")
        await counter.press("pagedown")
        area = counter.app.screen.query_one(TextArea)
        await counter.until(lambda: "are ready to collect" in area.text)
        await counter.press("pageup")
        await counter.until(lambda: area.text == "mine")
        await counter.press("pagedown")
        await counter.until(lambda: "are ready to collect" in area.text)
        await counter.type(" Till 6!")
        await counter.press("enter", "enter")
        await counter.until(lambda: counter.posted("/orders/B-1042/messages"))
        [body] = counter.posted("/orders/B-1042/messages")
        assert body["text"] == "Hi Ada, your balloons (order B-1042) are ready to collect. Balloon Loft Till 6!"
        assert "template" not in body


async def test_a_text_that_cannot_be_made_leaves_what_was_typed() -> None:
    async with opened() as counter:
        counter.service.refuse["/v1/messages/preview"] = (422, "its text is broken")
        counter.app.open_order("B-1042")
        await counter.see("READY")
        await counter.press("m")
        await counter.type("mine")
        await counter.press("pagedown")
        await counter.see("its text is broken", "own words")
        assert counter.app.screen.query_one(TextArea).text == "mine"


async def test_an_empty_message_is_not_sent() -> None:
    async with opened() as counter:
        counter.app.open_order("B-1042")
        await counter.see("READY")
        await counter.press("m", "enter", "enter")
        await counter.see("There is nothing to send yet.")
        assert not counter.service.posts


async def test_a_refusal_is_told_and_nothing_is_lost_from_sight() -> None:
    async with opened() as counter:
        counter.service.refuse["/v1/orders/B-1042/hold"] = (409, "it is held already")
        counter.app.open_order("B-1042")
        await counter.see("READY")
        await counter.press("h", "enter")
        await counter.see("NOT DONE: B-1042: hold. The service says: it is held already")


async def test_an_older_service_shows_less_and_says_so() -> None:
    def older(service) -> None:  # type: ignore[no-untyped-def]
        service.without = {"templates"}
        service.refuse["/v1/orders/B-1043/preview"] = (404, "no such call")

    async with opened(prepare=older) as counter:
        counter.app.open_order("B-1043")
        await counter.see("CONFIRMED")
        await counter.press("n")
        await counter.see("What will go out can't be shown: no such call", "do it")


async def test_what_comes_next_is_what_the_service_says() -> None:
    """A step that this screen has no rule for, and only those that the service takes."""
    shop = SampleShop.ordinary()
    shop.orders["B-1043"] |= {"next_step": "order.in_production", "steps": ["order.in_production", "order.delayed"]}
    async with opened(shop) as counter:
        counter.app.open_order("B-1043")
        await counter.see("CONFIRMED")
        await counter.press("n")
        await counter.see("making → BEING MADE")
        await counter.press("escape", "s")
        await counter.see("B-1043 is now", "being made", "delayed")
        assert "cancelled" not in counter.text


async def test_an_order_at_its_end_has_no_next_step() -> None:
    async with opened() as counter:
        counter.app.open_order("B-1031")
        await counter.see("COMPLETED")
        await counter.press("n")
        await counter.see("B-1031 has come to its end. s sets another status.")


async def test_no_customers_address_is_whole_anywhere_but_on_the_call_list() -> None:
    async with opened() as counter:
        for ref in counter.service.shop.orders:
            counter.app.open_order(ref)
            await counter.see(ref)
            assert "+447700900456" not in counter.text
            await counter.press("escape")
        await counter.press("5")
        await counter.see("+447700900456")


async def test_a_tall_screen_shows_the_detail_beside_the_story() -> None:
    async with opened(SampleShop.ordinary(), size=(120, 40)) as counter:
        counter.app.open_order("B-1042")
        await counter.see("Ada: “on my way!”")
        assert "│" in counter.line("placed   webshop")


async def test_who_writes_on_after_enter_loses_no_letter() -> None:
    """Enter goes to "send"; the next letter goes back into the text, and is part of it."""
    async with opened() as counter:
        counter.app.open_order("B-1042")
        await counter.see("READY")
        await counter.press("m")
        await counter.see("message to Ada")
        await counter.type("Ready.")
        await counter.press("enter")
        await counter.type("Bring a bag")
        assert counter.app.screen.query_one(TextArea).text == "Ready.Bring a bag"
