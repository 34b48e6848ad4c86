"""Whose an order is: found by any of its addresses, however many orders there are, and at the cost of one page of the card."""

import random
import sqlite3
import struct
from collections import defaultdict
from collections.abc import Awaitable, Iterable
from contextlib import closing
from pathlib import Path

import pytest

from outbox import Outbox
from outbox.migrate import migrate, migrations
from outbox.order_people import PART, orders_of
from outbox.people import Forgetting
from outbox.salvage import salvage
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import open_box, plans, posted

DAY = 86_400_000
PEOPLE = [f"+4477009{n:05}" for n in range(40)]
"""Telephones of customers who come again."""


def customer(n: int) -> dict[str, str]:
    return {"phone": PEOPLE[n % len(PEOPLE)], "email": f"{n}@example.com"}


async def sell(box: Outbox, numbers: Iterable[int], at: int | None = None) -> None:
    """Orders without messages, each for who comes next."""
    when = {} if at is None else {"at": at}
    events = [posted(f"e{n}", "order.placed", f"B-{n}", customer=customer(n), **when) for n in numbers]
    await box.spool.accept_many(events, plans())


def found(db: sqlite3.Connection, box: Outbox, address: str) -> set[int]:
    return set(orders_of(db, [box.digest(address)]))


def of_phone(count: int, person: int) -> set[int]:
    """The numbers of the orders for one of these telephones: they are numbered as they come, from 1."""
    return {n + 1 for n in range(count) if n % len(PEOPLE) == person}


@pytest.mark.parametrize("count", [1, PART - 1, PART, PART + 1, 2 * PART + 100], ids=str)
async def test_orders_are_found_by_each_address_in_whole_parts_and_in_the_last(tmp_path: Path, count: int) -> None:
    async with open_box(tmp_path) as box:
        await sell(box, range(count))
        with closing(sqlite3.connect(tmp_path / "tether.db")) as db:
            for person in range(0, len(PEOPLE), 7):
                assert found(db, box, PEOPLE[person]) == of_phone(count, person)
            for n in range(0, count, 97):
                assert found(db, box, f"{n}@example.com") == {n + 1}
            assert found(db, box, "nobody@example.com") == set()
        assert await box.views.is_new("nobody@example.com", before=2**62)
        assert not await box.views.is_new("0@example.com", before=2**62)


async def test_an_old_order_is_found_by_an_address_that_it_is_given_later(tmp_path: Path) -> None:
    """In a part that went into the index long ago: by the one it had as well."""
    async with open_box(tmp_path) as box:
        await sell(box, range(PART + 10))
        change = posted("again", "order.changed", "B-3", customer={"phone": "+447700900999"})
        await box.spool.accept(change, plans())
        with closing(sqlite3.connect(tmp_path / "tether.db")) as db:
            assert found(db, box, "+447700900999") == found(db, box, "3@example.com") == {4}


