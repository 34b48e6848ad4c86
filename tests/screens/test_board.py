"""The board: the shop at a glance, and one key for the usual thing."""

import pytest
from textual.strip import Strip

from daemon.wire.orders import Order
from tests.support.counter import opened
from tests.support.glass import Glass
from tests.support.sample_shop import DAY, NOW, SampleShop
from tui.widgets.rows import Rows


async def test_it_shows_orders_by_stage_with_time_and_whether_the_customer_knows() -> None:
    async with opened() as counter:
        assert "to confirm 1" in counter.text
        assert "making 3" in counter.text
        assert "NOT TOLD: no phone" in counter.text
        assert "told ✓" in counter.text
        assert "09:50!" in counter.line("B-1040"), (
            "a promised time that is past is marked by a sign, not by colour alone"
        )
        assert "12:00!" not in counter.text


async def test_the_header_says_what_is_wrong_and_where() -> None:
    async with opened() as counter:
        header = "\n".join(counter.text.splitlines()[:2])
        for part in (
            "Balloon Loft",
            "Tue 24 Nov 10:15",
            "line up 3 d 4 h",
            "modem ▂▄▆_ EE",
            "1 failed!",
            "1 not sure",
            "☎ 1",
            "● 1",
        ):
            assert part in header
        assert "all is well" not in header


async def test_the_header_says_that_all_is_well() -> None:
    async with opened(SampleShop.empty()) as counter:
        assert "✓ all is well" in counter.text.splitlines()[0]


async def test_n_and_enter_take_the_next_step_and_tell_what_goes_out_first() -> None:
    async with opened() as counter:
        await counter.press("n")
        await counter.see("making → READY", "Sam will be told now by text to +44…0123 (then e-mail)", "1 SMS")
        await counter.see("Team hears by Slack")
        assert not counter.posted("/status"), "nothing is done before Enter"
        await counter.press("enter")
        await counter.see("B-1040 is now: ready. Sam will be told in 8 s.", "u undo", "ready 3", "making 2")
        [body] = counter.posted("/orders/B-1040/status")
        assert body["status"] == "order.ready"
        assert "silent" not in body


async def test_the_undo_counts_down_and_takes_the_step_back() -> None:
    async with opened() as counter:
        await counter.press("n")
        await counter.see("Sam will be told")
        await counter.press("enter")
        await counter.see("will be told in 8 s")
        await counter.pass_time(3)
        await counter.see("will be told in 5 s")
        await counter.press("2")
        await counter.see("send again", "u undo")
        await counter.press("1", "u")
        await counter.see("B-1040: taken back. Nobody was told.", "making 3")
        assert len(counter.posted("/undo")) == 1
        await counter.press("u")
        await counter.see("There is nothing to undo any more.")
        assert len(counter.posted("/undo")) == 1


async def test_the_undo_is_gone_when_its_time_is_over() -> None:
    async with opened() as counter:
        await counter.press("n", "enter")
        await counter.see("u undo")
        await counter.pass_time(9)
        await counter.until(lambda: "u undo" not in counter.text)
        await counter.press("u")
        await counter.see("There is nothing to undo any more.")
        assert not counter.posted("/undo")


async def test_a_silent_step_tells_nobody() -> None:
    async with opened() as counter:
        await counter.press("n", "s")
        await counter.see("Silently: nobody will be told.")
        await counter.press("enter")
        await counter.see("B-1040 is now: ready.", "u undo")
        assert "will be told" not in counter.text
        assert counter.posted("/status")[0]["silent"] is True


async def test_own_words_replace_the_usual_text() -> None:
    async with opened() as counter:
        await counter.press("n")
        await counter.see("are ready to collect")
        await counter.press("e")
        await counter.see("send")
        await counter.type(" Ring twice.")
        await counter.press("enter", "enter")
        await counter.see("B-1040 is now: ready.")
        assert counter.posted("/status")[0]["text"].endswith("Balloon Loft Ring twice.")


