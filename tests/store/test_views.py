"""What the HTTP face reads: paged, filtered, complete."""

from pathlib import Path

import pytest

from outbox.model import State, Transition
from outbox.outcome import Deferred, ReceiptState
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import (
    NOW,
    PHONE,
    Update,
    accept_one,
    ids,
    open_box,
    planned,
    plans,
    posted,
    send,
)


async def test_orders_come_by_their_newest_change(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        for n, (ref, status, name) in enumerate(
            [
                ("B-1", "order.placed", "Ada"),
                ("B-2", "order.placed", "Kofi"),
                ("B-3", "order.ready", "Noor"),
                ("B-1", "order.ready", "Ada"),
            ]
        ):
            await box.spool.accept(posted(f"e{n}", status, ref, at=NOW + n, customer={"name": name}), plans())

        async def refs(**filters: object) -> list[str]:
            values = {"statuses": (), "search": None, "since": None, "limit": 9, "cursor": None} | filters
            return [order.ref for order in (await box.views.orders(**values)).items]  # type: ignore[arg-type]

        assert await refs() == ["B-1", "B-3", "B-2"]
        assert await refs(statuses=["order.ready"]) == ["B-1", "B-3"]
        assert await refs(search="KOF") == ["B-2"]
        assert await refs(search="b-3") == ["B-3"]
        assert await refs(since=NOW + 2) == ["B-1", "B-3"]
        first = await box.views.orders(statuses=(), search=None, since=None, limit=2, cursor=None)
        rest = await box.views.orders(statuses=(), search=None, since=None, limit=2, cursor=first.next)
        assert [order.ref for order in rest.items] == ["B-2"]
        assert rest.next is None


@pytest.mark.parametrize("search", ["Ü-12", "ü-1", "GRÖSS", "größ"])
async def test_a_number_is_found_however_its_letters_are_written(tmp_path: Path, search: str) -> None:
    async with open_box(tmp_path) as box:
        for n, ref in enumerate(("Ü-12", "B-1", "Größ-7")):
            await box.spool.accept(posted(f"e{n}", ref=ref), plans())
        found = await box.views.orders(search=search, limit=9)
        assert [order.ref for order in found.items] == ["Ü-12" if "-1" in search else "Größ-7"]


@pytest.mark.parametrize("search", ["Ángel Groß", "ángel", "ÁNGEL", "GROSS", "groß"])
async def test_a_name_is_found_however_it_is_written(tmp_path: Path, search: str) -> None:
    async with open_box(tmp_path) as box:
        await box.spool.accept(posted("e1", customer={"name": "Ángel Groß"}), plans())
        found = await box.views.orders(statuses=(), search=search, since=None, limit=9, cursor=None)
        assert [order.ref for order in found.items] == ["B-1"]


async def test_messages_are_filtered_and_paged(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        for n in range(4):
            await accept_one(box, planned(f"m{n}", due_at=NOW + n), id=f"e{n}", ref=f"B-{n}", at=NOW + n)
        await box.spool.accept(
            posted("team", ref="B-0"), plans(planned("t", recipient="team", addresses={}, via=("slack",)))
        )
        await box.spool.cancel("m1", actor="Mia", reason="")

        async def found(**filters: object) -> list[str]:
            values = {
                "states": (),
                "channel": None,
                "order_ref": None,
                "recipient": None,
                "since": None,
                "limit": 9,
                "cursor": None,
            }
            page = await box.views.messages(**(values | filters))  # type: ignore[arg-type]
            return [message.id for message in page.items]

        assert await found() == ["t", "m3", "m2", "m1", "m0"]
        assert await found(states=[State.CANCELLED]) == ["m1"]
        assert await found(states=[State.CANCELLED, State.QUEUED], channel="twilio") == ["m3", "m2", "m1", "m0"]
        assert await found(states=[State.CANCELLED], channel="slack") == []
        assert await found(order_ref="B-0") == ["t", "m0"]
        assert await found(order_ref="B-0", states=[State.FAILED]) == []
        assert await found(recipient="team") == ["t"]
        assert await found(recipient=PHONE) == ["m3", "m2", "m1", "m0"]
        assert await found(since=NOW + 3) == ["m3"]
        first = await box.views.messages(limit=2)
        assert [message.id for message in (await box.views.messages(limit=9, cursor=first.next)).items] == [
            "m2",
            "m1",
            "m0",
        ]
        with pytest.raises(ValueError, match="cursor"):
            await box.views.messages(limit=9, cursor="nonsense")


async def test_an_event_and_what_it_led_to(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.spool.accept(posted("e1", occurred_at="2026-11-24T10:00:00Z"), plans(planned("a"), planned("b")))
        await accept_one(box, planned("c"), id="e2")
        (event,) = await box.views.events("e1")
        assert (event.type, event.order_ref, event.occurred_at) == ("order.ready", "B-1", NOW - 900_000)
        assert event.raw == posted("e1", occurred_at="2026-11-24T10:00:00Z").raw
        assert [message.id for message in await box.views.messages_of_event(event.seq)] == ["a", "b"]
        assert await box.views.events("none") == []


async def test_the_story_of_an_order(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box, planned("a"), id="e1", type="order.placed")
        await send(box, message, Deferred("busy"), Transition(state=State.QUEUED))
        await send(box, message)
        await accept_one(box, planned("b"), id="e2", type="order.confirmed")
        await accept_one(box, planned("c"), id="e3", type="order.ready")
        await accept_one(box, planned("other"), id="o", ref="B-2")
        story = await box.views.story("B-1")
        assert story is not None
        assert [event.id for event in story.events] == ["e1", "e2", "e3"]
        assert [message.id for message in story.messages] == ["a", "b", "c"]
        assert [(one.message_id, one.n) for one in story.attempts] == [("a", 1), ("a", 2)]
        assert await box.views.story("B-9") is None


async def test_whether_a_customer_was_told_of_the_present_status(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await accept_one(box, planned("placed", trigger="order.placed"), id="e1", type="order.placed")
        await accept_one(box, planned("ready"), id="e2", type="order.ready")
        await accept_one(box, planned("x", recipient="team"), id="e3", ref="B-2")
        told = await box.views.told(["B-1", "B-2", "B-9"])
        assert {ref: message.id for ref, message in told.items()} == {"B-1": "ready"}


async def test_figures_count_what_is_there(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_box(tmp_path, clock) as box:
        for n in range(3):
            await accept_one(box, planned(f"m{n}", due_at=NOW + n), id=f"e{n}", ref=f"B-{n}")
        (due, *_) = await box.spool.due("twilio", now=NOW, limit=1)
        assert ids([due]) == ["m0"]
        await send(box, due.message)
        await box.receipts.apply("twilio", Update(state=ReceiptState.DELIVERED, provider_id="P-m0"))
        figures = await box.views.figures()
        assert figures.events == 3
        assert figures.messages == {State.DELIVERED: 1, State.QUEUED: 2}
        assert figures.waiting_by_channel == {"twilio": 2}
        assert figures.attempts == {("twilio", "accepted"): 1}
        assert figures.oldest_due_at == NOW + 1
        assert figures.database_bytes > 0
        assert await box.newest_record() == NOW
