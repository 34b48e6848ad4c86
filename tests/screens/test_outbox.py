"""The outbox: what is in it, why, and what one can do about it."""

from typing import Any

import pytest

from tests.support.counter import opened
from tests.support.sample_shop import MINUTE, NOW, SampleShop, moment
from tui.app import CounterApp


async def test_each_message_says_where_it_stands_and_why() -> None:
    async with opened() as counter:
        await counter.press("2")
        await counter.see("6 shown", "· waiting", "? not sure", "✗ failed", "✓ told")
        assert "no phone" in counter.line("✗ failed")
        await counter.press("down", "down")
        await counter.see("✗ failed: There is no telephone number that can be used.", "ways: text → e-mail")


async def test_what_was_tried_is_read_for_the_message_one_rests_on() -> None:
    async with opened() as counter:
        await counter.press("2")
        await counter.see("6 shown")
        await counter.press("end", "up")
        await counter.clock.advance(1)
        await counter.see("09:55 Twilio: delivered.", "“Hi Ada, your balloons (order B-1042) are ready")


async def test_filters_by_key_and_by_click() -> None:
    async with opened() as counter:
        await counter.press("2")
        for key, count in (("f", 1), ("s", 1), ("w", 2), ("t", 6), ("a", 6)):
            await counter.press(key)
            await counter.see(f"{count} shown")
        head = counter.text.splitlines()[2]
        await counter.pilot.click(offset=(head.index("failed") + 1, 2))
        await counter.see("[f failed]", "1 shown")


async def test_finding() -> None:
    async with opened() as counter:
        await counter.press("2", "slash")
        await counter.type("b-1042")
        await counter.see("2 shown")
        await counter.press("enter", "escape")
        await counter.see("6 shown")


@pytest.mark.parametrize(
    ("language", "typed", "shown"),
    [
        ("en", "kofi", "1 shown"),
        ("en", "zoe", "1 shown"),
        ("en", "no phone", "1 shown"),
        ("en", "0123", "5 shown"),
        ("en", "modem", "1 shown"),
        ("en", "sendgrid", "2 shown"),
        ("de", "telefon fehlt", "1 gezeigt"),
        ("de", "e-mail", "2 gezeigt"),
        ("de", "team", "1 gezeigt"),
        ("de", "in arbeit", "1 gezeigt"),
    ],
)
async def test_what_stands_in_a_row_finds_it(language: str, typed: str, shown: str) -> None:
    async with opened(language=language) as counter:
        await counter.press("2", "slash")
        await counter.type(typed)
        await counter.see(shown)


async def test_one_is_sent_again() -> None:
    async with opened() as counter:
        await counter.press("2", "f")
        await counter.see("1 shown")
        await counter.press("r")
        await counter.see("They will be sent again")
        await counter.press("enter")
        await counter.see("1 sent again.")
        assert [path for _, path, _, _ in counter.service.posts] == ["/v1/messages/m00003/retry"]


async def test_many_are_marked_and_stopped() -> None:
    async with opened() as counter:
        await counter.press("2", "w")
        await counter.see("2 shown")
        await counter.press("space", "space")
        await counter.see("2 marked", "◆")
        await counter.press("x")
        await counter.see("They will not be sent: 2, about B-1047, B-1042.")
        await counter.type("wrong day")
        await counter.press("enter")
        await counter.see("2 stopped.", "0 shown")
        assert counter.posted("/cancel") == [{"reason": "wrong day"}] * 2


async def test_another_way_is_picked() -> None:
    async with opened() as counter:
        await counter.press("2", "f", "v")
        await counter.see("B-1039  send by")
        await counter.press("down", "enter")
        await counter.see("1 sent another way.")
        assert counter.posted("/messages/m00003/retry") == [{"channel": "modem"}]


async def test_trouble_with_one_of_many_is_said_and_the_others_go_on() -> None:
    async with opened() as counter:
        counter.service.refuse["/v1/messages/m00004/cancel"] = (409, "it has left")
        await counter.press("2", "w")
        await counter.see("2 shown")
        await counter.press("space", "space", "x", "enter")
        await counter.see("1/2 stopped.")


def told_since(shop: SampleShop, **message: Any) -> SampleShop:
    """Kofi's "ready" failed, and somebody helped since."""
    shop.add_message("B-1039", "order.ready", now=NOW - MINUTE, **({"state": "delivered"} | message))
    return shop


