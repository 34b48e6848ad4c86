"""The line at the foot of every page: what is typed there, what it says it will do, and the box it leads to."""

import re

import pytest
from textual.events import Paste

from tests.support.counter import Counter, opened
from tests.support.sample_shop import NOW, SampleShop


async def typed(counter: Counter, text: str) -> None:
    """As text: a slash before it, so that its first letters are no commands."""
    await counter.type("/" + text)


def two_of_one_name() -> SampleShop:
    shop = SampleShop.ordinary()
    shop.add_order("B-0977", "order.completed", "done", now=NOW - 86_400_000 * 12, name="Noor")
    shop.add_order("B-1050", "order.confirmed", "making", now=NOW - 60_000, name="Noor")
    return shop


async def test_a_number_opens_its_order() -> None:
    async with opened() as counter:
        await typed(counter, "b-1042")
        await counter.see("> /b-1042", "enter opens it")
        await counter.press("enter")
        await counter.see("B-1042  Ada  READY", "> type or scan")


async def test_a_name_lists_its_orders_the_newest_first_moved_through_by_arrows() -> None:
    async with opened(two_of_one_name()) as counter:
        await typed(counter, "noor")
        await counter.see("↑↓ choose  enter opens")
        found = re.findall(r"(B-\d+) +Noor {9}", counter.text)
        assert found == ["B-1050", "B-1036", "B-0977"]
        await counter.press("down", "enter")
        await counter.see("B-1036  Noor  OUT FOR DELIVERY")


@pytest.mark.parametrize("page", ["2", "3", "4", "5", "6", "7"])
async def test_it_is_there_on_every_page(page: str) -> None:
    async with opened() as counter:
        await counter.press(page)
        await counter.type("B-1042")
        await counter.see("> B-1042", "Ada")
        await counter.press("enter")
        await counter.see("B-1042  Ada  READY")
        await counter.type("B-1043")
        await counter.press("enter")
        await counter.see("B-1043  Lin  CONFIRMED")


async def test_what_is_typed_hides_no_order_of_the_board() -> None:
    async with opened() as counter:
        await typed(counter, "noo")
        await counter.see("B-1036    Noor")
        assert "making 3" in counter.text
        await counter.press("escape")
        await counter.see("> type or scan")


async def test_a_step_is_a_box_that_names_order_and_customer() -> None:
    async with opened() as counter:
        await typed(counter, "sam ready")
        await counter.see("making → READY", "enter asks once more")
        await counter.press("enter")
        await counter.see("B-1040  Sam", "making → READY", "Sam will be told now by text")
        assert not counter.service.posts
        await counter.press("enter")
        await counter.see("B-1040 is now: ready. Sam will be told in 8 s.", "u undo")


async def test_the_cursor_stays_on_the_order_that_was_seen_when_another_of_that_name_changes() -> None:
    async with opened(two_of_one_name()) as counter:
        await typed(counter, "noor ready")
        await counter.see("enter asks once more")
        omnibox = counter.app.omnibox
        first, second = (order.ref for order in omnibox.said.orders)
        await counter.clock.advance(5)
        counter.service.change_order(second, payment="payment.confirmed")
        await counter.until(lambda: omnibox.said.orders[0].ref == second)
        await counter.press("enter")
        await counter.see(f"{first}  Noor", "→ READY")


async def test_out() -> None:
    async with opened() as counter:
        await typed(counter, "b-1042 out")
        await counter.press("enter")
        await counter.see("B-1042  Ada", "ready → OUT FOR DELIVERY")
        await counter.press("enter")
        await counter.until(lambda: counter.posted("/orders/B-1042/status"))
        assert counter.posted("/status")[0]["status"] == "order.out_for_delivery"


async def test_another_time() -> None:
    async with opened() as counter:
        await typed(counter, "lin 11:00")
        await counter.press("enter")
        await counter.see("B-1043  Lin", "Promised for 11:00 instead of 11:30.")
        await counter.press("enter")
        await counter.see("B-1043 is promised for 11:00.")
        [change] = counter.posted("/orders/B-1043/status")
        assert (change["status"], change["promised_at"]) == ("order.changed", "2026-11-24T11:00:00+00:00")


async def test_a_time_for_an_order_that_had_none() -> None:
    shop = SampleShop.ordinary()
    shop.orders["B-1043"]["promised_at"] = None
    async with opened(shop) as counter:
        await typed(counter, "lin 11:00")
        await counter.press("enter")
        await counter.see("B-1043  Lin", "Promised for 11:00. It is noted; the customer is not told.")


async def test_a_number_for_a_customer() -> None:
    async with opened() as counter:
        await typed(counter, "noor 07700 900123")
        await counter.press("enter")
        await counter.see("B-1036  Noor", "Noor is reached at 07700 900123")
        await counter.press("enter")
        await counter.see("B-1036: 07700 900123 is noted.")
        [body] = counter.posted("/orders/B-1036/contact")
        assert body["phone"] == "07700 900123"


async def test_hold() -> None:
    async with opened() as counter:
        await typed(counter, "sam hold")
        await counter.press("enter")
        await counter.see("hold B-1040")
        await counter.press("enter")
        await counter.see("B-1040 is on hold.")


async def test_hold_of_what_is_on_hold_releases_nothing() -> None:
    async with opened() as counter:
        await typed(counter, "mia hold")
        await counter.press("enter")
        await counter.see("B-1044 is on hold.")
        assert not counter.service.posts