async def test_warnings_stand_before_the_text() -> None:
    def warned(shop: SampleShop) -> SampleShop:
        shop.warnings = [
            {"code": "quiet_hours", "medium": "sms", "until": "2026-11-25T08:00:00Z"},
            {"code": "opted_out", "medium": "sms", "detail": "STOP"},
            {"code": "of_a_newer_service", "detail": "the moon is full"},
        ]
        return shop

    async with opened(warned(SampleShop.ordinary())) as counter:
        await counter.press("n")
        await counter.see("! Quiet hours: it will wait until tomorrow 08:00.")
        await counter.see("! The customer asked not to get this by text.", "! the moon is full")


async def test_escape_does_nothing() -> None:
    async with opened() as counter:
        await counter.press("n", "escape")
        await counter.until(lambda: "READY" not in counter.text)
        assert not counter.service.posts


async def test_another_status_is_picked_from_a_list() -> None:
    async with opened() as counter:
        await counter.press("s")
        await counter.see("B-1040 is now", "delayed", "out of stock")
        await counter.press(*["down"] * 4, "enter")
        await counter.see("→ DELAYED")
        await counter.press("enter")
        await counter.see("B-1040 is now: delayed.")
        assert counter.posted("/status")[0]["status"] == "order.delayed"


async def test_an_order_is_taken_in_at_the_counter() -> None:
    async with opened() as counter:
        await counter.press("a")
        await counter.see("order number", "take it in")
        await counter.type("B-2000")
        await counter.press("enter")
        await counter.type("Iris")
        await counter.press("enter")
        await counter.type("07700 900999")
        await counter.press("enter", "enter", "enter")
        await counter.type("2.30pm")
        await counter.press("enter", "tab", "tab")
        await counter.see(
            "Promised for 14:30.", "Iris will be told now by text to 07700 900999", "“Hi Iris, your balloons"
        )
        assert not counter.posted("/v1/orders")
        await counter.press("enter")
        await counter.see("B-2000 is taken in. Iris will be told in 8 s.", "making 4")
        [event] = counter.posted("/v1/orders")
        assert event["type"] == "order.confirmed"
        assert event["order"] == {"ref": "B-2000", "fulfilment": "pickup", "promised_at": "2026-11-24T14:30:00+00:00"}
        assert event["customer"] == {"name": "Iris", "phone": "07700 900999"}
        assert event["id"]


async def test_a_new_order_is_undone_as_a_step_is() -> None:
    async with opened() as counter:
        await counter.press("a")
        await counter.see("take it in")
        await counter.press("enter")
        await counter.type("Iris")
        await counter.press("tab", *"07700900999", *["tab"] * 6)
        await counter.see("Iris will be told now")
        await counter.press("enter")
        await counter.see("is taken in. Iris will be told in 8 s.", "making 4")
        await counter.press("u")
        await counter.see("taken back. Nobody was told.", "making 3")


async def test_that_nobody_can_be_told_of_an_order_is_said_before_it_is_taken() -> None:
    async with opened() as counter:
        await counter.press("a")
        await counter.see("take it in")
        await counter.press("shift+tab", "enter")
        await counter.see("The customer will NOT be told.", "There is no telephone number or e-mail address")
        assert not counter.posted("/v1/orders")
        await counter.press("enter")
        await counter.see("is taken in.")
        assert "will be told in" not in counter.text
        assert counter.posted("/v1/orders")[0]["order"]["ref"].startswith("C-")


async def test_what_changed_since_it_was_shown_is_shown_again_first() -> None:
    async with opened() as counter:
        await counter.press("a")
        await counter.see("take it in")
        await counter.press("shift+tab", "enter")
        await counter.see("will NOT be told")
        counter.app.screen.query_one("#field-phone").focus()
        await counter.type("07700900999")
        counter.app.screen.query_one("#take").focus()
        await counter.see("will be told now by text to 07700900999")
        assert not counter.posted("/v1/orders")


