"""A damaged database of any earlier schema is saved, and is one of this release's then."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from outbox.migrate import migrate, migrations
from outbox.salvage import salvage
from tests.migration.test_people import an_old_database
from tests.support.outbox_box import NOW, due_ids, open_box

PRESENT = migrations()[-1][0]
MESSAGE = """
INSERT INTO message (seq, id, event_seq, order_seq, recipient, line, open, state, ready, channel, priority, due_at, relative, hop,
    channel_since, attempt_count, tries, last_attempt, possible_duplicate, verdict, supersedes, manual, kind, created_at, updated_at,
    reason, via, addresses, body)
VALUES (1, 'm1', 1, 1, 'customer', 0, 1, 'queued', 0, 'modem', 1, :now, 1, 0, :now, 0, 0, 0, 0, '', 1, 0, 'order.placed', :now, :now,
    '', 'modem', CAST('{"phone":"+447700900555"}' AS BLOB), CAST('["customer","order.placed",null,null,{}]' AS BLOB))
"""


@pytest.mark.parametrize("schema", range(3, PRESENT + 1))
async def test_what_can_be_read_of_it_is_saved(schema: int, tmp_path: Path) -> None:
    damaged, saved = tmp_path / "damaged.db", tmp_path / "tether.db"
    an_old_database(damaged)
    with closing(sqlite3.connect(damaged, isolation_level=None)) as db:
        db.execute(MESSAGE, {"now": NOW})
        migrate(db, damaged, migrations()[:schema])
    salvage(damaged, saved)
    async with open_box(tmp_path) as box:
        assert [order.ref for order in (await box.views.orders(limit=5)).items] == ["B-1"]
        assert await due_ids(box, "modem") == ["m1"]
        assert await box.consent.blocked("sms", "+447700900123")
    assert not list(tmp_path.glob("tether.db.v*.bak"))
