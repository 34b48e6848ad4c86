"""Two people at one order: what a box says is true while it stands there, and nobody is told twice because both were quick."""

from tests.support.counter import Counter, opened
from tests.support.sample_shop import NOW, SampleShop
from tests.support.typist import Typist
from tui.line.tempo import Tempo
from tui.screens.write import WriteBox


async def test_a_step_that_a_colleague_took_meanwhile_is_not_taken_again() -> None:
    async with opened() as counter:
        await counter.press("n")
        await counter.see("making → READY", "Sam will be told now")
        counter.service.set_status("B-1040", "order.ready")
        await counter.see("ready → READY", "B-1040 is now: ready.")
        await counter.press("enter")
        await counter.see("B-1040 is ready already: nothing was done.")
        assert not counter.posted("/status"), "its customer would be told a second time"


async def test_who_was_told_by_staff_was_told_what_stood_there_and_not_what_a_colleague_did_meanwhile() -> None:
    """Kim phones him that it is ready while somebody cancels it: of that he knows nothing, and nothing can reach him."""
    async with opened() as counter:
        told = str(counter.service.shop.orders["B-1039"]["told"]["message_id"])
        counter.app.open_order("B-1039")
        await counter.see("B-1039  Kofi")
        await counter.press("f")
        await counter.see("B-1039 Kofi is to be told: READY", "I told them myself")
        counter.service.change_order("B-1039", status="order.cancelled", stage="done", told=None)
        await counter.until(lambda: counter.app.session.shop.orders["B-1039"].status == "order.cancelled")
        await counter.press(*["down"] * 2, "enter")
        await counter.until(lambda: counter.posted("/told"))
        assert [body["message_id"] for body in counter.posted("/told")] == [told]


async def test_a_step_in_own_words_that_a_colleague_took_meanwhile_is_not_taken_again() -> None:
    async with opened() as counter:
        await counter.press("n")
        await counter.see("are ready to collect")
        await counter.press("e")
        await counter.see("send")
        counter.service.set_status("B-1040", "order.ready")
        await counter.see("ready 3")
        await counter.press("enter", "enter")
        await counter.see("B-1040 is ready already: nothing was done.")
        assert not counter.posted("/status")


async def test_a_refund_that_a_colleague_told_of_meanwhile_is_not_told_again() -> None:
    """It moves no order: its customer would read twice that the money comes back."""
    async with opened(size=(120, 40)) as counter:
        await refund(counter)
        counter.service.change_order("B-1040", after_sale="refund.issued")
        await counter.see("B-1040 is now: refunded.")
        await counter.press("enter")
        await counter.see("B-1040 is refunded already: nothing was done.")
        assert not counter.posted("/status")


async def test_nor_in_own_words() -> None:
    async with opened(size=(120, 40)) as counter:
        await refund(counter)
        await counter.see("have news")
        await counter.press("e")
        await counter.see("send")
        counter.service.change_order("B-1040", after_sale="refund.issued")
        await counter.see("B-1040 is now: refunded.")
        await counter.press("enter", "enter")
        await counter.see("B-1040 is refunded already: nothing was done.")
        assert not counter.posted("/status")


async def refund(counter: Counter) -> None:
    """Open the box of B-1040's refund."""
    await counter.press("s")
    await counter.see("B-1040 is now", "refunded")
    await counter.press("end", "enter")
    await counter.see("making → REFUNDED")


async def test_own_words_for_a_step_stand_beside_where_a_colleague_moved_the_order() -> None:
    async with opened() as counter:
        await counter.press("n")
        await counter.see("are ready to collect")
        await counter.press("e")
        await counter.see("send")
        box = counter.app.screen
        assert isinstance(box, WriteBox)
        shown_at = box.shown_at
        counter.service.change_order("B-1040", status="order.cancelled", stage="done")
        await counter.see("B-1040 is now: cancelled.")
        await counter.until(lambda: shown_at < box.shown_at < float("inf"))  # no Enter from before counts


async def test_a_step_that_is_picked_is_one_from_where_the_order_stands_by_then() -> None:
    async with opened() as counter:
        await counter.press("s")
        await counter.see("B-1040 is now", "out for delivery")
        counter.service.change_order("B-1040", status="order.cancelled", stage="done")
        await counter.until(lambda: counter.app.session.shop.orders["B-1040"].status == "order.cancelled")
        await counter.pilot.pause(0.1)
        await counter.press("enter")
        await counter.see("done today → READY", "B-1040 is now: cancelled.")


