"""Personal data goes when it is due or when a person asks; the record holds."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outbox import Outbox, Removed
from outbox.errors import IllegalMove
from outbox.model import Rendered, State, Transition
from outbox.outcome import Accepted, Deferred, ReceiptState, Unknown
from outbox.promises import Promises
from outbox.reasons import Reason
from outbox.receipts import GoOn
from tests.store.test_replies import Reply
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import (
    MAIL,
    NOW,
    PHONE,
    SENT,
    Update,
    accept_one,
    begin,
    due_ids,
    message_of,
    one_each,
    open_box,
    planned,
    posted,
    send,
    state_of,
)

DAY = 86_400_000
UNDELIVERED = ReceiptState.UNDELIVERED
CUSTOMER = {"name": "Ada Lovelace", "phone": "07700 900123", "email": MAIL}


async def one_of_each(box: Outbox) -> None:
    """An order that is over, with a reply, and one that waits."""
    message = await accept_one(box, planned("over"), id="e1", customer=CUSTOMER, order={"note": "for Ada Lovelace"})
    begun = await box.spool.begin(
        message.seq, channel="twilio", via_index=0, medium="sms", address=PHONE, sent=Rendered("Hi Ada Lovelace")
    )
    await box.spool.settle(begun, Accepted("P1"), SENT)  # type: ignore[arg-type]
    await box.replies.add("twilio", Reply(address=PHONE, text="Ada Lovelace here"))
    await accept_one(box, planned("waits", text="Dear Ada Lovelace"), id="e2", ref="B-2", customer=CUSTOMER)
    await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")


def everything(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.iterdir() if file.name.startswith("tether.db"))


async def test_what_is_over_and_old_is_removed_in_slices(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_box(tmp_path, clock) as box:
        for n in range(7):
            await send(box, await accept_one(box, planned(f"m{n}"), id=f"e{n}", ref=f"B-{n}"))
        await accept_one(box, planned("open"), id="open", ref="open")
        clock.step(200 * 86400)
        await send(box, await accept_one(box, planned("new"), id="new", ref="new", at=clock.now()))
        removed = await box.retention.prune(before=clock.now() - 180 * DAY, slice=3)
        assert removed == Removed(orders=7, events=7, messages=7, attempts=7)
        assert [message.id for message in (await box.views.messages(limit=99)).items] == ["new", "open"]
        assert (await box.audit.verify()).ok
        assert await box.retention.prune(before=clock.now() - 180 * DAY) == Removed()


@pytest.mark.parametrize("what", ["an order", "a body", "a receipt of nobody's"])
async def test_what_went_stands_in_the_log_no_more(tmp_path: Path, what: str) -> None:
    """A shop that sells little would have kept it there for weeks."""
    clock = FakeClock()
    async with open_box(tmp_path, clock) as box:
        if what == "an order":
            await send(box, await accept_one(box, customer=CUSTOMER))
        elif what == "a body":
            await box.quarantine.keep("shop", b"Ada Lovelace", headers={}, reason="odd")
        else:
            failed = Update(state=UNDELIVERED, provider_id="P9", detail="550 no mailbox of Ada Lovelace")
            await begin(box, await accept_one(box))
            await box.receipts.apply("twilio", failed)
        clock.step(200 * 86400)
        assert b"Lovelace" in everything(tmp_path)
        await box.retention.prune(before=clock.now() - 180 * DAY)
        assert b"Lovelace" not in everything(tmp_path)


async def test_an_order_that_is_promised_for_later_stays_until_that_is_as_long_ago(tmp_path: Path) -> None:
    """A wedding that was booked seven months ahead: without it nobody makes the balloons, and nobody knows whom to tell."""
    clock = FakeClock()
    async with open_box(tmp_path, clock) as box:
        wedding = {"promised_at": "2027-06-12T09:00:00Z"}
        await send(box, await accept_one(box, planned("m1"), id="e1", customer=CUSTOMER, order=wedding))
        clock.step(190 * 86400)
        assert await box.retention.prune(before=clock.now() - 180 * DAY) == Removed()
        clock.step(200 * 86400)
        assert (await box.retention.prune(before=clock.now() - 180 * DAY)).orders == 1


async def test_an_order_that_is_promised_for_another_century_by_mistake_goes_like_others(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await send(box, await accept_one(box, planned("m1"), id="e1", order={"promised_at": "2206-11-24T09:00:00Z"}))
        assert (await box.retention.prune(before=NOW + 1)).orders == 1


async def test_what_a_customer_wrote_lately_does_not_go_with_their_old_order(tmp_path: Path) -> None:
    """Half a year after the party they ask about the pump: the night took their words before anybody had read them."""
    clock = FakeClock()
    async with open_box(tmp_path, clock) as box:
        await send(box, await accept_one(box, planned("m1"), id="e1", customer=CUSTOMER))
        clock.step(181 * 86400)
        assert await box.replies.add("twilio", Reply(address=PHONE, text="may I keep the pump?")) == "B-1"
        assert await box.retention.prune(before=clock.now() - 180 * DAY) == Removed()
        assert [each.text for each in (await box.replies.list(unread=True, limit=9)).items] == ["may I keep the pump?"]
        clock.step(181 * 86400)
        assert (await box.retention.prune(before=clock.now() - 180 * DAY)).replies == 1


async def test_a_reply_of_a_far_day_keeps_no_order(tmp_path: Path) -> None:
    """The clock of a network that passed it on was wrong: their data would have stayed for forty years."""
    clock = FakeClock()
    async with open_box(tmp_path, clock) as box:
        await send(box, await accept_one(box, planned("m1"), id="e1", customer=CUSTOMER))
        await box.replies.add("twilio", Reply(address=PHONE, text="thanks", at=NOW + 40 * 365 * DAY))
        clock.step(181 * 86400)
        assert (await box.retention.prune(before=clock.now() - 180 * DAY)).orders == 1


async def test_an_order_with_several_events_goes_with_all_of_them(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        for n in range(3):
            await send(box, await accept_one(box, planned(f"m{n}"), id=f"e{n}", ref="B-1"))
        assert (await box.retention.prune(before=NOW + 1)).events == 3
        assert (await box.views.figures()).events == 0
        assert not (await box.spool.accept(posted("e0"), one_each)).duplicate


class Counter:
    """A till that counts from one each day: its B-1 is one customer's after the other."""

    def __init__(self, box: Outbox, clock: FakeClock) -> None:
        self.box = box
        self.clock = clock
        self.told = 0

    async def sells(self, to: dict[str, str], *types: str, arrives: bool = True) -> None:
        """What the till tells of B-1 as that customer's, and they are told."""
        for type in types or ("order.placed", "order.completed"):
            self.told += 1
            now, name = self.clock.now(), f"{self.told}"
            message = planned(f"m{name}", trigger=type, addresses={"phone": to["phone"]}, due_at=now)
            kept = await accept_one(self.box, message, id=f"e{name}", type=type, customer=to, at=now)
            attempt = await begin(self.box, kept, address=to["phone"])
            outcome = Accepted(f"P{name}") if arrives else Unknown("cut")
            await self.box.spool.settle(attempt, outcome, SENT if arrives else Transition(state=State.UNKNOWN))

    def pass_days(self, days: int) -> None:
        self.clock.step(days * 86400)

    async def prune(self) -> Removed:
        return await self.box.retention.prune(before=self.clock.now() - 180 * DAY)

    async def events(self) -> list[str]:
        return [event.id for event in await self.box.views.events_of_order("B-1")]

    async def is_found(self, who: dict[str, str]) -> bool:
        return not await self.box.views.is_new(who["phone"], before=2**62)


