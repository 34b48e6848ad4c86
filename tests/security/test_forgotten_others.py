"""Who asks to be forgotten, or for what is kept of them, takes and is shown nothing of others: who have their number of yesterday's order, whose
number was typed by mistake, who paid, with whom they share a telephone. And nothing of theirs stays behind on what is others'.
"""

import random
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from daemon.planner.identity import StoreIdentities
from outbox import Outbox
from outbox.model import Customer, Policy, State
from outbox.outcome import Accepted
from outbox.people import Forgetting, Held
from tests.store.test_replies import Reply
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import (
    KEY,
    SENT,
    accept_one,
    begin,
    due_ids,
    everything_in,
    message_of,
    planned,
    plans,
    posted,
    state_of,
)

ADA, BEN, CARL = "+447700900123", "+447700900456", "+447700900789"
MAILS = {ADA: "ada@example.com", BEN: "ben@example.com", CARL: "carl@example.com"}


def opened(folder: Path, clock: FakeClock):  # type: ignore[no-untyped-def]
    return Outbox.open(
        folder / "tether.db",
        clock=clock,
        rng=random.Random(7),
        keys=KEY,
        identities=StoreIdentities("GB"),
        reserve=0,
    )


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def box(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Outbox]:
    async with opened(tmp_path, clock) as one:
        yield one


async def told(box: Outbox, id: str, ref: str, type: str = "order.ready", source: str = "pos", **customer: str) -> None:
    """An event, and a message to the customer of that number and mail, as the planner would have it."""
    addresses = {kind: customer[kind] for kind in ("phone", "email") if kind in customer}
    said = {"customer": customer} if customer else {}
    event = posted(id, type, ref, source=source, at=box._store.clock.now(), **said)
    message = planned(f"m-{id}", addresses=addresses, trigger=type, policy=Policy(supersede=False))
    await box.spool.accept(event, plans(message))


async def texted(box: Outbox, id: str, number: str) -> None:
    attempt = await begin(box, await message_of(box, id), address=number)
    await box.spool.settle(attempt, Accepted(f"P-{id}"), SENT)


async def customer_of(box: Outbox, ref: str) -> Customer:
    (order,) = await box.views.orders_by_ref([ref])
    return order.customer


async def counts(box: Outbox, address: str) -> tuple[int, int]:
    would = await box.people.forget(address, actor="owner", dry_run=True)
    return would.orders, would.left


def words_of(held: Held) -> str:
    return repr(held)


# ---------------------------------------------------------------- a number that is given out again


async def a_number_of_three(box: Outbox, clock: FakeClock) -> None:
    for n, (name, phone) in enumerate((("Ada", ADA), ("Ben", BEN), ("Carl", CARL))):
        await told(box, f"p{n}", "B-17", "order.placed", name=name, phone=phone)
        await told(box, f"r{n}", "B-17", "order.ready")
        await clock.advance(60)
        if name != "Carl":
            await told(box, f"c{n}", "B-17", "order.completed", name=name)
            await clock.advance(86400)
    await told(box, "b3", "B-3", "order.placed", name="Ben", phone=BEN)


async def test_who_had_a_number_before_takes_nothing_of_who_has_it_now(
    box: Outbox, clock: FakeClock, tmp_path: Path
) -> None:
    """A till that counts from one each day: forgetting Monday's customer took Tuesday's open order, and whoever else shared a number with those."""
    await a_number_of_three(box, clock)
    assert await box.replies.add("modem", Reply(address=ADA, text="Ada was here")) is None
    assert await counts(box, ADA) == (1, 0)
    assert words_of(await box.people.held(ADA)).count("Ada was here") == 1
    removed = await box.people.forget(ADA, actor="owner")
    assert (removed.orders, removed.events, removed.messages, removed.replies) == (1, 3, 3, 1)
    assert (await customer_of(box, "B-17")).name == "Carl"
    assert (await customer_of(box, "B-3")).name == "Ben"
    for id, state in (("p0", State.CANCELLED), ("p1", State.QUEUED), ("p2", State.QUEUED), ("b3", State.QUEUED)):
        assert await state_of(box, f"m-{id}") is state
    assert await due_ids(box) == ["m-p1", "m-p2", "m-b3"], "each has its turn, whoever had the number before"
    assert await box.replies.add("modem", Reply(address=CARL, text="here")) == "B-17"
    assert await counts(box, BEN) == (2, 0)
    left = everything_in(tmp_path)
    assert b"Ada" not in left
    assert ADA[1:].encode() not in left


