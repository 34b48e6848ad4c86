"""What waits for a moment of the day, of the order or of the store's, and what comes meanwhile."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from outbox.model import State
from outbox.outcome import Deferred
from tests.support.heart import CHANNELS, ROUTES, Heart, shop
from tests.support.scripted import SLOWER, Vonage

HOUR = 3600
RESTS = Deferred("too many requests", code="429", after=HOUR, throttled=True)
REMINDER: Mapping[str, Any] = {
    "on": "order.confirmed",
    "to": "customer",
    "via": ["twilio"],
    "at": "-2h",
    "expires": "2h",
    "template": "order.confirmed",
    "supersede": False,
}


async def test_a_reminder_goes_with_the_promised_time(tmp_path: Path) -> None:
    """Whose order was put off to tomorrow is reminded tomorrow, of tomorrow's time, and not called to the shop today."""
    async with Heart(tmp_path, shop(route=[REMINDER])) as heart:
        await heart.tell("e1", "order.confirmed", order={"promised_at": "2026-11-24T16:00:00Z"})
        await heart.pass_time(HOUR)
        await heart.tell("e2", "order.changed", order={"promised_at": "2026-11-25T16:00:00Z"})
        waiting = await heart.message()
        assert (waiting.state, waiting.reason.code) == (State.QUEUED, "promised_anew")
        await heart.pass_time(26 * HOUR)
        assert heart.providers.arrived == [], "it is 13:15 of the next day"
        await heart.pass_time(HOUR)
        (reminded,) = heart.providers.arrived
        assert "16:00" in reminded.out.rendered.text


async def test_on_its_way_is_told_tonight_though_a_refund_waits_for_the_morning(tmp_path: Path) -> None:
    out = {"on": "order.out_for_delivery", "to": "customer", "via": ["twilio"], "urgent": True, "expires": "4h"}
    refund = {"on": "refund.*", "to": "customer", "via": ["twilio"]}
    night = {"from": "10:00", "to": "20:00", "media": ["sms"]}
    async with Heart(tmp_path, shop(route=[refund, out, ROUTES[0]], quiet_hours=night)) as heart:
        await heart.tell("e1", "refund.issued", data={"amount": "5.00"})
        await heart.tell("e2", "order.out_for_delivery")
        assert heart.providers.texts() == ["order.out_for_delivery"]
        await heart.pass_time(10 * HOUR)
        assert heart.providers.texts() == ["order.out_for_delivery", "refund.issued"]


async def test_what_waits_goes_to_the_number_that_staff_put_right_meanwhile(tmp_path: Path) -> None:
    """The wrong one is somebody else's."""
    right = {"phone": "07700 900456"}
    async with Heart(tmp_path, shop(store={"name": "Balloon Loft", "country": "GB"})) as heart:
        await heart.tell("e1", "order.delayed")
        await heart.tell("e2", "staff.contact", customer=right)
        await heart.pass_time(180)
        assert [(one.out.to, one.out.addresses["email"]) for one in heart.providers.left] == [
            ("+447700900456", "ada@example.com")
        ]


async def test_nobody_is_called_to_the_shop_for_what_they_have(tmp_path: Path) -> None:
    """Collected before its time, of which this store tells its team alone."""
    call = {"on": "order.confirmed", "to": "customer", "via": ["twilio"], "at": "-2h", "template": "order.ready"}
    done = {"on": "order.completed", "to": "team", "via": ["webhook"]}
    async with Heart(tmp_path, shop(route=[call, done, REMINDER])) as heart:
        await heart.tell("e1", "order.confirmed", order={"promised_at": "2026-11-24T16:00:00Z"})
        await heart.tell("e2", "order.completed")
        await heart.pass_time(5 * HOUR)
        assert heart.providers.texts("twilio") == ["order.confirmed"], "that alone has supersede = false"


async def test_nor_when_its_moment_came_in_the_quiet_hours(tmp_path: Path) -> None:
    """It is 10:15: at two it meets the quiet hours, and at half past two they have their order."""
    call = {"on": "order.confirmed", "to": "customer", "via": ["twilio"], "at": "-2h", "template": "order.ready"}
    done = {"on": "order.completed", "to": "team", "via": ["webhook"]}
    night = {"from": "13:30", "to": "15:30", "media": ["sms"]}
    async with Heart(tmp_path, shop(route=[call, done], quiet_hours=night)) as heart:
        await heart.tell("e1", "order.confirmed", order={"promised_at": "2026-11-24T16:00:00Z"})
        await heart.pass_time(4.25 * HOUR)
        assert (await heart.message()).state is State.QUEUED
        await heart.tell("e2", "order.completed")
        await heart.pass_time(3 * HOUR)
        assert heart.providers.texts("twilio") == []


