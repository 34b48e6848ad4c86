"""Orders that a refund had moved off the board stand where their own events put them again."""

import sqlite3
from pathlib import Path

import msgspec

from outbox.migrate import migrate, migrations
from tests.support.outbox_box import open_box, posted
from tests.support.sources import tell_all


async def test_a_refund_no_longer_counts_as_where_an_order_stands(tmp_path: Path) -> None:
    path = tmp_path / "tether.db"
    async with open_box(tmp_path) as box:
        for ref, types in {"A": ["order.ready", "refund.issued"], "B": ["refund.issued"], "C": ["order.ready"]}.items():
            for number, kind in enumerate(types):
                await box.spool.accept(posted(f"{ref}{number}", kind, ref=ref), tell_all)
    with sqlite3.connect(path, isolation_level=None) as db:
        for ref in ("A", "B"):
            (body,) = db.execute("SELECT body FROM orders WHERE ref = ?", (ref,)).fetchone()
            old = msgspec.json.decode(body)[:20]
            old[3:6] = ["refund.issued", 1_795_515_300_000, "pos"]
            db.execute("UPDATE orders SET body = ? WHERE ref = ?", (msgspec.json.encode(old), ref))
        db.execute("PRAGMA user_version = 3")
        assert migrate(db, path, migrations()[:4]) == 3
        db.execute(f"PRAGMA user_version = {migrations()[-1][0]}")
    db.close()
    async with open_box(tmp_path) as box:
        found = {order.ref: order for order in await box.views.orders_by_ref(["A", "B", "C"])}
        assert [(found[ref].status, found[ref].after_sale) for ref in "ABC"] == [
            ("order.ready", "refund.issued"),
            ("", "refund.issued"),
            ("order.ready", ""),
        ]
        assert found["A"].status_source == "pos"


async def test_who_told_of_a_payment_outlives_the_disk(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.spool.accept(posted("e1", "payment.confirmed", ref="A"), tell_all)
        (order,) = await box.views.orders_by_ref(["A"])
        assert order.payment_source == "pos"