async def test_an_order_is_taken_though_what_it_sends_cannot_be_shown() -> None:
    async with opened() as counter:
        counter.service.refuse["/v1/orders/preview"] = (503, "busy with a backup")
        await counter.press("a")
        await counter.see("take it in")
        await counter.press("shift+tab", "enter")
        await counter.see("What will go out can't be shown: busy with a backup")
        await counter.press("enter")
        await counter.see("is taken in.")


async def test_a_promised_time_nobody_understands_is_said() -> None:
    async with opened() as counter:
        await counter.press("a")
        await counter.see("take it in")
        await counter.press(*["enter"] * 5)
        await counter.type("soon")
        await counter.press("enter", "tab", "tab", "enter")
        await counter.see("When is that?")
        assert not counter.posted("/v1/orders")


async def test_arrows_go_through_columns_and_rows() -> None:
    async with opened() as counter:
        await counter.press("right", "down", "enter")
        await counter.see("B-1042  Ada  READY")
        await counter.press("escape", "left", "left", "enter")
        await counter.see("B-1047  Zoë  PLACED")


async def test_the_list_shows_all_open_orders_by_promised_time() -> None:
    async with opened(size=(120, 40)) as counter:
        await counter.press("l")
        await counter.see("25 min late", "£48.50")
        shown = [
            line.split()[0].removeprefix("▌")
            for line in counter.text.splitlines()
            if " B-10" in line or "▌B-10" in line
        ]
        assert shown == ["B-1039", "B-1040", "B-1036", "B-1043", "B-1042", "B-1044", "B-1047"]
        await counter.press("l")
        await counter.see("making 3")


async def test_what_is_late_stands_above_what_is_promised_for_some_time_today() -> None:
    shop = SampleShop.ordinary()
    shop.add_order("B-1035", "order.in_production", "making", now=NOW, name="Uma", promised=NOW - NOW % DAY)
    async with opened(shop) as counter:
        await counter.see("making 4")
        making = counter.app.session.shop.stages["making"]
        assert [order.ref for order in making] == ["B-1040", "B-1043", "B-1044", "B-1035"]
        lines = counter.text.splitlines()
        late, today = (next(n for n, line in enumerate(lines) if name in line) for name in ("Sam", "Uma"))
        assert late < today


async def test_columns_that_come_back_are_drawn_only_where_something_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, render_line = set(), Rows.render_line

    def noted(rows: Rows[Order], y: int) -> Strip:
        drawn.add((rows.id, y))
        return render_line(rows, y)

    async with opened(size=(120, 30)) as counter:
        glass = Glass(counter.app)
        await counter.press("l")
        customer = counter.service.shop.orders["B-1042"]["customer"]
        counter.service.change_order("B-1042", customer={**customer, "name": "Adelaide"})
        await counter.see("Adelaide")
        monkeypatch.setattr(Rows, "render_line", noted)
        await counter.press("l")
        await counter.see("making 3", "Adelaide")
        assert "Adelaide" in glass.text
        others = {(rows, y) for rows, y in drawn if rows != "stage-making"}  # which takes the focus
        assert others == {("stage-ready", y) for y in range(3, 6)}, "Adelaide's card"


async def test_what_is_done_today_has_a_column_where_there_is_room_or_when_asked_for() -> None:
    async with opened() as counter:
        assert "done today 1" not in counter.text
        await counter.press("d")
        await counter.see("done today 1", "B-1031")
    async with opened(size=(120, 40)) as counter:
        assert "done today 1" in counter.text


async def test_a_new_order_appears_and_the_cursor_stays_where_it_was() -> None:
    async with opened() as counter:
        await counter.press("down")
        order = counter.service.shop.add_order(
            "B-0999", "order.confirmed", "making", now=NOW, name="Early", promised=NOW - 3_600_000
        )
        counter.service.tell("order", order)
        await counter.see("B-0999", "making 4")
        await counter.press("enter")
        await counter.see("B-1043  Lin")