async def test_enter_that_was_meant_for_what_stood_there_before_does_nothing() -> None:
    async with opened(tempo=Tempo()) as counter:
        await Typist(counter).presses("n")
        await counter.see("making → READY")
        counter.service.change_order("B-1040", status="order.completed", stage="done")
        await counter.see("done today → READY", "B-1040 is now: completed.")
        await Typist(counter).types("\r", [0.3])
        assert not counter.posted("/status")
        await counter.see("done today → READY")


async def test_a_number_that_is_made_for_an_order_is_no_other_orders() -> None:
    """The same chance twice: a number is one of 90,000, and a shop has thousands."""
    shop = SampleShop.empty()
    for _ in range(2):
        async with opened(shop) as counter:
            await counter.press("a")
            await counter.see("take it in")
            await counter.press("shift+tab", "enter")
            await counter.see("The customer will NOT be told.")
            await counter.press("enter")
            await counter.see("is taken in.")
    assert len(shop.orders) == 2


async def test_a_step_that_a_colleague_went_on_from_is_not_said_to_be_taken_back() -> None:
    async with opened() as counter:
        await counter.press("n")
        await counter.see("making → READY")
        await counter.press("enter")
        await counter.see("u undo")
        counter.service.change_order("B-1040", status="order.completed", stage="done")
        counter.service.shop.undo = dict.fromkeys(counter.service.shop.undo, "order.completed")  # as the service does
        await counter.press("u")
        await counter.see("B-1040 is now: completed.")
        assert "taken back" not in counter.text


def two_untold() -> SampleShop:
    """Two customers could not be told. Both at the counter take up the phone for the first one; one of them is quicker."""
    shop = SampleShop.ordinary()
    shop.add_order("B-1055", "order.ready", "ready", now=NOW, name="Noa")
    failed = shop.add_message("B-1055", "order.ready", now=NOW, state="failed", reason="no usable phone for Twilio")
    shop.orders["B-1055"]["told"] = shop.told(failed)
    return shop


async def test_a_key_that_was_meant_for_what_a_colleague_has_just_decided_marks_nobody_else_as_told() -> None:
    async with opened(two_untold(), size=(120, 40), tempo=Tempo()) as counter:
        await counter.app.action_go("now")
        await counter.see("NOT TOLD: no phone")
        first, second = (thing.order for thing in counter.app.session.queue()[:2])
        assert first is not None
        assert second is not None
        assert first.told is not None
        counter.service.change_message(str(first.told.message_id), state="delivered", reason="")
        await counter.until(lambda: counter.app.session.queue()[0].key.endswith(second.ref))
        assert counter.app.page is not None
        typist = Typist(counter, at=counter.app.page.slid_at)
        await typist.types("c", [0.2])
        await counter.see("What stood there has just gone: look, and press again.")
        await counter.pass_time(3)
        assert not counter.service.posts
        await typist.rest()
        await typist.types("c", [0])
        await counter.pass_time(3)
        await counter.until(lambda: bool(counter.service.posts))
        assert second.ref in counter.service.posts[0][1]


async def test_nor_does_one_that_follows_soon_upon_the_key_of_its_page() -> None:
    """The guide's own `0 c`, in one go."""
    async with opened(two_untold(), size=(120, 40), tempo=Tempo(settle=0, join=60)) as counter:
        typist = Typist(counter)
        await typist.types("0", [0])
        await counter.see("NOT TOLD: no phone")
        first = counter.app.session.queue()[0].order
        assert first is not None
        assert first.told is not None
        counter.service.change_message(str(first.told.message_id), state="delivered", reason="")
        await counter.until(lambda: counter.app.session.queue()[0].key.endswith("B-1055"))
        await counter.until(lambda: counter.app.page is not None and counter.app.page.slid_at > 0)
        assert counter.app.page is not None
        await Typist(counter, at=counter.app.page.slid_at).types("c", [0.2])
        await counter.see("What stood there has just gone: look, and press again.")
        await counter.pass_time(100)
        assert not counter.service.posts
