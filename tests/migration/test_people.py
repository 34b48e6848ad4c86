"""A database of the release that kept addresses in plain, and its key beside them: people are found in it all the same, and forgotten."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from daemon.config import Settings
from daemon.keys.digests import BoxKeys
from daemon.planner.identity import StoreIdentities
from outbox import Outbox
from outbox.digest import Digester
from outbox.migrate import migrate, migrations
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import NOW, everything_in

OLD_KEY = b"o" * 32
ORDER = [
    "B-1", "pos", None, "order.placed", NOW, "pos", "", 0, None, None, None, None,
    [{"name": "for Ada Lovelace"}], None, {"name": "Ada Lovelace", "phone": "07700 900123"}, "https://shop.example/Lovelace", False, NOW, NOW, NOW,
]  # fmt: skip
EVENT = {
    "id": "e1",
    "type": "order.placed",
    "order": {"ref": "B-1"},
    "customer": {"name": "Ada Lovelace", "phone": "07700 900123"},
}


def an_old_database(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        migrate(db, path, migrations()[:3])
        db.execute("INSERT INTO secret VALUES ('digest', ?)", (OLD_KEY,))
        db.execute("INSERT INTO orders VALUES (1, 'B-1', 0, 1, ?)", (msgspec.json.encode(ORDER),))
        raw = msgspec.json.encode(EVENT)
        db.execute("INSERT INTO event VALUES (1, 1, 0, 'pos', 'e1', 'order.placed', '', ?, ?)", (NOW, raw))
        db.execute("INSERT INTO contact VALUES ('+447700900999', 1)")
        db.execute(
            "INSERT INTO reply VALUES (1, ?, 'modem', 'r1', NULL, 0, NULL, '+447700900123', 'Lovelace was here')",
            (NOW,),
        )
        body = b'{"tel": "0044 7700 900123", "name": "Lovelace"}'
        db.execute(
            "INSERT INTO quarantine VALUES (1, ?, 'erp', 'waiting', 'why', 0, 1, 0, x'00', '{}', ?)", (NOW, body)
        )
        digest = Digester(OLD_KEY)("+447700900123")
        db.execute("INSERT INTO consent VALUES (1, ?, 'sms', ?, 1, 'modem', 'STOP', '')", (NOW, digest))


async def test_an_old_database_is_indexed_its_key_locked_up_and_its_opt_outs_hold(tmp_path: Path) -> None:
    settings = Settings(file=tmp_path / "tether.toml")
    an_old_database(settings.database)
    identities = StoreIdentities("GB")
    async with Outbox.open(
        settings.database,
        clock=FakeClock(),
        rng=random.Random(1),
        keys=BoxKeys(settings),
        identities=identities,
        reserve=0,
    ) as box:
        assert await box.consent.blocked("sms", "+447700900123") == "STOP"
        removed = await box.people.forget("+44 7700 900123", actor="owner")
        assert (removed.orders, removed.replies, removed.quarantined) == (1, 1, 1)
        (tmp_path / "tether.db.v3.bak").unlink()  # it has an end of its own: see daemon/upkeep/copies.py
        left = everything_in(tmp_path)
        for word in (b"Lovelace", b"7700900", b"07700 900", OLD_KEY):
            assert word not in left, word
        assert await box.consent.blocked("sms", "+447700900123") is not None


def test_a_forgetting_of_an_earlier_release_is_by_each_of_its_addresses(tmp_path: Path) -> None:
    path = tmp_path / "tether.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        migrate(db, path, migrations()[:19])
        db.execute("INSERT INTO forgotten VALUES ('ab', ?)", (NOW,))
        migrate(db, path)
        assert db.execute("SELECT digest, at, kind, given FROM forgotten").fetchall() == [("ab", NOW, "", 1)]