async def test_who_had_a_number_is_shown_their_own_order_of_it_alone(box: Outbox, clock: FakeClock) -> None:
    await a_number_of_three(box, clock)
    for name, refs in (("Ada", ["B-17"]), ("Ben", ["B-17", "B-3"]), ("Carl", ["B-17"])):
        phone = {"Ada": ADA, "Ben": BEN, "Carl": CARL}[name]
        held = await box.people.held(phone)
        assert [story.order.ref for story in held.stories] == refs
        assert [story.order.customer.name for story in held.stories] == [name] * len(refs)
        assert not any(other in words_of(held) for other in {"Ada", "Ben", "Carl", ADA, BEN, CARL} - {name, phone})


async def test_what_was_written_about_an_order_is_shown_with_it_whoever_has_its_number_by_now(
    box: Outbox, clock: FakeClock
) -> None:
    """Where the number was theirs twice, with that of the two."""
    for n, phone in enumerate((ADA, BEN, ADA, CARL)):
        await told(box, f"p{n}", "B-17", "order.placed", phone=phone)
        assert await box.replies.add("modem", Reply(address=phone, text=f"it is for day {n}")) == "B-17"
        await told(box, f"c{n}", "B-17", "order.completed")
        await clock.advance(86400)
    held = await box.people.held(ADA)
    written = [[(story.order.ref, reply.text) for reply in story.replies] for story in held.stories]
    assert (written, held.replies) == ([[("B-17", "it is for day 0")], [("B-17", "it is for day 2")]], [])


async def test_who_has_a_number_now_takes_nothing_of_who_had_it(box: Outbox, clock: FakeClock) -> None:
    await a_number_of_three(box, clock)
    await box.people.forget(CARL, actor="owner")
    assert await customer_of(box, "B-17") == Customer()
    assert [story.order.customer.name for story in (await box.people.held(ADA)).stories] == ["Ada"]
    assert await counts(box, ADA) == (1, 0)


async def test_all_of_theirs_goes_where_a_number_was_theirs_twice(box: Outbox, clock: FakeClock) -> None:
    for n, phone in enumerate((ADA, BEN, ADA)):
        await told(box, f"p{n}", "B-17", "order.placed", phone=phone)
        await told(box, f"c{n}", "B-17", "order.completed")
        await clock.advance(86400)
    removed = await box.people.forget(ADA, actor="owner")
    assert (removed.orders, removed.events) == (1, 4)
    assert await counts(box, BEN) == (1, 0)


# ---------------------------------------------------------------- a number typed by mistake


async def a_slip(box: Outbox) -> None:
    """Ben's number stood on Ada's order for a while, and was texted."""
    await told(box, "e1", "B-1", name="Ben", phone=BEN)
    await told(box, "e2", "B-2", name="Ada", phone=BEN)
    await texted(box, "m-e2", BEN)
    await told(box, "e3", "B-2", "order.delayed", name="Ada", phone=ADA)


async def test_whose_number_was_typed_by_mistake_keeps_their_orders(box: Outbox) -> None:
    await a_slip(box)
    assert await counts(box, ADA) == (1, 1)
    assert "B-1" not in words_of(await box.people.held(ADA))
    await box.people.forget(ADA, actor="owner")
    assert (await customer_of(box, "B-1")).name == "Ben"
    assert await due_ids(box) == ["m-e1"]


