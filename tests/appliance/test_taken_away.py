"""The database is replaced, or its log deleted, beneath a running service: that is noticed, told, and nothing that was acknowledged is lost."""

import asyncio
import contextlib
import resource
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from daemon.runtime.vigil import EVERY_S, LINGER_S, Vigil, mark_of, pick_up
from outbox import Outbox
from outbox.errors import StorageBusy, StorageLost
from outbox.writer import Writer
from tests.support.fake_clock import FakeClock, settle
from tests.support.outbox_box import open_box, planned, plans, posted
from tests.support.shop import Shop, event, open_shop

ROUTES = '[planning]\ndefault_routes = false\n[[route]]\non = "order.ready"\nto = "customer"\nvia = ["twilio"]\n'
NOTICED_S = 30.0


def replace(database: Path) -> None:
    fresh = database.with_name("fresh.db")
    shutil.copyfile(database, fresh)
    fresh.replace(database)


def delete_log(database: Path) -> None:
    database.with_name(database.name + "-wal").unlink()


def move_away(database: Path) -> None:
    database.replace(database.with_name("moved.db"))


# ---------------------------------------------------------------- in this process, by a clock that tests move


class Watched:
    """An outbox under a vigil that has begun, with what it told and how it ended."""

    def __init__(self, box: Outbox, clock: FakeClock) -> None:
        self.box = box
        self.clock = clock
        self.told: list[str] = []
        self.ended: list[StorageLost] = []
        self.stop = asyncio.Event()
        self.vigil = Vigil(box, clock, self._tell, self.ended.append)

    async def _tell(self, words: str) -> None:
        self.told.append(words)

    async def post(self, number: int) -> None:
        await self.box.spool.accept(posted(f"e{number}", ref=f"B-{number}"), plans(planned(f"m{number}")))

    async def noticed(self) -> None:
        """Let the vigil look, and do what it does in other threads."""
        await self.clock.advance(EVERY_S)
        async with asyncio.timeout(20):
            while not self.told:
                await asyncio.sleep(0.01)


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    clock = FakeClock()
    async with open_box(tmp_path, clock) as box:
        watched = Watched(box, clock)
        async with asyncio.TaskGroup() as group:
            group.create_task(watched.vigil.run(watched.stop))
            await settle()
            yield watched
            watched.stop.set()
            await clock.advance(LINGER_S)


def orders_in(database: Path) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro&immutable=1", uri=True)) as db:
        return int(db.execute("SELECT count(*) FROM orders").fetchone()[0])


async def test_untouched_files_are_no_news(watched: Watched) -> None:
    await watched.post(1)
    await watched.clock.advance(10 * EVERY_S)
    assert watched.told == []
    assert watched.box.health.look() is None


@pytest.mark.parametrize("harm", [replace, move_away, delete_log])
async def test_nothing_more_is_taken_and_what_was_is_saved(
    watched: Watched, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    database = tmp_path / "tether.db"
    for number in range(5):
        await watched.post(number)
    harm(database)
    await watched.post(5)
    await watched.noticed()
    with pytest.raises(StorageBusy, match="while the service worked"):
        await watched.post(6)
    assert "while the service worked" in (watched.box.trouble() or "")
    saved = database if harm is delete_log else next(tmp_path.glob("tether.db.before-replaced-*"))
    assert orders_in(saved) == 6
    assert saved.name in watched.told[0] or harm is delete_log
    assert watched.ended == []
    await watched.clock.advance(LINGER_S)
    assert len(watched.ended) == 1
    assert "while the service worked" in pick_up(database)
    assert pick_up(database) == ""


def test_a_note_that_was_damaged_keeps_no_service_from_starting(tmp_path: Path) -> None:
    mark_of(tmp_path / "tether.db").write_bytes(b"tether.db is another file now\xa5\xa5")
    assert "is another file now" in pick_up(tmp_path / "tether.db")


async def test_a_failed_write_is_tried_again_by_itself(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Writer._transact

    def refuse(writer: Writer, *args: Any, **more: Any) -> Any:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(Writer, "_transact", refuse)
    watched.box.health.failed(StorageBusy("the database can't be used"))
    assert watched.box.trouble() is not None
    monkeypatch.setattr(Writer, "_transact", real)
    await watched.clock.advance(EVERY_S)
    async with asyncio.timeout(10):
        while watched.box.trouble() is not None:
            await asyncio.sleep(0.01)


# ---------------------------------------------------------------- a real service


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path, pace=0.02) as shop:
        shop.configure(["twilio"], ROUTES)
        await shop.start()
        yield shop


async def ready(shop: Shop) -> tuple[int, str]:
    async with shop.session.get("/readyz") as answer:
        return answer.status, await answer.text()


async def until_not_ready(shop: Shop) -> str:
    deadline = time.monotonic() + NOTICED_S
    while time.monotonic() < deadline:
        status, words = await ready(shop)
        if status == 503:
            return words
        await asyncio.sleep(0.2)
    raise AssertionError("nobody noticed")


async def test_asking_whether_it_is_ready_writes_nothing(shop: Shop, tmp_path: Path) -> None:
    assert await shop.post(event(1)) == 202
    await shop.until({"sent", "delivered"})

    files = [path for path in tmp_path.glob("tether.db*") if not path.name.endswith("-shm")]
    before = {path: path.stat().st_mtime_ns for path in files}
    for _ in range(50):
        assert (await ready(shop))[0] == 200
    assert {path: path.stat().st_mtime_ns for path in files} == before


async def test_it_is_not_ready_while_writing_fails(shop: Shop) -> None:
    process = psutil.Process(shop.pid)
    _, hard = process.rlimit(resource.RLIMIT_FSIZE)
    assert await shop.post(event(1)) == 202
    await shop.until({"sent", "delivered"})
    process.rlimit(resource.RLIMIT_FSIZE, (1, hard))
    try:
        assert await shop.post(event(2)) in (503, 507)
        status, words = await ready(shop)
        assert (status, "database" in words or "disk" in words) == (503, True), words
    finally:
        process.rlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert await shop.post(event(3)) == 202
    assert (await ready(shop))[0] == 200


@pytest.mark.parametrize("harm", [replace, delete_log])
async def test_a_service_whose_database_is_taken_away_says_so(
    shop: Shop, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    assert await shop.post(event(1)) == 202
    await shop.until({"sent", "delivered"})
    harm(tmp_path / "tether.db")
    assert "while the service worked" in await until_not_ready(shop)
    assert await shop.post(event(2)) == 503
    assert "the database was taken away" in shop.log
    status = await shop.get("/v1/status")
    assert "database" in str(status)
    await shop.stop()
    await shop.start()
    kept = await shop.get("/v1/audit", kind="database.lost")
    assert "while the service worked" in kept["items"][0]["detail"]["what"]
    assert await shop.post(event(2)) == 202


async def test_two_services_on_one_database_by_a_link(shop: Shop, tmp_path: Path) -> None:
    second = tmp_path / "second"
    second.mkdir()
    (second / "tether.db").symlink_to(tmp_path / "tether.db")
    done = await asyncio.to_thread(shop.tether, "run", "--config", str(_config_of(second)), check=False)
    assert done.returncode == 1
    assert "another tether" in done.stderr
    assert await shop.post(event(1)) == 202


def _config_of(folder: Path) -> Path:
    config = folder / "tether.toml"
    config.write_text("[hook]\nport = 0\n")
    return config
