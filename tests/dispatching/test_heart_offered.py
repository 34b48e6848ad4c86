"""What changes between the moment at which a message was handed over and the one at which its try is on record."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from outbox.batch import Batch
from outbox.chain import Change
from outbox.errors import StorageBusy
from outbox.model import Due, State
from outbox.outcome import Deferred
from tests.support.heart import Heart, shop
from tests.support.scripted import CUT

FEW_NEW = {"new_numbers": 2}


def number(n: int) -> dict[str, Any]:
    return {"name": "Ada", "phone": f"+44770090{n:04d}", "email": f"a{n}@example.com"}


async def a_block(heart: Heart) -> None:
    """The third of them is held: from then on all are that are new."""
    for n in range(3):
        await heart.tell(f"e{n}", ref=f"B-{n}", customer=number(n))
        await heart.pass_time(1)
    assert await heart.states("B-2") == [State.HELD]


def unwritable(monkeypatch: pytest.MonkeyPatch, *errors: Exception) -> None:
    """What takes in the order B-9 meets these before it is written."""
    flush, left = Batch.flush, list(errors)

    def refused(batch: Batch) -> list[Change]:
        if left and any(row.order_ref == "B-9" for row in batch._new_messages):
            raise left.pop(0)
        return flush(batch)

    monkeypatch.setattr(Batch, "flush", refused)


async def is_new(address: str, *, before: int) -> bool:
    """At once, as in the service, where what reads does not wait for the writer."""
    return True


async def test_who_is_new_of_a_block_in_alarm_is_held(tmp_path: Path) -> None:
    async with Heart(tmp_path, shop(sms=FEW_NEW)) as heart:
        await a_block(heart)
        await heart.tell("e9", ref="B-9", customer=number(9))
        assert await heart.states("B-9") == [State.HELD]


async def test_what_is_held_as_fraud_stays_held_where_its_transaction_was_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Heart(tmp_path, shop(sms=FEW_NEW)) as heart:
        await a_block(heart)
        monkeypatch.setattr(heart.box.views, "is_new", is_new)
        unwritable(monkeypatch, MemoryError())
        await heart.tell("e9", ref="B-9", customer=number(9))
        await heart.pass_time(2)
        assert await heart.states("B-9") == [State.HELD]
        assert len(heart.providers.left) == 2


async def test_what_is_held_as_fraud_stays_held_where_its_event_was_refused_and_told_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Heart(tmp_path, shop(sms=FEW_NEW)) as heart:
        await a_block(heart)
        unwritable(monkeypatch, MemoryError(), MemoryError())
        with pytest.raises(StorageBusy):
            await heart.tell("e9", ref="B-9", customer=number(9))
        await heart.pass_time(2)
        await heart.tell("e9", ref="B-9", customer=number(9))
        assert await heart.states("B-9") == [State.HELD]
        assert len(heart.providers.left) == 2


@contextmanager
def slow_to_read(
    heart: Heart, monkeypatch: pytest.MonkeyPatch, channel: str
) -> Iterator[tuple[asyncio.Event, asyncio.Event]]:
    """That channel's pump waits for these: to read what is due, and when the next is."""
    spool, may_read, may_look = heart.box.spool, asyncio.Event(), asyncio.Event()
    due, next_due = spool.due, spool.next_due

    async def slow_due(name: str, **more: Any) -> list[Due]:
        if name == channel:
            await may_read.wait()
        return await due(name, **more)

    async def slow_next_due(name: str, **more: Any) -> int | None:
        if name == channel:
            await may_look.wait()
        return await next_due(name, **more)

    with monkeypatch.context() as slow:
        slow.setattr(spool, "due", slow_due)
        slow.setattr(spool, "next_due", slow_next_due)
        heart.engine.lanes[channel].look_again()
        yield may_read, may_look