async def test_who_is_thanked_the_next_day_is_thanked_though_the_shop_says_too_that_it_is_complete(
    tmp_path: Path,
) -> None:
    thanks = {"on": "order.completed", "to": "customer", "via": ["twilio"], "at": "+2h"}
    async with Heart(tmp_path, shop(route=[thanks])) as heart:
        await heart.tell("e1", "order.completed", order={"promised_at": "2026-11-24T16:00:00Z"})
        await heart.pass_time(HOUR)
        await heart.tell("e2", "order.completed", source="webshop")
        await heart.pass_time(8 * HOUR)
        assert heart.providers.texts("twilio") == ["order.completed"]


async def test_the_night_is_no_impatience(tmp_path: Path) -> None:
    """In the morning the provider says "too many" once: the whole night's texts went another way, at the modem's price."""
    night = {"from": "10:00", "to": "15:00", "media": ["sms"]}
    async with Heart(tmp_path, shop(quiet_hours=night)) as heart:
        for n in range(3):
            await heart.tell(f"e{n}", ref=f"B-{n}")
        heart.providers.will("twilio", SLOWER)
        await heart.pass_time(4.75 * HOUR + 60)
        assert [request.channel for request in heart.providers.arrived] == ["twilio"] * 3


async def test_what_the_night_outlasts_is_too_late_when_it_is(tmp_path: Path) -> None:
    """Staff saw it wait until the morning, though nobody would have been told any more; and so long a mail on a refund stood behind it."""
    night = {"from": "10:00", "to": "20:00", "media": ["sms"]}
    soon = {"on": "order.*", "to": "customer", "via": ["twilio"], "expires": "3h"}
    refund = {"on": "refund.*", "to": "customer", "via": ["sendgrid"]}
    async with Heart(tmp_path, shop(route=[soon, refund], quiet_hours=night)) as heart:
        await heart.tell("e1")
        await heart.tell("e2", "refund.issued", data={"amount": "5.00"})
        await heart.pass_time(3 * HOUR - 60)
        news, mail = await heart.messages("B-1")
        assert (news.state, news.reason.code, mail.state) == (State.QUEUED, "quiet_hours", State.QUEUED)
        await heart.pass_time(120)
        assert (await heart.message()).state is State.EXPIRED
        assert heart.providers.texts() == ["refund.issued"]


