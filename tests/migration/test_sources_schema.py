"""From the first schema to the second: what was there stays, and sources have their tables."""

import sqlite3
from pathlib import Path

from outbox.migrate import migrate, migrations
from outbox.model import Customer, Item, Order
from outbox.rows import decode_order
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


def test_an_order_as_the_first_release_stored_it_reads_as_it_was_meant() -> None:
    """Orders are arrays without names: a field that changed its place would turn a total into a currency."""
    stored = (
        '["B-1","pos","77","order.ready",5,"till","payment.confirmed",6,"48.50","GBP","pickup",7,'
        '[{"name":"Balloon","quantity":2}],"a note",{"name":"Ada"},"https://shop.example/1",true,1,2,3]'
    )
    assert decode_order(stored) == Order(
        ref="B-1",
        source="pos",
        source_id="77",
        status="order.ready",
        status_at=5,
        status_source="till",
        payment="payment.confirmed",
        payment_at=6,
        total="48.50",
        currency="GBP",
        fulfilment="pickup",
        promised_at=7,
        items=(Item("Balloon", 2),),
        note="a note",
        customer=Customer("Ada"),
        url="https://shop.example/1",
        held=True,
        created_at=1,
        updated_at=2,
        news_at=3,
    )
