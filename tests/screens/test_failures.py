"""What was not done is read, though hands are faster than answers and something else is said at once."""

import msgspec

from tests.support.counter import Counter, opened

REFUSED = "NOT DONE: B-1042: hold. The service says: it is held already"


async def _hold(counter: Counter, name: str) -> None:
    await counter.type(f"/{name} hold")
    await counter.press("enter")
    await counter.see("Nothing is sent about")
    await counter.press("enter")


async def _is_refused(counter: Counter) -> None:
    counter.service.refuse["/v1/orders/B-1042/hold"] = (409, "it is held already")
    await _hold(counter, "ada")
    await counter.see(REFUSED)


async def test_it_is_said_again_after_what_is_said_of_the_next_step_until_it_was_read() -> None:
    async with opened(size=(140, 40)) as counter:
        await _is_refused(counter)
        await _hold(counter, "lin")
        await counter.see("B-1043 is on hold")
        assert "NOT DONE" not in counter.text
        await counter.pass_time(9)
        await counter.see(REFUSED)
        counter.app.action_hush()
        await counter.until(lambda: "NOT DONE" not in counter.text)
        await counter.pass_time(9)
        assert "NOT DONE" not in counter.text


async def test_what_can_be_undone_is_said_before_it() -> None:
    async with opened(size=(140, 40)) as counter:
        await _is_refused(counter)
        await counter.type("/sam ready")
        await counter.press("enter")
        await counter.see("Sam will be told")
        await counter.press("enter")
        await counter.see("B-1040 is now: ready.", passing=0.2)
        assert "NOT DONE" not in counter.text
        await counter.pass_time(9)
        await counter.see(REFUSED)


async def test_it_is_not_said_any_more_once_it_was_done_after_all() -> None:
    async with opened(size=(140, 40)) as counter:
        await _is_refused(counter)
        counter.service.refuse.clear()
        await _hold(counter, "ada")
        await counter.see("B-1042 is on hold")
        await counter.pass_time(9)
        assert "NOT DONE" not in counter.text


async def test_it_stands_for_a_minute_of_its_own() -> None:
    async with opened(size=(140, 40)) as counter:
        await _is_refused(counter)
        await counter.pass_time(50)
        await _hold(counter, "lin")
        await counter.see("B-1043 is on hold")
        await counter.pass_time(9)
        await counter.see(REFUSED)
        await counter.pass_time(11)
        assert "NOT DONE" not in counter.text


async def test_that_somebody_was_not_told_is_said_again_after_what_was_not_done() -> None:
    """And the other way round: each has its own minute."""
    async with opened(size=(140, 40)) as counter:
        told = counter.service.shop.orders["B-1042"]["told"]["message_id"]
        counter.service.change_message(told, state="failed", reason="no usable phone for Twilio")
        await counter.see("NOT told")
        await counter.pass_time(1)
        await _is_refused(counter)
        await counter.pass_time(61)
        await counter.see("NOT told")


async def test_what_was_done_of_another_message_of_the_order_hides_nothing() -> None:
    async with opened(size=(140, 40)) as counter:
        service, flows = counter.service, counter.app.flows
        service.refuse["/v1/messages/m00003/retry"] = (409, "it has left")
        shop = counter.app.session.shop
        both = [shop.messages["m00003"], msgspec.structs.replace(shop.messages["m00004"], order_ref="B-1039")]
        counter.app.act(flows.retry([msgspec.structs.replace(both[0], order_ref="B-1039"), both[1]]))
        await counter.see("They will be sent again: 2")
        await counter.press("enter")
        await counter.see("1/2 sent again.")
        counter.app.action_hush()
        await counter.see("NOT DONE: B-1039: send again. The service says: it has left")