ADA, BEN, CY = (
    {"name": name, "phone": phone}
    for name, phone in (("Lovelace", "+447700900111"), ("Ben", "+447700900222"), ("Cy", "+447700900333"))
)


@pytest.fixture
async def counter(tmp_path: Path) -> AsyncIterator[Counter]:
    clock = FakeClock()
    async with open_box(tmp_path, clock) as box:
        yield Counter(box, clock)
        assert (await box.audit.verify()).ok


async def test_what_is_past_its_time_goes_also_where_its_number_is_anothers_by_now(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_box(tmp_path, clock) as box:
        counter = Counter(box, clock)
        await counter.sells(ADA)
        await box.replies.add("twilio", Reply(address=ADA["phone"], text="thanks, Lovelace"))
        for customer in (BEN, CY):
            counter.pass_days(100)
            await counter.sells(customer, "order.placed")
            await box.replies.add("twilio", Reply(address=customer["phone"], text=f"thanks, {customer['name']}"))
            await counter.sells(customer, "order.completed")
        assert await counter.prune() == Removed(events=2, messages=2, attempts=2, replies=1)
        assert await counter.prune() == Removed()
        assert await counter.events() == ["e3", "e4", "e5", "e6"]
        story = await box.views.story("B-1")
        assert story is not None
        assert [message.id for message in story.messages] == ["m3", "m4", "m5", "m6"]
        assert [reply.text for reply in story.replies] == ["thanks, Cy", "thanks, Ben"]
        assert [await counter.is_found(one) for one in (ADA, BEN, CY)] == [False, True, True]
        assert (await box.audit.verify()).ok
    for word in ADA.values():
        assert word.encode() not in everything(tmp_path), word


async def test_of_a_number_that_is_given_out_again_nothing_open_goes_nor_what_followed_it(counter: Counter) -> None:
    await counter.sells(ADA, "order.placed")
    await counter.sells(ADA, "order.completed", arrives=False)
    await counter.sells(BEN)
    counter.pass_days(200)
    await counter.sells(CY)
    assert await counter.prune() == Removed(events=1, messages=1, attempts=1)
    assert await counter.events() == ["e2", "e3", "e4", "e5", "e6"]
    assert await state_of(counter.box, "m2") is State.UNKNOWN
    assert [await counter.is_found(one) for one in (ADA, BEN, CY)] == [True, True, True]


async def test_who_had_a_number_before_and_has_it_again_is_found_by_it(counter: Counter) -> None:
    await counter.sells(ADA)
    await counter.sells(BEN)
    counter.pass_days(200)
    await counter.sells(ADA)
    assert (await counter.prune()).events == 4
    assert [await counter.is_found(one) for one in (ADA, BEN)] == [True, False]


async def test_nothing_goes_of_an_order_that_is_long_under_way(counter: Counter) -> None:
    """Not even what was told of it before it was placed, by a clock that was ahead."""
    counter.pass_days(1)
    await counter.sells(ADA, "payment.confirmed")
    counter.pass_days(-1)
    await counter.sells(ADA, "order.placed", "order.confirmed")
    counter.pass_days(200)
    await counter.sells(ADA, "order.ready")
    assert await counter.prune() == Removed()
    assert await counter.events() == ["e1", "e2", "e3", "e4"]


async def test_what_a_clock_that_was_ahead_wrote_keeps_nothing_of_those_before(counter: Counter) -> None:
    counter.pass_days(20_000)
    await counter.sells(ADA)
    counter.pass_days(-20_000)
    await counter.sells(BEN)
    counter.pass_days(200)
    await counter.sells(CY)
    assert (await counter.prune()).events == 4
    assert await counter.events() == ["e5", "e6"]


async def test_pruning_drops_plain_addresses_of_old_opt_outs_and_strangers_replies(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        await box.replies.add("twilio", Reply(address="+15550001", text="who is this?", at=NOW))
        assert await box.retention.prune(before=NOW + 1) == Removed(replies=1, optouts=1)
        assert await box.consent.blocked("sms", PHONE) == "STOP"
        assert [one.address for one in (await box.consent.list(limit=9)).items] == [""]


@pytest.mark.parametrize("address", [PHONE, " ADA@example.com "])
async def test_a_person_is_forgotten(tmp_path: Path, address: str) -> None:
    async with open_box(tmp_path) as box:
        await one_of_each(box)
        would = await box.people.forget(address, actor="owner", dry_run=True)
        assert (would.orders, would.events, would.messages, would.attempts, would.replies) == (2, 2, 2, 1, 1)
        assert await state_of(box, "waits") is State.QUEUED
        assert await box.people.forget(address, actor="owner") == would
        assert await state_of(box, "waits") is State.CANCELLED
        assert await due_ids(box) == []
        assert (await box.audit.verify()).ok
        assert await box.consent.blocked("sms", PHONE) == "asked for silence"
        with pytest.raises(IllegalMove, match="forgotten"):
            await box.spool.retry("waits", actor="Mia")
        story = await box.views.story("B-1")
        assert story is not None
        assert [event.raw for event in story.events] == [b""]
        assert (await box.spool.accept(posted("e1"), one_each)).duplicate
        assert await box.replies.add("twilio", Reply(address=PHONE, text="again")) is None


async def test_nothing_of_a_forgotten_person_is_left_on_the_disk(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await one_of_each(box)
        await box.people.forget(MAIL, actor="owner")
        await box.people.forget(PHONE, actor="owner")
        left = everything(tmp_path)
    for word in (b"Lovelace", b"447700900123", b"07700 900123", MAIL.encode()):
        assert word not in left, word


async def test_one_under_way_when_its_customer_is_forgotten_ends_like_any_other(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        attempt = await begin(box, await accept_one(box, customer=CUSTOMER))
        await box.people.forget(PHONE, actor="owner")
        await box.spool.settle(attempt, Unknown("cut"), Transition(state=State.UNKNOWN, due_at=NOW))
        ((due, unknown),) = await box.spool.unknowns(now=NOW, limit=9)
        assert (due.event.type, due.event.customer, due.message.addresses) == ("order.ready", None, {})
        ended = await box.spool.resolve(unknown, Deferred("it had not arrived"), Transition(state=State.QUEUED))
        assert ended.state is State.CANCELLED


async def test_nothing_that_a_provider_says_afterwards_brings_a_forgotten_person_back(tmp_path: Path) -> None:
    """Providers' ids hold the number (WhatsApp's do), and their words may name anybody."""
    async with open_box(tmp_path) as box:
        attempt = await begin(box, await accept_one(box, customer=CUSTOMER))
        await accept_one(box, planned("m2"), id="e2", ref="B-2", customer=CUSTOMER)
        await send(box, await message_of(box, "m2"), Accepted("P2"))
        await box.people.forget(PHONE, actor="owner")
        await box.spool.settle(attempt, Accepted("wamid.NDQ3NzAw", "to Ada"), SENT)
        for reference in ("m1.1", "m2.1"):
            update = Update(state=UNDELIVERED, provider_id="wamid.NDQ3NzAw", reference=reference, detail="Ada left")
            await box.receipts.apply("twilio", update, GoOn(Reason("Ada left"), ("modem",)))
        for one in await box.views.attempts(["m1", "m2"]):
            assert (one.provider_id, one.detail, one.receipt_detail, one.receipt) == ("", "", "", UNDELIVERED)
        for id, state in (("m1", State.CANCELLED), ("m2", State.FAILED)):
            message = await message_of(box, id)
            assert (message.state, "Ada" in message.reason) == (state, False)


async def test_forgetting_a_stranger_removes_nothing(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await one_of_each(box)
        assert await box.people.forget("+15550000", actor="owner") == Removed()
        assert await state_of(box, "waits") is State.QUEUED


async def test_what_was_written_about_an_order_that_a_restore_lost_is_shown_and_goes_in_its_time(
    tmp_path: Path,
) -> None:
    wrote = {
        "at": NOW,
        "channel": "twilio",
        "provider_id": "p1",
        "order_ref": "B-9",
        "is_read": 0,
        "address": PHONE,
        "text": "where is it?",
    }
    async with open_box(tmp_path) as box:
        await box.promises.carry(Promises(lost=frozenset(), replies=[wrote]), made_at=NOW)
        assert [reply.text for reply in (await box.people.held(PHONE)).replies] == ["where is it?"]
        assert (await box.retention.prune(before=NOW)).replies == 0
        assert (await box.retention.prune(before=NOW + 1)).replies == 1
        assert (await box.replies.list(limit=5)).items == []