async def test_a_number_typed_by_mistake_goes_from_the_order_that_stays(box: Outbox, tmp_path: Path) -> None:
    await told(box, "e0", "B-2", "order.placed", name="Ada", phone=ADA)
    await texted(box, "m-e0", ADA)
    await told(box, "e2", "B-2", "order.confirmed", name="Ada", phone=BEN)
    await texted(box, "m-e2", BEN)
    await told(box, "e3", "B-2", name="Ada", phone=ADA)
    held = await box.people.held(BEN)
    assert [(one.order.ref, one.events, len(one.attempts)) for one in held.stories] == [("B-2", (), 1)]
    assert ADA not in words_of(held)
    removed = await box.people.forget(BEN, actor="owner")
    assert (removed.orders, removed.events, removed.messages, removed.left) == (0, 1, 1, 1)
    assert await customer_of(box, "B-2") == Customer(name="Ada", phone=ADA)
    assert (await message_of(box, "m-e3")).addresses == {"phone": ADA}
    assert await due_ids(box) == ["m-e3"]
    assert BEN[1:].encode() not in everything_in(tmp_path)
    assert await counts(box, BEN) == (0, 0)
    assert await counts(box, ADA) == (1, 0)


async def test_what_waits_for_a_number_put_right_still_goes(box: Outbox) -> None:
    """It is sent to where the customer is reached by then."""
    await told(box, "e2", "B-2", name="Ada", phone=BEN)
    await told(box, "e3", "B-2", "customer.changed", name="Ada", phone=ADA)
    await box.people.forget(BEN, actor="owner")
    assert await state_of(box, "m-e2") is State.QUEUED
    assert (await message_of(box, "m-e2")).addresses == {}


# ---------------------------------------------------------------- somebody else paid


async def test_who_paid_keeps_their_own_orders(box: Outbox) -> None:
    await told(box, "e1", "B-1", name="Ada", phone=ADA)
    await told(box, "pay", "B-1", "payment.confirmed", source="stripe", name="Carl", email=MAILS[CARL])
    await told(box, "e9", "B-9", name="Carl", email=MAILS[CARL])
    assert await counts(box, ADA) == (1, 1)
    assert "B-9" not in words_of(await box.people.held(ADA))
    await box.people.forget(ADA, actor="owner")
    assert (await customer_of(box, "B-9")).name == "Carl"
    assert await counts(box, CARL) == (0, 0)
    assert await counts(box, MAILS[CARL]) == (1, 0)


@pytest.mark.parametrize("given", [CARL, MAILS[CARL]])
async def test_who_paid_for_another_goes_from_their_order_and_leaves_it(
    box: Outbox, tmp_path: Path, given: str
) -> None:
    """Their address had become the one that was missing."""
    await told(box, "e1", "B-1", name="Ada", phone=ADA)
    await told(box, "pay", "B-1", "payment.confirmed", source="stripe", name="Carl", phone=CARL, email=MAILS[CARL])
    await accept_one(
        box, planned("m2", addresses={"phone": ADA, "email": MAILS[CARL]}), id="e2", type="order.delayed", ref="B-1"
    )
    assert (await customer_of(box, "B-1")).email == MAILS[CARL]
    removed = await box.people.forget(given, actor="owner")
    assert (removed.orders, removed.left) == (0, 1)
    assert await customer_of(box, "B-1") == Customer(name="Ada", phone=ADA)
    assert ((await message_of(box, "m2")).addresses, await state_of(box, "m2")) == ({"phone": ADA}, State.QUEUED)
    left = everything_in(tmp_path)
    assert not any(word.encode() in left for word in ("Carl", CARL[1:], MAILS[CARL]))
    for address in (CARL, MAILS[CARL]):
        assert await counts(box, address) == (0, 0)