async def test_a_message_that_arrives_says_so_on_its_order() -> None:
    async with opened() as counter:
        counter.service.change_message("m00003", state="delivered", reason="")
        await counter.until(lambda: "NOT TOLD" not in counter.text)


async def test_an_order_that_is_ready_and_whose_message_fails_rings(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    async with opened() as counter:
        rung: list[bool] = []
        monkeypatch.setattr(counter.app, "bell", lambda: rung.append(True))
        counter.service.change_message("m00001", state="failed", reason="no usable phone for Twilio")
        await counter.see("B-1042 is ready, but the customer was NOT told: no phone")
        assert rung == [True]
        counter.service.change_message(
            "m00001", state="failed", reason="no usable phone for Twilio", possible_duplicate=True
        )
        await counter.pilot.pause(0.06)
        assert rung == [True], "told once"


async def test_a_failure_of_an_order_that_is_not_ready_does_not_ring(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    async with opened() as counter:
        monkeypatch.setattr(counter.app, "bell", lambda: (_ for _ in ()).throw(AssertionError("it rang")))
        counter.service.change_message("m00004", state="failed", reason="x")
        await counter.until(lambda: counter.app.session.shop.messages["m00004"].state == "failed")
        await counter.pilot.pause(0.06)


async def test_a_click_chooses_and_a_double_click_opens() -> None:
    async with opened() as counter:
        await counter.pilot.click("#stage-ready", offset=(3, 5))
        await counter.until(lambda: counter.app.page.order.ref == "B-1042")  # type: ignore[union-attr]
        await counter.pilot.click("#stage-ready", offset=(3, 5), times=2)
        await counter.see("B-1042  Ada  READY")


async def test_a_click_on_a_page_or_a_key_does_what_it_says() -> None:
    async with opened() as counter:
        tabs = counter.text.splitlines()[1]
        await counter.pilot.click(offset=(tabs.index("2 outbox") + 2, 1))
        await counter.see("send again")
        await counter.pilot.click(offset=(2, 1))
        await counter.see("making 3")
        keys = counter.text.splitlines()[-1]
        await counter.pilot.click(offset=(keys.index("new order"), 23))
        await counter.see("take it in")


async def test_a_screen_that_only_shows_does_nothing_and_says_so() -> None:
    async with opened(read_only=True) as counter:
        for key in ("n", "m", "a", "s"):
            await counter.press(key)
            await counter.see("This screen only shows: nothing was done.")
            counter.app.session.hush()
        await counter.press("u")
        assert not counter.service.posts


async def test_the_day_turns_at_midnight_of_the_shop() -> None:
    async with opened(size=(120, 40)) as counter:
        assert "done today 1" in counter.text
        await counter.pass_time(14 * 3600)
        await counter.until(lambda: "done today 0" in counter.text)


async def test_an_order_that_is_still_open_is_there_however_long_ago_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.shop.feed.MOST_ORDERS", 2)
    async with opened() as counter:
        await counter.see("to confirm 1", "making 3", "ready 2", "out 1")


async def test_empty_columns_leave_their_room_to_others() -> None:
    shop = SampleShop.empty()
    shop.add_order("B-1", "order.confirmed", "making", now=NOW, name="A rather long name")
    async with opened(shop) as counter:
        assert "A rather long name" in counter.text


async def test_a_second_that_goes_by_while_the_page_is_taken_down() -> None:
    async with opened() as counter:
        await counter.see("B-1036")
        page = counter.app.page
        assert page is not None
        await page.query("*").remove()
        page.tick()


async def test_it_is_shown_before_all_its_columns_stand() -> None:
    async with opened() as counter:
        await counter.app.screen.query("#columns Rows").last().remove()
        await counter.pilot.resize_terminal(100, 30)
        await counter.see("making 3")