async def test_what_its_provider_put_off_is_not_tried_sooner_because_the_pump_was_slow_to_read(
    heart: Heart, monkeypatch: pytest.MonkeyPatch
) -> None:
    await heart.tell("e0", ref="B-0")
    heart.providers.will("twilio", Deferred("later", code="503", after=60.0))
    with slow_to_read(heart, monkeypatch, "twilio") as (may_read, may_look):
        await heart.still()
        await heart.tell("e1")
        may_read.set()
        await heart.still()
        assert len(heart.providers.left) == 2
        may_look.set()
        await heart.still()
    await heart.pass_time(30)
    assert len(heart.providers.left) == 2, "its provider asked for a minute"


async def test_nobody_is_told_three_times_because_the_pump_was_slow_to_read(
    heart: Heart, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what it was handed it knows no more by then what became of it."""
    await heart.tell("e0", "refund.issued", ref="B-0")
    heart.providers.will("vonage", CUT, CUT, CUT, arrives=True)
    with slow_to_read(heart, monkeypatch, "vonage") as (may_read, may_look):
        await heart.still()
        await heart.tell("e1", "refund.issued")
        may_read.set()
        await heart.still()
        may_look.set()
        await heart.still()
    await heart.pass_time(3600)
    assert [one.channel for one in heart.providers.arrived][1:] == ["vonage", "vonage", "modem"]


async def test_what_staff_send_by_another_way_while_it_is_prepared_goes_that_way(tmp_path: Path) -> None:
    """After an outage a store of a fleet asks first who opted out elsewhere; staff would not wait for that way."""
    asked = asyncio.Event()

    async def hold() -> None:
        await asked.wait()

    async with Heart(tmp_path, hold=hold) as heart:
        await heart.tell("e1")
        await heart.box.spool.retry((await heart.message()).id, actor="Mia", channel="sendgrid")
        await heart.still()
        asked.set()
        await heart.pass_time(1)
        assert [one.channel for one in heart.providers.left] == ["sendgrid"]


async def test_what_is_put_off_to_tomorrow_while_it_is_prepared_goes_tomorrow(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def hold() -> None:
        await asked.wait()

    reminder = {"on": "order.confirmed", "to": "customer", "via": ["twilio"], "at": "-2h", "supersede": False}
    async with Heart(tmp_path, shop(route=[reminder]), hold=hold) as heart:
        await heart.tell("e1", "order.confirmed", order={"promised_at": "2026-11-24T13:00:00Z"})
        await heart.pass_time(45 * 60 + 1)
        await heart.tell("e2", "order.changed", order={"promised_at": "2026-11-25T13:00:00Z"})
        assert (await heart.message()).reason.code == "promised_anew"
        asked.set()
        await heart.still()
        assert heart.providers.left == []


async def test_what_is_put_off_to_tomorrow_while_it_waits_for_the_modem_goes_tomorrow(tmp_path: Path) -> None:
    reminder = {"on": "order.confirmed", "to": "customer", "via": ["modem"], "at": "-2h", "supersede": False}
    async with Heart(tmp_path, shop(route=[reminder])) as heart:
        await heart.tell("e1", "order.confirmed", order={"promised_at": "2026-11-24T13:00:00Z"})
        heart.providers.modem_is_free.clear()
        await heart.pass_time(3600)
        await heart.tell("e2", "order.changed", order={"promised_at": "2026-11-25T13:00:00Z"})
        heart.providers.modem_is_free.set()
        await heart.pass_time(5)
        assert heart.providers.left == []


async def test_what_is_put_off_to_tomorrow_while_its_provider_turns_it_away_is_not_tried_today(tmp_path: Path) -> None:
    reminder = {"on": "order.confirmed", "to": "customer", "via": ["twilio"], "at": "-2h", "supersede": False}
    async with Heart(tmp_path, shop(route=[reminder])) as heart:
        await heart.tell("e1", "order.confirmed", order={"promised_at": "2026-11-24T13:00:00Z"})
        heart.providers.waits = True
        await heart.pass_time(45 * 60 + 1)
        await heart.tell("e2", "order.changed", order={"promised_at": "2026-11-25T13:00:00Z"})
        heart.providers.under_way[0].answer(Deferred("later", code="503", after=5.0))
        heart.providers.waits = False
        await heart.pass_time(3600)
        assert len(heart.providers.left) == 1
        await heart.pass_time(86_400)
        assert len(heart.providers.left) == 2