async def test_what_was_told_another_way_since_says_so_and_is_not_sent_again() -> None:
    """Its customer would hear it twice."""
    async with opened(told_since(SampleShop.ordinary()), size=(120, 40)) as counter:
        await counter.press("2", "f")
        await counter.see("✗ failed     10:00   ✓ told 10:14", "Since then:")
        await counter.press("r")
        await counter.see("Told or tried again since, or taken back: nothing is sent again.")
        await counter.pass_time(10)
        await counter.press("v")
        await counter.see("Told or tried again since, or taken back: nothing is sent again.")
        await counter.press("p")
        await counter.see("B-1039: nothing about this order needs help.")
        assert not counter.service.posts


async def test_who_phoned_since_stands_there_until_it_is_taken_back() -> None:
    shop = told_since(SampleShop.ordinary())
    phoned = {"reason": "phoned by Kim", "reason_code": "phoned", "reason_args": {"who": "Kim"}, "via": []}
    newest = shop.messages["m00007"]
    newest |= phoned
    async with opened(shop, size=(120, 40)) as counter:
        await counter.press("2", "f")
        await counter.see("✓ phoned by Kim 10:14")
        back = shop.add_message("B-1039", "order.ready", now=NOW, state="cancelled", reason="undone")
        counter.service.tell("message", back | {"via": []})
        await counter.see("✗ failed", "no phone")
        await counter.press("r")
        await counter.see("They will be sent again: 1, about B-1039.")


async def test_of_several_only_what_nobody_told_since_is_sent_again() -> None:
    shop = told_since(SampleShop.ordinary(), text="Kofi, they are ready.")
    shop.add_message("B-1044", "order.confirmed", now=NOW, state="failed", reason="no usable phone for Twilio")
    async with opened(shop) as counter:
        await counter.press("2", "f")
        await counter.see("2 shown")
        await counter.press("space", "space", "r")
        await counter.see("They will be sent again: 1, about B-1044.")


async def test_what_came_again_and_was_put_aside_told_nobody() -> None:
    async with opened(told_since(SampleShop.ordinary(), state="superseded")) as counter:
        await counter.press("2", "f", "r")
        await counter.see("They will be sent again: 1, about B-1039.")


async def test_a_second_refund_says_nothing_of_the_first_which_did_not_arrive() -> None:
    shop = SampleShop.empty()
    shop.add_order("B-1", "order.completed", "done", now=NOW, name="Sam")
    for state in ("failed", "delivered"):
        shop.add_message("B-1", "refund.issued", now=NOW, state=state)
    async with opened(shop) as counter:
        await counter.press("2", "f", "r")
        await counter.see("They will be sent again: 1, about B-1.")


async def test_what_a_step_taken_back_would_have_told_is_not_sent_again() -> None:
    async with opened() as counter:
        await counter.press("n")
        await counter.see("making → READY")
        await counter.press("enter")
        await counter.see("u undo")
        await counter.press("u")
        await counter.see("B-1040: taken back.")
        await counter.press("2")
        await counter.see("stopped")
        for key, said in (("r", "nothing is sent again"), ("p", "B-1040: nothing about this order needs help.")):
            await counter.press("home", key)
            await counter.see(said)
        assert [path for _, path, _, _ in counter.service.posts] == [
            "/v1/orders/B-1040/status",
            "/v1/orders/B-1040/undo",
        ]


async def test_help_for_what_failed_twice_is_about_the_newer_try() -> None:
    shop = told_since(SampleShop.ordinary(), state="failed", reason="no usable phone for Twilio")
    async with opened(shop) as counter:
        await counter.press("2", "f", "end", "p")
        await counter.see("kept with the order")
        await counter.press("down", "enter")
        await counter.until(lambda: counter.posted("/contact"))
        assert counter.posted("/contact")[0]["message_id"] == "m00007"


async def test_a_message_that_moves_out_of_the_filter_goes_and_a_new_one_comes() -> None:
    async with opened() as counter:
        await counter.press("2", "w")
        await counter.see("2 shown")
        counter.service.change_message("m00004", state="delivered")
        await counter.see("1 shown")
        counter.service.set_status("B-1044", "order.ready")
        await counter.see("2 shown")


async def test_enter_opens_its_order() -> None:
    async with opened() as counter:
        await counter.press("2", "f", "enter")
        await counter.see("B-1039  Kofi  READY")


async def test_it_may_have_arrived_twice() -> None:
    async with opened() as counter:
        counter.service.change_message("m00004", possible_duplicate=True)
        await counter.press("2", "w")
        await counter.see("It may have arrived twice.")