async def test_stop() -> None:
    async with opened() as counter:
        await typed(counter, "stop 07700 900123")
        await counter.press("enter")
        await counter.see("asked not to be written to", "07700 900123")
        assert not counter.service.posts
        await counter.press("enter")
        await counter.see("It is noted: no more of that.")
        assert counter.posted("/optouts")[0]["address"] == "07700 900123"


async def test_what_nobody_is_called_stays_in_the_line_and_is_said() -> None:
    async with opened() as counter:
        await typed(counter, "gita")
        await counter.see("nothing here fits")
        await counter.press("enter")
        await counter.see("Nothing here is called “gita”.", "> /gita")


async def test_a_number_the_screen_does_not_know_is_looked_up() -> None:
    async with opened() as counter:
        await typed(counter, "B-9999")
        await counter.press("enter")
        await counter.see("There is no order B-9999.")


async def test_it_is_edited_like_any_line() -> None:
    async with opened() as counter:
        await counter.type("B-142")
        await counter.press("left", "left", "0", "end", "3", "backspace", "enter")
        await counter.see("B-1042  Ada  READY")


async def test_a_pasted_number_is_text() -> None:
    async with opened() as counter:
        await counter.press("n")
        await counter.see("READY")
        counter.app.post_message(Paste("B-1042\n"))
        await counter.see("> B-1042")
        await counter.press("enter")
        await counter.see("B-1042  Ada  READY")


async def test_a_screen_that_only_shows_finds_and_does_nothing() -> None:
    async with opened(read_only=True) as counter:
        await typed(counter, "sam ready")
        await counter.press("enter")
        await counter.see("This screen only shows: nothing was done.")
        assert not counter.service.posts


async def test_an_order_found_can_be_clicked() -> None:
    async with opened() as counter:
        await typed(counter, "ada")
        await counter.see("B-1042    Ada")
        row = next(n for n, line in enumerate(counter.text.splitlines()) if "B-1042    Ada" in line)
        await counter.pilot.click(offset=(6, row))
        await counter.see("B-1042  Ada  READY")


async def test_a_new_order_under_a_number_that_exists_is_refused_and_offered_to_be_opened() -> None:
    async with opened() as counter:
        await counter.press("a")
        await counter.see("order number")
        await counter.type("b-1042")
        for _ in range(8):
            await counter.press("tab")
        await counter.press("enter")
        await counter.see("B-1042 exists already: Ada, ready.", "open B-1042")
        assert not counter.posted("/v1/orders")
        await counter.press("enter")
        await counter.see("B-1042  Ada  READY")


async def test_the_selection_stays_with_its_order_after_a_step_and_its_undo() -> None:
    async with opened() as counter:
        await counter.press("n")
        await counter.see("making → READY")
        await counter.press("enter")
        await counter.see("ready 3")
        await counter.until(lambda: "▌B-1040" in counter.text)
        await counter.press("u")
        await counter.see("taken back", "making 3")
        await counter.until(lambda: "▌B-1040" in counter.text)


async def test_a_late_time_is_marked_by_colour_under_the_selection_too() -> None:
    async with opened() as counter:
        board = counter.app.screen
        strips = board._compositor.render_strips()
        [time] = [segment for strip in strips for segment in strip if segment.text.startswith("09:50!")]
        bad = counter.app.theme_variables["bad"]
        assert "▌B-1040" in counter.text
        assert bad.lower() in str(time.style).lower()


async def test_a_whole_letter_that_is_pasted_holds_nothing_up() -> None:
    letter = "Hello there, could we have twelve balloons in blue and gold for the wedding on Saturday at noon?\n" * 300
    async with opened() as counter:
        counter.app.post_message(Paste(f"noor {letter}"))
        await counter.see("nothing here fits")
        assert len(counter.app.omnibox.text) == 500
        await counter.press("x", "escape")
        assert not counter.app.omnibox.text


async def test_an_address_that_is_too_long_is_refused_and_not_noted() -> None:
    async with opened() as counter:
        counter.service.refuse["/v1/orders/B-1036/contact"] = (422, "phone: longer than 320 characters")
        counter.app.post_message(Paste(f"noor {'n' * 330}@example.com"))
        await counter.see("example.com")
        await counter.press("enter")
        await counter.see("is reached at")
        await counter.press("enter")
        await counter.see("NOT DONE: B-1036: change. The service says: phone: longer than 320 characters")


async def test_several_lines_that_are_pasted_into_a_field_all_stand_there() -> None:
    async with opened() as counter:
        await counter.press("a")
        await counter.see("take it in")
        counter.app.screen.query_one("#field-item").focus()
        await counter.until(lambda: counter.app.focused is counter.app.screen.query_one("#field-item"))
        counter.app.post_message(Paste("\nHelium bouquet, 12\nNumber 7 gold\n"))
        await counter.see("Helium bouquet, 12 Number 7 gold")


async def test_what_is_pasted_over_a_box_goes_into_its_field_and_loses_nothing() -> None:
    async with opened() as counter:
        await counter.press("a")
        await counter.see("take it in")
        await counter.type("B-7")
        counter.app.screen.query_one("#take").focus()
        counter.app.post_message(Paste("00"))
        await counter.see("B-700", "take it in")
