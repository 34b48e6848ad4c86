"""From the first schema to the second: what was there stays, and sources have their tables."""

import sqlite3
from pathlib import Path

from outbox.migrate import migrate, migrations
from outbox.rows import OrderBody
from tests.support.outbox_box import open_box, posted
from tests.support.sources import tell_all


async def test_a_database_of_the_first_schema_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "tether.db"
    with sqlite3.connect(path, isolation_level=None) as db:
        assert migrate(db, path, migrations()[:1]) == 0
        db.execute("INSERT INTO note (key, value) VALUES ('uplink.forced', 'up')")
    db.close()
    async with open_box(tmp_path) as box:
        assert await box.notes.get("uplink.forced") == "up"
        await box.spool.accept(posted("e1"), tell_all)
        await box.quarantine.keep("erp", b"{}", headers={}, reason="why")
        await box.aliases.set("erp", "7", "B-1")
        assert await box.aliases.get("erp", "7") == "B-1"
        assert len((await box.quarantine.list(limit=5)).items) == 1
    with sqlite3.connect(path.with_name("tether.db.v1.bak")) as old:
        assert old.execute("PRAGMA user_version").fetchone() == (1,)
        assert old.execute("SELECT value FROM note").fetchall() == [("up",)]
    old.close()


def test_the_third_field_of_an_order_is_its_source_id() -> None:
    """`views.ref_of` names it by its place."""
    assert OrderBody.__struct_fields__[2] == "source_id"