async def test_marks_of_what_is_gone_are_forgotten() -> None:
    async with opened() as counter:
        await counter.press("2", "w", "space", "a")
        await counter.see("6 shown")
        assert "marked" not in counter.text


async def test_today_ends_at_midnight() -> None:
    async with opened() as counter:
        await counter.press("2", "t")
        await counter.see("[t today]", "6 shown")
        await counter.pass_time(14 * 3600)
        await counter.see("[t today]", "0 shown")


async def test_what_it_says_that_it_shows_is_so_after_a_change_of_language() -> None:
    async with opened(size=(100, 30)) as counter:
        await counter.press("2", "f")
        await counter.see("[f failed]", "1 shown")
        await counter.command("language: Deutsch")
        await counter.see("[a alle]", "6 gezeigt")


async def test_a_mark_ends_with_what_was_done() -> None:
    """Else the next key, meant for another, has them again, or does nothing."""
    async with opened() as counter:
        counter.service.change_message("m00004", state="failed", reason="no usable phone for Twilio")
        await counter.press("2", "f")
        await counter.see("2 shown")
        await counter.press("space", "r")
        await counter.see("They will be sent again: 1")
        await counter.press("enter")
        await counter.see("1 sent again.", "1 shown")
        await counter.press("r")
        await counter.see("They will be sent again: 1")


async def test_a_key_is_for_what_the_cursor_is_on_though_something_came_above_it_this_very_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Until the next drawing a key had the message that stood one line higher."""
    monkeypatch.setattr(CounterApp, "tick", lambda self: None)
    async with opened() as counter:
        await counter.press("2", "f")
        await counter.see("1 shown")
        monkeypatch.setattr("tui.app.FLUSH", 3600)
        newer = counter.service.shop.add_message(
            "B-1044", "order.confirmed", now=NOW + 1000, state="failed", reason="no usable phone for Twilio"
        )
        counter.service.tell("message", newer)
        await counter.until(lambda: len(counter.app.session.shop.outbox) == 2)
        await counter.press("r")
        await counter.see("They will be sent again: 1, about B-1039.")


async def test_what_is_tried_while_one_looks_is_shown() -> None:
    async with opened(size=(120, 40)) as counter:
        await counter.press("2")
        await counter.see("6 shown")
        await counter.press("end", "up")
        await counter.clock.advance(1)
        await counter.see("09:55 Twilio: delivered.")
        tries = counter.service.shop.attempts["m00001"]
        tries.append({**tries[0], "n": 2, "channel": "modem", "started_at": moment(NOW), "detail": ""})
        counter.service.change_message("m00001", possible_duplicate=True)
        await counter.see("10:15 modem: delivered.", passing=0.1)


async def test_the_cursor_is_in_sight_though_much_came_above_it_while_another_page_was_open() -> None:
    """`x` was for a row that nobody saw."""
    async with opened(size=(80, 24)) as counter:
        await counter.press("2")
        await counter.see("6 shown")
        await counter.press("1")
        for sent in range(60):
            new = counter.service.shop.add_message("B-1043", "order.ready", now=NOW + sent)
            counter.service.tell("message", new)
        await counter.until(lambda: len(counter.app.session.shop.messages) > 60)
        await counter.pass_time(2)
        await counter.press("2")
        await counter.pass_time(2)
        assert counter.shows(["66 shown", "▌B-1047"])


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("r", "Only what waits or did not arrive is sent again."),
        ("v", "Only what waits or did not arrive is sent again."),
        ("x", "Nothing waits here."),
    ],
)
async def test_what_has_arrived_is_neither_stopped_nor_sent_again(key: str, said: str) -> None:
    """A box promised "They will not be sent: 1", and after Enter the service said NOT DONE, with a number that nobody knows."""
    async with opened() as counter:
        await counter.press("2", "end")
        assert "told" in counter.line("▌")
        await counter.press(key)
        await counter.see(said)
        assert counter.service.posts == []


async def test_what_was_tried_of_the_message_that_comes_under_the_cursor_by_itself_is_shown() -> None:
    async with opened(size=(120, 40)) as counter:
        counter.service.change_message("m00001", state="failed", reason="no usable phone for Twilio")
        await counter.press("2", "f")
        await counter.see("2 shown")
        await counter.clock.advance(1)
        counter.service.change_message("m00003", state="queued", reason="")
        await counter.see("1 shown", "09:55 Twilio: delivered.", passing=0.1)
