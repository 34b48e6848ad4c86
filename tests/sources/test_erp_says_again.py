"""An ERP posts all of an order with each event: what it says again is no news, and does not undo what others said since."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from outbox.orders import to_ms
from tests.support.outbox_box import posted
from tests.support.sources import AHook, Shopfront, open_front

ERP = {
    "kind": "mapped",
    "id": "id",
    "type": "type",
    "order": {"ref": "ref", "promised_at": "due"},
    "customer": {"phone": "phone", "email": "mail"},
    "signature": {"kind": "token", "header": "x-token"},
}
ADA = {"phone": "07400 123456", "mail": "ada@example.com"}


@asynccontextmanager
async def open_erp(folder: Path) -> AsyncIterator[Shopfront]:
    async with open_front(folder, secrets={"ERP_WEBHOOK_SECRET": "t0k"}, erp=ERP) as front:
        yield front


def erp(id: str, type: str, hour: int = 12, **said: str) -> AHook:
    body = msgspec.json.encode({"id": id, "type": type, "ref": "1", "due": f"2026-11-25T{hour}:00Z", **ADA, **said})
    return AHook(source="erp", body=body, headers={"x-token": "t0k"})


async def note(front: Shopfront, type: str, hour: int | None = None, **said: Any) -> None:
    if hour is not None:
        said["order"] = {"promised_at": f"2026-11-25T{hour}:00:00Z"}
    by_hand = posted(f"k-{type}-{hour}", type, "1", source="counter", at=front.clock.now(), seen="by a till", **said)
    await front.box.spool.accept(by_hand, front.plan)


async def test_what_staff_noted_holds_while_the_erp_says_what_it_said(tmp_path: Path) -> None:
    """A number that was put right was undone by the ERP's next word, so "ready" went to the wrong one."""
    async with open_erp(tmp_path) as front:
        await front.take(erp("1", "order.placed"))
        await note(front, "staff.contact", customer={"phone": "07400 999999", "email": "ada@example.org"})
        await note(front, "order.changed", 15)
        for _ in range(2):
            await front.take(erp("2", "order.ready"))
        (order,) = await front.box.views.orders_by_ref(["1"])
        assert (order.customer.phone, order.customer.email) == ("07400 999999", "ada@example.org")
        assert order.promised_at == to_ms(datetime(2026, 11, 25, 15, tzinfo=UTC))
        await front.take(erp("3", "order.completed", 16, phone="07400 111111"))
        for id in ("1", "2"):
            await front.take(erp(id, "order.placed" if id == "1" else "order.ready"))
        (order,) = await front.box.views.orders_by_ref(["1"])
        assert (order.customer.phone, order.customer.email) == ("07400 111111", "ada@example.org")
        assert order.promised_at == to_ms(datetime(2026, 11, 25, 16, tzinfo=UTC))
        assert (await front.box.audit.list(kind="event.conflict", limit=5)).items == []


BY_STAFF, BY_ERP = "order.changed by staff", "order.changed"


@pytest.mark.parametrize(
    ("earlier", "hour", "told"),
    [
        ([("order.placed", 12)], 12, None),
        ([("order.placed", 12)], 15, 15),
        ([("order.placed", 12), (BY_ERP, 15)], 15, 15),
        ([("order.placed", 12), (BY_ERP, 12)], 12, None),
        ([("order.placed", 12), (BY_ERP, 15), ("order.in_production", 15)], 15, 15),
        ([("order.placed", 12), ("payment.confirmed", 15)], 15, 15),
        ([("order.placed", 12), (BY_STAFF, 15)], 12, None),
        ([("order.placed", 12), (BY_STAFF, 15)], 15, 15),
        ([("order.placed", 12), ("order.delayed", 15)], 15, 15),
        ([("order.placed", 12), ("order.delayed", 15), (BY_STAFF, 16)], 15, None),
    ],
)
async def test_a_delay_tells_a_new_time_only_where_it_is_one(
    tmp_path: Path, earlier: Sequence[tuple[str, int]], hour: int, told: int | None
) -> None:
    """ "New time: 12:00" is what was promised already; an edit, of which nobody heard, makes 15:00 no less new."""
    async with open_erp(tmp_path) as front:
        for number, (type, time) in enumerate(earlier):
            if type == BY_STAFF:
                await note(front, "order.changed", time)
            else:
                await front.take(erp(f"{number}", type, time))
        await front.take(erp("late", "order.delayed", hour))
        (delayed,) = await front.box.views.events("late:order.delayed")
        shown = msgspec.json.decode(delayed.raw)["order"].get("promised_at")
        assert shown == (None if told is None else f"2026-11-25T{told}:00:00Z")


async def test_an_edit_that_was_heard_late_holds_from_the_erp_s_next_word_on(tmp_path: Path) -> None:
    """The line was down while the number was put right there, and the mail address at the counter."""
    dated = {**ERP, "at": "at"}
    async with open_front(tmp_path, secrets={"ERP_WEBHOOK_SECRET": "t0k"}, erp=dated) as front:
        await front.take(erp("1", "order.placed", at="2026-11-24T10:00:00Z"))
        await note(front, "staff.contact", customer={"email": "ada@example.org"})
        for id, type, at in (("2", "order.changed", "10:10"), ("3", "order.ready", "10:20")):
            await front.clock.advance(600)
            await front.take(erp(id, type, 15, phone="07400 111111", at=f"2026-11-24T{at}:00Z"))
        (order,) = await front.box.views.orders_by_ref(["1"])
        assert (order.customer.phone, order.customer.email) == ("07400 111111", "ada@example.org")
        assert order.promised_at == to_ms(datetime(2026, 11, 25, 15, tzinfo=UTC))
