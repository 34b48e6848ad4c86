"""Replies from before it was noted about which order of a number they are: the clocks say it of those, for good."""

import sqlite3
from contextlib import closing
from pathlib import Path

from outbox import Outbox
from outbox.migrate import migrations
from tests.store.test_replies import Reply
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import open_box, plans, posted

ADA, KOFI, MIA = "+447700900123", "+447700900456", "+447700900789"


async def placed(box: Outbox, clock: FakeClock, phone: str) -> None:
    """42 is theirs from now on."""
    await box.spool.accept(posted(f"over-{phone}", "order.completed", "42", at=clock.now()), plans())
    await clock.advance(60)
    theirs = {"name": phone, "phone": phone}
    await box.spool.accept(posted(phone, "order.placed", "42", at=clock.now(), customer=theirs), plans())


async def written(box: Outbox) -> dict[str, str | None]:
    return {reply.text: reply.order_ref for reply in (await box.replies.list(limit=9)).items}


async def test_it_is_known_whose_the_replies_of_an_earlier_schema_are(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_box(tmp_path, clock) as box:
        for phone, text in ((ADA, "silver"), (KOFI, "gold")):
            await placed(box, clock, phone)
            await box.replies.add("modem", Reply(address=phone, text=text))
        await box.replies.add("modem", Reply(address=MIA, text="are you open?"))
    with closing(sqlite3.connect(tmp_path / "tether.db", isolation_level=None)) as db:
        steps = dict(migrations())
        db.executescript(f"ALTER TABLE reply DROP COLUMN event_seq; {steps[24]} PRAGMA user_version = {max(steps)};")
    async with open_box(tmp_path, clock) as box:
        assert await written(box) == {"silver": None, "gold": "42", "are you open?": None}
        await placed(box, clock, MIA)
        assert await written(box) == {"silver": None, "gold": None, "are you open?": None}
