"""Orders that a refund had moved off the board stand where their own events put them again."""

import sqlite3
from pathlib import Path

import msgspec

from outbox.migrate import migrate, migrations
from tests.support.outbox_box import open_box, posted
from tests.support.sources import tell_all

ORDERS = {"A": ["order.ready", "refund.issued"], "B": ["refund.issued"], "C": ["order.ready"]}


def of_the_third_schema(path: Path) -> None:
    """A database in which a refund had become the status of orders A and B."""
    with sqlite3.connect(path, isolation_level=None) as db:
        migrate(db, path, migrations()[:3])
        event = 0
        for seq, (ref, types) in enumerate(ORDERS.items(), 1):
            earlier = 0
            for kind in types:
                event += 1
                raw = msgspec.json.encode({"id": f"e{event}", "type": kind, "order": {"ref": ref}})
                row = (event, seq, earlier, "pos", f"e{event}", kind, "", 1_795_515_300_000, raw)
                db.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
                earlier = event
            status = [types[-1], 1_795_515_300_000, "pos"]
            said = [None, None, None, None, [], None, {}, None, False, 1, 1, 1]
            body = msgspec.json.encode([ref, "pos", None, *status, "", 0, *said])
            db.execute("INSERT INTO orders VALUES (?, ?, 0, ?, ?)", (seq, ref, event, body))
    db.close()


async def test_a_refund_no_longer_counts_as_where_an_order_stands(tmp_path: Path) -> None:
    of_the_third_schema(tmp_path / "tether.db")
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
