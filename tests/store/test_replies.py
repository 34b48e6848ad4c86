"""What customers write back is taken once and put to their newest order."""

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from outbox.errors import NotFound
from outbox.salvage import salvage
from tests.support.outbox_box import PHONE, accept_one, open_box, planned, plans, posted


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    address: str
    text: str = ""
    id: str = ""
    at: int | None = None
    consent: str | None = None


async def test_a_reply_goes_to_the_newest_order_of_its_address(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await accept_one(box, planned("a"), id="e1", ref="B-1", customer={"name": "Ada"})
        await accept_one(box, planned("b"), id="e2", ref="B-2", customer={"name": "Ada"})
        assert await box.replies.add("modem", Reply(address=PHONE, text="on my way!")) == "B-2"
        assert await box.replies.add("modem", Reply(address="+4470000")) is None
        stranger, reply = (await box.replies.list(limit=9)).items
        assert (reply.order_ref, reply.name, reply.text, reply.read) == ("B-2", "Ada", "on my way!", False)
        assert (stranger.order_ref, stranger.name) == (None, "")


async def test_a_reply_is_not_put_to_an_order_that_its_number_stood_on_by_mistake(tmp_path: Path) -> None:
    """Staff typed another customer's number, and put it right."""
    other = "+447700900456"
    async with open_box(tmp_path) as box:
        for n, ref, phone in ((1, "B-1", other), (2, "B-2", other), (3, "B-2", PHONE)):
            message = planned(f"m{n}", addresses={})
            await accept_one(box, message, id=f"e{n}", ref=ref, customer={"phone": phone})
        assert await box.replies.add("modem", Reply(address=other, text="yes, gold")) == "B-1"
        assert await box.replies.add("modem", Reply(address=PHONE, text="silver")) == "B-2"


async def test_the_same_provider_id_is_taken_once(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        for _ in range(2):
            await box.replies.add("twilio", Reply(address=PHONE, id="SM1"))
        await box.replies.add("vonage", Reply(address=PHONE, id="SM1"))
        assert len((await box.replies.list(limit=9)).items) == 2


async def test_replies_are_read_filtered_and_paged(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await accept_one(box, customer={"name": "Ada"})
        for n in range(4):
            await box.replies.add("modem", Reply(address=PHONE if n % 2 else "+1", text=str(n), consent=None))
        await box.replies.mark_read("2", actor="Mia")
        await box.replies.mark_read("2", actor="Mia")
        assert [one.text for one in (await box.replies.list(unread=True, limit=9)).items] == ["3", "2", "0"]
        assert [one.text for one in (await box.replies.list(order_ref="B-1", limit=9)).items] == ["3", "1"]
        assert [one.text for one in (await box.replies.list(order_ref="B-1", unread=True, limit=9)).items] == ["3"]
        first = await box.replies.list(limit=3)
        rest = await box.replies.list(limit=3, cursor=first.next)
        assert [one.text for one in (*first.items, *rest.items)] == ["3", "2", "1", "0"]
        assert [one.text for one in await box.replies.get(["1", "99", "x"])] == ["0"]
        assert (await box.views.figures()).unread_replies == 3
        for unknown in ("99", "x", "", "²"):
            with pytest.raises(NotFound):
                await box.replies.mark_read(unknown, actor="Mia")


async def test_it_is_nobody_elses_though_a_repair_lost_the_event_before_it(tmp_path: Path) -> None:
    """The next event had that one's number, and gave the order's to somebody else."""
    async with open_box(tmp_path) as box:
        await box.spool.accept(posted("a1", "order.placed", "42", customer={"phone": PHONE}), plans())
        await box.spool.accept(posted("a2", "order.completed", "42"), plans())
        assert await box.replies.add("modem", Reply(address=PHONE, text="may I keep the pump?")) == "42"
    with closing(sqlite3.connect(tmp_path / "tether.db", isolation_level=None)) as db:
        db.execute("DELETE FROM event WHERE id = 'a2'")
    (tmp_path / "saved").mkdir()
    salvage(tmp_path / "tether.db", tmp_path / "saved" / "tether.db")
    async with open_box(tmp_path / "saved") as box:
        kofi = {"name": "Kofi", "phone": "+447700900456"}
        await box.spool.accept(posted("k1", "order.placed", "42", customer=kofi), plans())
        (reply,) = (await box.replies.list(limit=9)).items
        assert (reply.order_ref, reply.name) == (None, "")
