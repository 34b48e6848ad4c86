"""A number that one order had and another has now: what its former customer was not told is none of the present one's."""

import pytest

from daemon.wire.messages import Message
from daemon.wire.orders import Order
from daemon.wire.values import When, Word
from tests.support.counter import opened
from tests.support.sample_shop import DAY, MINUTE, NOW, Json, SampleShop
from tui.shop.state import Shop


def given_out_again(state: str = "failed") -> SampleShop:
    """Ada's "placed" (m00001) ended so yesterday; 42 is Kofi's today, who was told."""
    shop = SampleShop.empty()
    shop.add_order("42", "order.placed", "to_confirm", now=NOW - 9 * MINUTE, name="Kofi", phone="+44…0456")
    add_former(shop, "order.placed", state)
    told = shop.add_message("42", "order.placed", now=NOW - 9 * MINUTE, state="delivered", to="+44…0456")
    told["event_seq"] = 9
    shop.orders["42"] |= {"began": 9, "told": shop.told(told)}
    return shop


def add_former(shop: SampleShop, status: str, state: str) -> Json:
    reason = "no usable phone for Twilio" if state == "failed" else ""
    message = shop.add_message("42", status, now=NOW - DAY, state=state, reason=reason)
    message["event_seq"] = 3
    return message


async def test_its_row_has_nobody_else_s_name_and_no_word_that_they_were_told() -> None:
    async with opened(given_out_again(), size=(120, 40)) as counter:
        await counter.press("2", "f")
        await counter.see("1 shown", "It is of the order that had", "number before.")
        assert "Kofi" not in counter.line("✗ failed")
        assert "Since then" not in counter.text
        await counter.press("slash")
        await counter.type("kofi")
        await counter.see("0 shown")


@pytest.mark.parametrize(
    ("downs", "path", "body"),
    [
        (0, "/v1/messages/m00001/retry", {}),
        (1, "/v1/orders/42/told", {"how": "phone", "message_id": "m00001"}),
        (2, "/v1/orders/42/told", {"how": "in_person", "message_id": "m00001"}),
    ],
)
async def test_help_is_that_very_message_again_or_a_person(downs: int, path: str, body: Json) -> None:
    """It offered Kofi's ways, by which he read what was Ada's news."""
    async with opened(given_out_again(), size=(120, 40)) as counter:
        await counter.press("2", "f")
        await counter.see("1 shown")
        await counter.press("p")
        await counter.see("42, who had this number before, is to be told: PLACED", "I phoned: +447700900123")
        assert "kept with the order" not in counter.text
        await counter.press(*["down"] * downs, "enter")
        await counter.until(lambda: counter.service.posts)
        ((_, asked, said, _),) = counter.service.posts
        assert (asked, {name: said[name] for name in body}) == (path, body)
        await counter.see("0 shown")


async def test_it_is_sent_again_though_the_next_one_was_told_the_same() -> None:
    async with opened(given_out_again()) as counter:
        await counter.press("2", "f")
        await counter.see("1 shown")
        await counter.press("r")
        await counter.see("They will be sent again: 1, about 42.")


async def test_what_is_sent_again_or_stopped_at_an_order_is_that_order_s() -> None:
    shop = given_out_again()
    add_former(shop, "refund.issued", "queued")
    async with opened(shop) as counter:
        counter.app.open_order("42")
        await counter.see("42  Kofi")
        await counter.press("r")
        await counter.see("Nothing here failed.")
        await counter.press("x")
        await counter.see("Nothing waits here.")


async def test_what_is_in_doubt_waits_for_somebody_under_nobody_else_s_name() -> None:
    """Whoever was told meanwhile, it was not she."""
    shop = given_out_again("unknown")
    message = shop.messages["m00002"]
    message |= {"reason": "phoned by Kim", "reason_code": "phoned", "reason_args": {"who": "Kim"}, "via": []}
    shop.orders["42"]["told"] = shop.told(message)
    async with opened(shop, size=(120, 40)) as counter:
        await counter.press("0")
        await counter.see("now: 1 thing", "42 “placed”")
        assert "Kofi" not in counter.line("“placed”")
        await counter.press("c")
        await counter.see("nothing waits for you")
        assert [body["message_id"] for body in counter.posted("/told")] == ["m00001"]


@pytest.mark.parametrize(("event_seq", "tells"), [(3, False), (9, True)])
def test_only_what_is_of_an_order_moves_its_card_and_rings(event_seq: int, tells: bool) -> None:
    shop = Shop()
    shop.change_order(Order(ref="42", stage=Word("ready"), status=Word("order.ready"), updated_at=When(NOW), began=9))
    failed = Message(
        id="a", event_seq=event_seq, order_ref="42", audience=Word("customer"), trigger=Word("order.ready"), state=Word("failed")
    )  # fmt: skip
    shop.change_message(failed)
    assert (shop.orders["42"].told is not None, shop.alarms == [failed]) == (tells, tells)
