"""The last look at a text message on a real outbox: automatic answers too, and what was sent before a restart."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from daemon.config import Amount, Settings, Sms
from daemon.dispatch.prepare import PassOver
from daemon.dispatch.sms.guard import SmsGuard
from daemon.dispatch.sms.spending import Spent
from outbox.model import Policy, State, Transition
from outbox.reasons import Reason
from tests.support.at_vendor import bench
from tests.support.outbox_box import NOW, PHONE, accept_one, open_box, planned, send

ANSWER = Policy(urgent=True, supersede=False, on_unknown="ask", answers="help")


@pytest.mark.parametrize(
    "number", ["+881612345678", "+8821612345678", "+870773111632", "+449012345678", "+4915112345678"]
)
async def test_help_from_a_costly_number_is_not_answered(tmp_path: Path, number: str) -> None:
    """Nine satellite telephones ask for help, and each answer costs what a day's texts do."""
    async with bench("twilio") as at, open_box(tmp_path, at.clock) as box:
        guard = SmsGuard(Settings(), box, lambda name: "sms", lambda name: True)
        asked = await accept_one(
            box, planned("m1", recipient="answer", addresses={"phone": number}, via=("modem",), policy=ANSWER)
        )
        out = msgspec.structs.replace(at.out(), to=number)
        assert isinstance(await guard.admit("modem", asked, 0, out, NOW), PassOver)
        assert guard.status(NOW).parts_today == 0


async def test_an_answer_counts_and_waits_for_midnight_like_any_text(tmp_path: Path) -> None:
    async with bench("twilio") as at, open_box(tmp_path, at.clock) as box:
        settings = Settings(sms=Sms(daily_cost=Amount("0.05"), prices={"modem": {"*": "0.03"}}))
        guard = SmsGuard(settings, box, lambda name: "sms", lambda name: True)
        asked = await accept_one(box, planned("m1", recipient="answer", via=("modem",), policy=ANSWER))
        out = msgspec.structs.replace(at.out(), to=PHONE)
        first = await guard.admit("modem", asked, 0, out, NOW)
        assert isinstance(first, Spent)
        assert first.cost == Decimal("0.03")
        second = await guard.admit("modem", asked, 0, out, NOW)
        assert isinstance(second, Transition)
        assert (second.state, second.counts, second.relative) == (State.QUEUED, False, False)
        assert second.reason.code == "sms_cost"
        assert second.due_at is not None
        assert second.due_at > NOW
        guard.spending.give_back(first)
        assert isinstance(await guard.admit("modem", asked, 0, out, NOW), Spent)


async def test_the_day_is_read_from_what_left(tmp_path: Path) -> None:
    """A service that is made to restart every minute must not have a new day every minute."""
    async with bench("twilio") as at, open_box(tmp_path, at.clock) as box:
        await send(box, await accept_one(box, planned("m1")))
        guard = SmsGuard(Settings(), box, lambda name: "sms", lambda name: True)
        await guard.recall(["twilio"], NOW - 1)
        assert (guard.status(NOW).parts_today, guard.status(NOW).cost_today) == (1, Decimal("0.04"))
        await guard.recall(["vonage"], NOW - 1)
        assert guard.status(NOW).parts_today == 0, "mail and others are none of these"


async def test_a_text_that_left_by_a_clock_that_was_ahead_hides_no_other_of_the_day(tmp_path: Path) -> None:
    """The clock said half past midnight for a moment: that alone counted then, and the day's money could be spent twice."""
    async with bench("twilio") as at, open_box(tmp_path, at.clock) as box:
        for number, step in enumerate((0.0, 14.25 * 3600, -14.25 * 3600)):
            at.clock.step(step)
            await send(box, await accept_one(box, planned(f"m{number}"), id=f"e{number}", ref=f"B-{number}"))
        guard = SmsGuard(Settings(), box, lambda name: "sms", lambda name: True)
        await guard.recall(["twilio"], NOW - 1)
        assert guard.status(NOW).parts_today == 3


async def test_a_day_s_money_that_is_used_up_is_told(tmp_path: Path) -> None:
    """Only parts were: at the usual prices the money is gone long before, and texts waited for midnight without a word."""
    async with bench("twilio") as at, open_box(tmp_path, at.clock) as box:
        settings = Settings(sms=Sms(daily_cost=Amount("0.05"), prices={"twilio": {"*": "0.03"}, "modem": {"*": "0"}}))
        guard = SmsGuard(settings, box, lambda name: "sms", lambda name: True)
        await guard.recall(["modem", "twilio"], NOW - 1)
        asked = await accept_one(box, planned("m1"))
        out = msgspec.structs.replace(at.out(), to=PHONE)
        assert guard.trouble(NOW) == {}
        assert isinstance(await guard.admit("twilio", asked, 0, out, NOW), Spent)
        assert isinstance(await guard.admit("twilio", asked, 0, out, NOW), Transition)
        assert "daily_cost" in guard.trouble(NOW)["texts"]


async def test_what_staff_let_go_stays_let_go_when_its_provider_was_busy_or_the_service_began_anew(
    tmp_path: Path,
) -> None:
    async with bench("twilio") as at, open_box(tmp_path, at.clock) as box:
        settings = Settings(sms=Sms(new_numbers=1))
        guard = SmsGuard(settings, box, lambda name: "sms", lambda name: True)
        held, out = await accept_one(box, planned("m1")), msgspec.structs.replace(at.out(), to=PHONE)
        guard.pumping.note(PHONE[:-1] + "9", NOW)
        seen = await guard.admit("twilio", held, 0, out, NOW)
        assert isinstance(seen, Transition)
        assert seen.reason.code == "sms_pumping"
        guard.was_held(held)
        for _ in range(2):
            share = await guard.admit("twilio", held, 0, out, NOW)
            assert isinstance(share, Spent)
            guard.spending.give_back(share)
        anew = SmsGuard(settings, box, lambda name: "sms", lambda name: True)
        anew.pumping.note(PHONE[:-1] + "9", NOW)
        let_go = msgspec.structs.replace(held, reason=Reason("tried again by Mia", "retried", by="Mia"))
        assert isinstance(await anew.admit("twilio", let_go, 0, out, NOW), Spent)