async def test_so_is_a_long_text_for_which_the_day_has_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There was room for half of it, so that nothing looked at what waited there for tomorrow."""
    monkeypatch.setattr(Vonage, "units", lambda channel, out: 2)
    channels = {**CHANNELS, "vonage": {"concurrency": 1, "daily_limit": 3}}
    soon = {"on": "order.*", "to": "customer", "via": ["vonage"], "expires": "3h"}
    async with Heart(tmp_path, shop(channels=channels, route=[soon])) as heart:
        await heart.tell("e1", ref="B-1")
        await heart.tell("e2", ref="B-2")
        assert (await heart.message("B-2")).reason.code == "daily_limit"
        await heart.pass_time(3 * HOUR + 60)
        assert (await heart.message("B-2")).state is State.EXPIRED


async def test_patience_with_who_is_busy_in_the_morning_is_as_long_as_ever(tmp_path: Path) -> None:
    night = {"from": "10:00", "to": "15:00", "media": ["sms"]}
    async with Heart(tmp_path, shop(quiet_hours=night)) as heart:
        await heart.tell("e1")
        heart.providers.will("twilio", *[Deferred("busy", after=200)] * 9)
        await heart.pass_time(4.75 * HOUR + 590)
        assert heart.providers.arrived == []
        await heart.pass_time(20)
        assert [request.channel for request in heart.providers.arrived] == ["modem"]


async def test_what_staff_held_for_an_hour_is_no_impatience(tmp_path: Path) -> None:
    async with Heart(tmp_path) as heart:
        await heart.engine.board.pause("twilio", reason="", actor="Mia")
        await heart.engine.board.pause("modem", reason="", actor="Mia")
        await heart.engine.board.pause("sendgrid", reason="", actor="Mia")
        await heart.tell("e1")
        await heart.box.spool.hold("B-1", actor="Mia", reason="")
        await heart.pass_time(HOUR)
        for channel in ("twilio", "modem", "sendgrid"):
            await heart.engine.board.resume(channel, actor="Mia")
        heart.providers.will("twilio", SLOWER)
        await heart.box.spool.release("B-1", actor="Mia", reason="")
        await heart.pass_time(60)
        assert [request.channel for request in heart.providers.arrived] == ["twilio"]


@pytest.mark.parametrize("limit", [2, 3], ids=["used up", "with room for half of it"])
async def test_on_its_way_is_told_today_though_a_long_text_waits_for_tomorrow_s_limit(
    limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Vonage, "units", lambda channel, out: 2)
    out = {"on": "order.out_for_delivery", "to": "customer", "via": ["twilio"], "urgent": True, "expires": "4h"}
    refund = {"on": "refund.*", "to": "customer", "via": ["vonage"]}
    channels = {**CHANNELS, "vonage": {"concurrency": 1, "daily_limit": limit}}
    async with Heart(tmp_path, shop(route=[refund, out], channels=channels)) as heart:
        await heart.tell("e1", "refund.issued", ref="B-1")
        await heart.tell("e2", "refund.issued", ref="B-2")
        await heart.tell("e3", "order.out_for_delivery", ref="B-2")
        assert heart.providers.texts() == ["refund.issued", "order.out_for_delivery"]
        await heart.pass_time(14 * HOUR)
        assert heart.providers.texts("vonage") == ["refund.issued"] * 2


async def test_what_is_urgent_does_not_wait_behind_a_receipt_whose_channel_is_paused(tmp_path: Path) -> None:
    """Nobody pays the mail provider's bill that day: until its receipt is too old, the customer's texts waited with it."""
    out = {"on": "order.out_for_delivery", "to": "customer", "via": ["twilio"], "urgent": True, "expires": "4h"}
    receipt = {"on": "payment.confirmed", "to": "customer", "via": ["sendgrid"]}
    async with Heart(tmp_path, shop(route=[receipt, out])) as heart:
        await heart.engine.board.pause("sendgrid", reason="no credit", actor="Kim")
        await heart.tell("e1", "payment.confirmed")
        await heart.tell("e2", "order.out_for_delivery")
        await heart.pass_time(120)
        assert heart.providers.texts() == ["order.out_for_delivery"]
        await heart.engine.board.resume("sendgrid", actor="Kim")
        await heart.pass_time(120)
        assert heart.providers.texts() == ["order.out_for_delivery", "payment.confirmed"]


async def test_what_passed_and_can_t_leave_either_gives_its_place_back(tmp_path: Path) -> None:
    """The texts' credit was used up as well: the receipt waited for a text that nobody could send, though its own bill was paid."""
    out = {"on": "order.out_for_delivery", "to": "customer", "via": ["twilio"], "urgent": True, "expires": "4h"}
    receipt = {"on": "payment.confirmed", "to": "customer", "via": ["sendgrid"]}
    async with Heart(tmp_path, shop(route=[receipt, out])) as heart:
        await heart.engine.board.pause("sendgrid", reason="no credit", actor="Kim")
        await heart.tell("e1", "payment.confirmed")
        await heart.engine.board.pause("twilio", reason="no credit", actor="Kim")
        await heart.tell("e2", "order.out_for_delivery")
        await heart.pass_time(120)
        await heart.engine.board.resume("sendgrid", actor="Kim")
        await heart.pass_time(120)
        assert heart.providers.texts() == ["payment.confirmed"]


async def test_what_is_urgent_passes_what_is_urgent_too_while_its_channel_rests(tmp_path: Path) -> None:
    out = {"on": "order.out_for_delivery", "to": "customer", "via": ["twilio"], "urgent": True, "expires": "4h"}
    back = {"on": "return.*", "to": "customer", "via": ["sendgrid"], "urgent": True}
    async with Heart(tmp_path, shop(route=[back, out])) as heart:
        heart.providers.will("twilio", RESTS)
        await heart.tell("e0", "order.out_for_delivery", ref="B-9")
        await heart.tell("e1", "order.out_for_delivery")
        await heart.tell("e2", "return.received")
        await heart.pass_time(120)
        assert heart.providers.texts() == ["return.received"]
        await heart.pass_time(HOUR)
        assert heart.providers.texts("twilio") == ["order.out_for_delivery"] * 2