async def test_whoever_is_forgotten_is_on_no_order_any_more_and_others_are(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await sell(box, range(PART + 10))
        mine = of_phone(PART + 10, 3)
        assert (await box.people.forget(PEOPLE[3], actor="owner")).orders == len(mine)
        with closing(sqlite3.connect(tmp_path / "tether.db")) as db:
            assert found(db, box, PEOPLE[3]) == found(db, box, "3@example.com") == set()
            assert found(db, box, PEOPLE[4]) == of_phone(PART + 10, 4)
            digest = bytes.fromhex(box.digest(PEOPLE[3]))
        assert digest not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


async def test_an_order_that_goes_takes_its_people_along(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_box(tmp_path, clock) as box:
        await sell(box, range(PART + 10), at=clock.now())
        clock.step(200 * 86_400)
        await sell(box, range(PART + 10, PART + 20), at=clock.now())
        await box.retention.prune(before=clock.now() - 180 * DAY)
        with closing(sqlite3.connect(tmp_path / "tether.db")) as db:
            left = set(range(PART + 11, PART + 21))
            assert {order for phone in PEOPLE for order in found(db, box, phone)} == left
            assert {row for (row,) in db.execute("SELECT order_seq FROM order_people")} == left
            assert db.execute("SELECT count(*) FROM person_order").fetchone() == (0,)


async def test_a_database_of_before_keeps_whose_its_orders_are(tmp_path: Path) -> None:
    """What a message was written to, and no event named, is known from that index alone."""
    count, path = 2 * PART + 5, tmp_path / "tether.db"
    async with open_box(tmp_path) as box:
        digests = {address: box.digest(address) for address in ("+447700900555", *PEOPLE)}
    path.rename(tmp_path / "key.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        migrate(db, path, migrations()[:24])
        db.execute("ATTACH ? AS had", (str(tmp_path / "key.db"),))
        db.execute("INSERT INTO secret SELECT * FROM had.secret")
        orders = [(n, f"B-{n}", n, b'{"ref":"B-%d"}' % n) for n in range(1, count + 1)]
        db.executemany("INSERT INTO orders (seq, ref, held, last_event, body) VALUES (?, ?, 0, ?, ?)", orders)
        rows = [(digests[PEOPLE[n % 40]], "order", n, "phone") for n in range(1, count + 1)]
        rows += [
            (digests["+447700900555"], "order", 7, "phone"),
            ("no digest", "order", 8, "phone"),
            ("", "quarantine", 1, ""),
        ]
        db.executemany("INSERT INTO person VALUES (?, ?, ?, ?)", rows)
    async with open_box(tmp_path) as box:
        with closing(sqlite3.connect(path)) as db:
            assert found(db, box, "+447700900555") == {7}
            for person in (0, 7, 39):
                assert found(db, box, PEOPLE[person]) == {n for n in range(1, count + 1) if n % 40 == person}
            assert db.execute("SELECT digest, what, seq FROM person").fetchall() == [("", "quarantine", 1)]


async def test_what_is_saved_of_a_damaged_database_is_found_as_before(tmp_path: Path) -> None:
    """Whatever stood in the index."""
    (tmp_path / "damaged").mkdir()
    damaged = tmp_path / "damaged" / "tether.db"
    async with open_box(tmp_path / "damaged") as box:
        await sell(box, range(PART + 10))
    with closing(sqlite3.connect(damaged, isolation_level=None)) as db:
        db.execute("DELETE FROM person_order WHERE order_seq % 3 = 0")
        db.execute("INSERT INTO person_order VALUES (0, x'00112233445566778899aabbccddeeff', 5)")
    salvage(damaged, tmp_path / "tether.db")
    async with open_box(tmp_path) as box:
        with closing(sqlite3.connect(tmp_path / "tether.db")) as db:
            assert found(db, box, PEOPLE[3]) == of_phone(PART + 10, 3)
            stray = db.execute("SELECT count(*) FROM person_order WHERE digest = x'00112233445566778899aabbccddeeff'")
            assert stray.fetchone() == (0,)


async def late_after_a_quiet_half_year(box: Outbox, clock: FakeClock, phone: str) -> None:
    """All orders but one old one are removed, the newest among them; that one is given this telephone, and then the next order comes."""
    await sell(box, range(PART + 5), at=clock.now())
    clock.step(200 * 86_400)
    kept = posted("kept", "order.changed", "B-3", at=clock.now(), customer={"phone": "+447700900999"})
    await box.spool.accept(kept, plans())
    await box.retention.prune(before=clock.now() - 180 * DAY)
    await box.spool.accept(
        posted("put right", "order.changed", "B-3", at=clock.now(), customer={"phone": phone}), plans()
    )
    await sell(box, [9999], at=clock.now())


async def test_an_old_order_that_outlived_the_newest_is_found_and_forgotten(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_box(tmp_path, clock) as box:
        await late_after_a_quiet_half_year(box, clock, "+447700900888")
        assert not await box.views.is_new("+447700900888", before=2**62)
        assert (await box.people.forget("+447700900888", actor="owner")).orders == 1


@pytest.mark.parametrize("digest", ["0123456789abcdef0123456789abcdeg", "0123", "", "\u0660" * 32])
async def test_what_a_spoilt_page_has_made_of_a_digest_is_nobodys(tmp_path: Path, digest: str) -> None:
    """A restore forgets whom the database that it replaces had forgotten; that one may be damaged."""
    async with open_box(tmp_path) as box:
        await sell(box, range(3))
        await box.people.forget_again([Forgetting(digest, 5)], actor="restore")
        assert {order.ref: order.customer.phone for order in (await box.views.orders(limit=9)).items} == {
            f"B-{n}": PEOPLE[n] for n in range(3)
        }


async def test_a_ruined_page_of_what_is_made_anew_is_no_loss(tmp_path: Path) -> None:
    (tmp_path / "damaged").mkdir()
    damaged = tmp_path / "damaged" / "tether.db"
    async with open_box(tmp_path / "damaged") as box:
        await sell(box, range(PART + 10))
    with closing(sqlite3.connect(damaged)) as db:
        (size,) = db.execute("PRAGMA page_size").fetchone()
        pages = db.execute("SELECT pageno FROM dbstat WHERE name = 'person_order' AND pagetype = 'leaf'").fetchall()
    with damaged.open("r+b") as file:
        file.seek((pages[5][0] - 1) * size)
        file.write(b"\xff" * size)
    saved = salvage(damaged, tmp_path / "tether.db")
    assert (saved.gaps, saved.lost) == (0, frozenset())
    async with open_box(tmp_path) as box:
        with closing(sqlite3.connect(tmp_path / "tether.db")) as db:
            assert found(db, box, PEOPLE[3]) == of_phone(PART + 10, 3)


def check_all(path: Path) -> None:
    """The index and a look through all rows say the same, and nothing is left of an order that went."""
    with closing(sqlite3.connect(path)) as db:
        holds = defaultdict[str, set[int]](set)
        for order, digests in db.execute("SELECT order_seq, digests FROM order_people"):
            for at in range(0, len(digests), 16):
                holds[digests[at : at + 16].hex()].add(order)
        assert all(set(orders_of(db, [digest])) == orders for digest, orders in holds.items())
        assert all(order in holds[digest.hex()] for _, digest, order in db.execute("SELECT * FROM person_order"))
        assert not db.execute("SELECT 1 FROM order_people WHERE order_seq NOT IN (SELECT seq FROM orders)").fetchall()


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_became_of_orders_each_is_found_by_what_it_holds(tmp_path: Path, seed: int) -> None:
    """They come, are put right, are forgotten, go when they are old, the newest among them, and the service begins anew."""
    rng, clock, count = random.Random(seed), FakeClock(), 0

    def put_right(box: Outbox, numbers: Iterable[int]) -> Awaitable[object]:
        events = [
            posted(
                f"c{rng.random()}", "order.changed", f"B-{n}", at=clock.now(), customer={"phone": rng.choice(PEOPLE)}
            )
            for n in numbers
        ]
        return box.spool.accept_many(events, plans())

    async def next_ones(box: Outbox, more: int) -> None:
        nonlocal count
        await sell(box, range(count, count + more), at=clock.now())
        count += more

    for _ in range(3):
        async with open_box(tmp_path, clock) as box:
            await box.people.index()
            for _ in range(10):
                match rng.randrange(4):
                    case 0:
                        await next_ones(box, rng.choice((1, 3, 90, 520)))
                    case 1 if count:
                        await put_right(box, rng.sample(range(count), min(count, 5)))
                    case 2:
                        await box.people.forget(rng.choice(PEOPLE), actor="owner")
                    case 3 if count:
                        kept = rng.sample(range(count), min(count, 3))
                        clock.step(200 * 86_400)
                        await put_right(box, kept)
                        await box.retention.prune(before=clock.now() - 150 * DAY)
                        await put_right(box, kept)
                        await next_ones(box, 1)
                check_all(tmp_path / "tether.db")


async def test_what_an_order_writes_does_not_grow_with_its_addresses(tmp_path: Path) -> None:
    """An index of digests is a page for each of them, and whole blocks of the card when the log is brought in."""

    async def pages(folder: str, addresses: dict[str, str]) -> int:
        (tmp_path / folder).mkdir()
        async with open_box(tmp_path / folder) as box:
            await sell(box, range(200))
            log = tmp_path / folder / "tether.db-wal"
            before = log.stat().st_size
            for n in range(20):
                who = {"phone": f"+44770091{n:04}", "email": f"new{n}@example.com", "addresses": addresses}
                await box.spool.accept(posted(f"new{n}", "order.placed", f"N-{n}", customer=who), plans())
            (size,) = struct.unpack(">I", log.read_bytes()[8:12])
            return round((log.stat().st_size - before) / (size + 24) / 20)

    few = await pages("few", {})
    many = await pages("many", {kind: f"{kind}-token" for kind in ("fcm", "telegram", "discord", "slack", "pusher")})
    assert many <= few + 1