async def test_who_paid_for_their_own_order_is_one_person(box: Outbox) -> None:
    """By name, or because nobody else told of the order."""
    await told(box, "e1", "B-1", name="Ada Lovelace", phone=ADA)
    await told(box, "pay1", "B-1", "payment.confirmed", source="stripe", name="ada lovelace", email=MAILS[ADA])
    await told(box, "pay2", "B-2", "payment.confirmed", source="stripe", name="A. L.", email=MAILS[ADA])
    for address in (ADA, MAILS[ADA]):
        assert await counts(box, address) == (2, 0)


# ---------------------------------------------------------------- a telephone that two have


async def a_family(box: Outbox) -> None:
    for n, mail in enumerate((MAILS[ADA], MAILS[BEN])):
        await told(box, f"e{n}", f"B-{n}", phone=ADA, email=mail)


async def test_an_order_that_stays_is_still_found_by_what_is_shared(box: Outbox) -> None:
    """Its customer wrote HERE and nobody knew of which order; and it could not be forgotten by the telephone any more, which stood on it in plain."""
    await a_family(box)
    assert await box.replies.add("modem", Reply(address=ADA, text="mine is the blue one")) == "B-1"
    removed = await box.people.forget(MAILS[ADA], actor="owner")
    assert (removed.orders, removed.replies, removed.left) == (1, 0, 1)
    assert [reply.text for reply in (await box.replies.list(limit=9)).items] == ["mine is the blue one"]
    assert await box.replies.add("modem", Reply(address=ADA, text="HERE")) == "B-1"
    assert await counts(box, ADA) == (1, 0)
    assert [story.order.ref for story in (await box.people.held(ADA)).stories] == ["B-1"]


@pytest.mark.parametrize("kept", [True, False], ids=["their order is in the copy", "it came later"])
async def test_who_was_left_out_of_a_forgetting_is_so_in_a_copy_too(
    tmp_path: Path, clock: FakeClock, kept: bool
) -> None:
    """By chance of the digests: where the telephone's came first, everybody went who has it."""
    before, again, now = tmp_path / "before", tmp_path / "again", tmp_path / "now"
    async with opened(before, clock) as box:
        await told(box, "e1", "B-1", phone=ADA, email=MAILS[BEN])
        await told(box, "e2", "B-2", phone=ADA)
        if kept:
            await told(box, "e0", "B-0", phone=ADA, email=MAILS[ADA])
    for copy in (again, now):
        shutil.copytree(before, copy)
    async with opened(now, clock) as box:
        if not kept:
            await told(box, "e0", "B-0", phone=ADA, email=MAILS[ADA])
        assert await counts(box, MAILS[ADA]) == (2, 1)
        await box.people.forget(MAILS[ADA], actor="owner")
        forgotten = await box.people.forgettings()
    for copy, order in ((before, list(forgotten)), (again, list(reversed(forgotten)))):
        async with opened(copy, clock) as box:
            await box.people.forget_again(order, actor="restore")
            assert (await customer_of(box, "B-1")).email == MAILS[BEN]
            assert await state_of(box, "m-e1") is State.QUEUED
            assert await customer_of(box, "B-2") == Customer()
            assert await box.people.forgettings() == forgotten, "they were forgotten when they were"
            assert await box.people.forget_again(order, actor="restore") == []


async def test_a_forgetting_of_an_earlier_release_is_of_each_of_its_addresses(box: Outbox) -> None:
    """It did not say which were given: a promise is kept rather than an order."""
    await a_family(box)
    await box.people.forget_again([Forgetting(box.digest(ADA), box._store.clock.now() - 1)], actor="restore")
    assert [await customer_of(box, ref) for ref in ("B-0", "B-1")] == [Customer(), Customer()]


async def test_an_attempt_under_way_to_a_wrong_number_leaves_no_trace_of_it(box: Outbox, tmp_path: Path) -> None:
    await told(box, "e2", "B-2", name="Ada", phone=BEN)
    await begin(box, await message_of(box, "m-e2"), address=BEN)
    await told(box, "e3", "B-2", "customer.changed", name="Ada", phone=ADA)
    await box.people.forget(BEN, actor="owner")
    assert BEN[1:].encode() not in everything_in(tmp_path)