async def test_what_passed_gives_its_place_back_while_its_channel_rests(tmp_path: Path) -> None:
    """The receipt's own channel is well again: it waits for no outage of the texts'."""
    out = {"on": "order.out_for_delivery", "to": "customer", "via": ["twilio"], "urgent": True, "expires": "4h"}
    receipt = {"on": "payment.confirmed", "to": "customer", "via": ["sendgrid"]}
    async with Heart(tmp_path, shop(route=[receipt, out])) as heart:
        heart.providers.will("twilio", RESTS)
        await heart.tell("e0", "order.out_for_delivery", ref="B-9")
        await heart.engine.board.pause("sendgrid", reason="no credit", actor="Kim")
        await heart.tell("e1", "payment.confirmed")
        await heart.tell("e2", "order.out_for_delivery")
        await heart.pass_time(120)
        await heart.engine.board.resume("sendgrid", actor="Kim")
        await heart.pass_time(120)
        assert heart.providers.texts() == ["payment.confirmed"]


async def test_what_can_t_leave_writes_nothing_while_it_waits(tmp_path: Path) -> None:
    """Two that are urgent let each other pass, each minute, for as long as both their channels were paused."""
    out = {"on": "order.out_for_delivery", "to": "customer", "via": ["twilio"], "urgent": True}
    back = {"on": "return.*", "to": "customer", "via": ["sendgrid"], "urgent": True}
    async with Heart(tmp_path, shop(route=[back, out])) as heart:
        for channel in ("sendgrid", "twilio"):
            await heart.engine.board.pause(channel, reason="no credit", actor="Kim")
        await heart.tell("e1", "return.received")
        await heart.tell("e2", "order.out_for_delivery")
        await heart.pass_time(120)
        written = (tmp_path / "tether0.db-wal").read_bytes()
        await heart.pass_time(300)
        assert (tmp_path / "tether0.db-wal").read_bytes() == written


async def test_what_waits_for_tomorrow_s_limit_goes_today_under_a_higher_one(tmp_path: Path) -> None:
    """The owner raised it, as the box had asked them to: it waited for midnight all the same."""
    by_text = {"on": "order.*", "to": "customer", "via": ["vonage"]}
    low, high = ({**CHANNELS, "vonage": {"concurrency": 1, "daily_limit": limit}} for limit in (1, 10))
    async with Heart(tmp_path, shop(route=[by_text], channels=low)) as heart:
        await heart.tell("e1", ref="B-1")
        await heart.tell("e2", ref="B-2")
        assert (await heart.message("B-2")).reason.code == "daily_limit"
        await heart.reload(shop(route=[by_text], channels=high))
        assert await heart.states("B-2") == [State.SENT]


async def test_so_it_does_where_its_channel_was_paused_meanwhile(tmp_path: Path) -> None:
    by_text = {"on": "order.*", "to": "customer", "via": ["vonage"]}
    low, high = ({**CHANNELS, "vonage": {"concurrency": 1, "daily_limit": limit}} for limit in (1, 10))
    async with Heart(tmp_path, shop(route=[by_text], channels=low)) as heart:
        await heart.tell("e1", ref="B-1")
        await heart.tell("e2", ref="B-2")
        await heart.engine.board.pause("vonage", reason="", actor="Kim")
        await heart.reload(shop(route=[by_text], channels=high))
        assert await heart.states("B-2") == [State.QUEUED]
        await heart.engine.board.resume("vonage", actor="Kim")
        await heart.pass_time(1)
        assert await heart.states("B-2") == [State.SENT]


async def test_what_waits_for_tomorrow_s_money_is_not_tried_at_each_start(tmp_path: Path) -> None:
    """Each of them was put off again, and that is on record for good."""
    by_text = {"on": "order.*", "to": "customer", "via": ["twilio"]}
    settings = shop(route=[by_text], sms={"countries": ["GB"], "daily_parts": 1})
    async with Heart(tmp_path, settings) as heart:
        await heart.tell("e1", ref="B-1")
        await heart.tell("e2", ref="B-2")
        assert (await heart.message("B-2")).reason.code == "sms_parts"
        before = (await heart.box.audit.list(order_ref="B-2", limit=100)).items
        await heart.reload(settings)
        assert (await heart.box.audit.list(order_ref="B-2", limit=100)).items == before
        await heart.reload(shop(route=[by_text], sms={"countries": ["GB"], "daily_parts": 2}))
        assert await heart.states("B-2") == [State.SENT]
