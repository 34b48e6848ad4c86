"""Backups in a bucket: signed as Amazon's own library signs, listed page by page, and refusals told with what to do."""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from daemon.appliance.opening import openers_of
from daemon.appliance.restore import Wanted, candidate
from daemon.config import Backup, ConfigError, Settings
from daemon.runtime.housekeeping import EVERY, FIRST_AFTER, Housekeeping
from daemon.upkeep.backup import back_up, back_up_there
from daemon.upkeep.backup_note import last_backup
from daemon.upkeep.backup_store import keeping
from daemon.upkeep.copies import copies
from daemon.upkeep.errors import BackupError
from outbox.errors import StorageFull
from outbox.proof import prove
from tests.support.bucket import ACCESS, REGION, SECRET, FakeBucket, bucket
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import accept_one, open_own_box, planned

KEYS = {"BACKUP_ACCESS_KEY_ID": ACCESS, "BACKUP_SECRET_ACCESS_KEY": SECRET}


@pytest.fixture
async def store() -> AsyncIterator[FakeBucket]:
    async with bucket() as fake:
        yield fake


async def a_shop(folder: Path, store: FakeBucket, to: str = "s3://shop-backups/loft/box-1", keep: int = 3) -> Settings:
    async with open_own_box(folder) as box:
        await accept_one(box, planned("m1"), id="e1", ref="B-1")
    return Settings(
        file=folder / "tether.toml",
        backup=Backup(to=to, endpoint=store.url, region=REGION, keep=keep),
        secrets=KEYS,
    )


async def test_there_and_back(tmp_path: Path, store: FakeBucket) -> None:
    settings, clock = await a_shop(tmp_path, store), FakeClock()
    async with keeping(settings, clock) as kept:
        made = await back_up(settings, kept, clock)
        assert list(store.objects) == [f"loft/box-1/{made.name}"]
        before = prove(settings.database)
        settings.database.unlink()
        wanted = Wanted(name=made.name, openers=openers_of(settings), is_kept=True)
        async with candidate(
            settings,
            wanted,
            lambda target, most: kept.get(made.name, target, most=most),
            clock=clock,
            rng=random.Random(1),
        ) as found:
            assert found.proved.manifest.proof == before
            await found.put_in_place(send_waiting=False)
    assert prove(settings.database).first_bad is None


async def test_the_oldest_go_and_nothing_else(tmp_path: Path, store: FakeBucket) -> None:
    settings, clock = await a_shop(tmp_path, store), FakeClock()
    others = ["loft/box-1/notes & more.txt", "loft/box-2/tether-20260101T000000Z.tar.gz", "a.txt"]
    store.objects |= dict.fromkeys(others, b"not ours")
    names = []
    async with keeping(settings, clock) as kept:
        for _ in range(5):
            names.append((await back_up(settings, kept, clock)).name)
            await clock.advance(86_400)
        assert list(await kept.names()) == names[-3:]
    assert sorted(store.objects) == sorted([*others, *(f"loft/box-1/{name}" for name in names[-3:])])


async def test_a_bucket_that_gives_more_than_it_got_fills_no_card(tmp_path: Path, store: FakeBucket) -> None:
    """Whoever has the bucket wants the shop's card full: what is read back has no end."""
    settings, clock = await a_shop(tmp_path, store), FakeClock()
    store.tail = b"x"
    async with keeping(settings, clock) as kept:
        with pytest.raises(BackupError, match="larger there"):
            await back_up(settings, kept, clock)


async def test_a_look_at_a_backup_leaves_the_room_that_events_need(
    tmp_path: Path, store: FakeBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service works beside it, and told tills that the disk is full; and whoever has the bucket could fill the card."""
    settings, clock = await a_shop(tmp_path, store), FakeClock()
    await back_up_there(settings, clock)
    ((name, sealed),) = [(key.rpartition("/")[2], len(body)) for key, body in store.objects.items()]
    database, free = settings.database.stat().st_size, 0
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_bavail=free, f_frsize=1, f_flag=0))

    async def look(*, look_only: bool = True) -> int:
        wanted = Wanted(name=name, openers=openers_of(settings), is_kept=True, look_only=look_only)
        async with (
            keeping(settings, clock) as kept,
            candidate(
                settings,
                wanted,
                lambda target, most: kept.get(name, target, most=most),
                clock=clock,
                rng=random.Random(1),
            ) as one,
        ):
            return one.proved.manifest.bytes

    free = settings.data.reserve + 2 * sealed - 1
    with pytest.raises(BackupError, match=r"larger there .* make room"):
        await look()
    free = settings.data.reserve + database // 2
    with pytest.raises(BackupError, match="make room"):
        await look()
    assert await look(look_only=False), "with the service stopped nobody wants the reserve"
    free = settings.data.reserve + 2 * database
    assert await look()


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:99999", "https://s3..example.com"])
async def test_an_address_that_no_bucket_can_have_is_told_and_noted(
    tmp_path: Path, store: FakeBucket, endpoint: str
) -> None:
    """A slip of the pen: nobody was told why no backup was made, and the service fell over when it looked for old ones."""
    settings, clock = await a_shop(tmp_path, store), FakeClock()
    slip = msgspec.structs.replace(settings, backup=msgspec.structs.replace(settings.backup, endpoint=endpoint))
    with pytest.raises(BackupError, match=r"correct \[backup\] endpoint"):
        await back_up_there(slip, clock)
    noted = last_backup(slip)
    assert noted is not None
    assert noted.error
    assert (await copies(slip, clock, [])).unseen


async def test_a_listing_without_an_end_is_given_up(tmp_path: Path, store: FakeBucket) -> None:
    """Whoever has the bucket wants the box to ask for ever."""
    settings = await a_shop(tmp_path, store)
    store.listing = "<ListBucketResult><NextContinuationToken>1</NextContinuationToken></ListBucketResult>"
    async with keeping(settings, FakeClock()) as kept:
        with pytest.raises(BackupError, match="no end"):
            await kept.names()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AccessDenied", "let this key list, get, put and delete"),
        ("RequestTimeTooSkewed", "timedatectl"),
        ("SignatureDoesNotMatch", "copy the secret key again"),
        ("SlowDown", "no & <never>"),
    ],
)
async def test_a_refusal_is_told_with_what_to_do(tmp_path: Path, store: FakeBucket, code: str, words: str) -> None:
    settings, clock = await a_shop(tmp_path, store), FakeClock()
    store.refuse = code
    async with keeping(settings, clock) as kept:
        with pytest.raises(BackupError, match=code) as refused:
            await back_up(settings, kept, clock)
    assert words in str(refused.value)
    assert SECRET not in str(refused.value)


BOMB = '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "listing",
    [f"{BOMB}<l><Contents><Key>&b;</Key></Contents></l>", "<ListBucketResult><Contents>", "<html>Welcome", "{}"],
    ids=["entities", "half", "page", "json"],
)
async def test_a_listing_that_is_none_is_no_empty_bucket(tmp_path: Path, store: FakeBucket, listing: str) -> None:
    """Who answers in the bucket's place wants the box to run out of memory, or to believe that there are no backups."""
    settings = await a_shop(tmp_path, store)
    store.listing = listing
    async with keeping(settings, FakeClock()) as kept:
        with pytest.raises(BackupError, match="not the XML of one"):
            await kept.names()


async def test_a_listing_is_read_in_any_namespace_with_names_as_they_are_written(
    tmp_path: Path, store: FakeBucket
) -> None:
    settings = await a_shop(tmp_path, store)
    name = "tether-20260101T000000Z.tar.gz"
    store.listing = (
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><!-- <Key>no</Key> -->'
        f"<Contents><Key>loft/box-1/{name}</Key></Contents><Contents><Key><![CDATA[loft/box-1/a&b]]></Key></Contents>"
        "<CommonPrefixes><Key>x</Key></CommonPrefixes></ListBucketResult>"
    )
    async with keeping(settings, FakeClock()) as kept:
        assert [each for each in await kept.names() if each.startswith("tether-")] == [name]


async def test_a_wrong_secret_is_refused_by_the_bucket(tmp_path: Path, store: FakeBucket) -> None:
    settings = await a_shop(tmp_path, store)
    wrong = Settings(
        file=settings.file, backup=settings.backup, secrets={**KEYS, "BACKUP_SECRET_ACCESS_KEY": "another"}
    )
    async with keeping(wrong, FakeClock()) as kept:
        with pytest.raises(BackupError, match="SignatureDoesNotMatch"):
            await kept.names()


async def test_nobody_there(tmp_path: Path, store: FakeBucket) -> None:
    settings = await a_shop(tmp_path, store)
    away = Settings(
        file=settings.file,
        backup=Backup(to="s3://shop-backups", endpoint="http://127.0.0.1:9", region=REGION),
        secrets=KEYS,
    )
    async with keeping(away, FakeClock()) as kept:
        with pytest.raises(BackupError, match="can't be reached"):
            await kept.names()


@pytest.mark.parametrize(
    "to",
    [
        "s3://",
        "s3://UPPER/x",
        "s3://bucket/with space",
        "s3://bucket/../../etc?x=1",
        "s3://bu",
        "s3://bucket/a%2fb",
        "s3://bucket/../other",
    ],
)
async def test_what_is_no_bucket_is_said_so(tmp_path: Path, store: FakeBucket, to: str) -> None:
    settings = await a_shop(tmp_path, store, to=to)
    with pytest.raises(ConfigError, match=r"backup\.to"):
        async with keeping(settings, FakeClock()):
            raise AssertionError("never reached")


async def test_without_keys_it_says_which(tmp_path: Path, store: FakeBucket) -> None:
    settings = await a_shop(tmp_path, store)
    with pytest.raises(ConfigError, match="BACKUP_ACCESS_KEY_ID and BACKUP_SECRET_ACCESS_KEY"):
        async with keeping(Settings(file=settings.file, backup=settings.backup), FakeClock()):
            raise AssertionError("never reached")


async def test_without_keys_the_day_s_round_goes_on(tmp_path: Path, store: FakeBucket) -> None:
    """It ended the service, five minutes after each start."""
    settings = await a_shop(tmp_path, store)
    bare, clock = Settings(file=settings.file, backup=settings.backup), FakeClock()
    async with open_own_box(tmp_path, clock) as box:
        assert await Housekeeping(box, lambda: bare, clock, lambda: True).round() == 0
        assert "BACKUP_ACCESS_KEY_ID" in (await copies(bare, clock, ())).unseen


async def test_a_round_that_finds_no_room_is_broken_off(
    tmp_path: Path, store: FakeBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, clock = await a_shop(tmp_path, store), FakeClock()
    tried: list[dict[str, int]] = []

    async def full(**when: int) -> None:
        tried.append(when)
        raise StorageFull("the disk is full")

    async with open_own_box(tmp_path, clock) as box, asyncio.TaskGroup() as group:
        monkeypatch.setattr(box.retention, "prune", full)
        stop = asyncio.Event()
        group.create_task(Housekeeping(box, lambda: settings, clock, lambda: True).run(stop))
        await clock.advance(FIRST_AFTER + EVERY)
        stop.set()
    assert len(tried) == 2


async def test_a_round_that_the_clock_kept_back_comes_once_that_is_right(
    tmp_path: Path, store: FakeBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A box that is off at night is never up for a whole day: its next look never came, and nothing was ever removed."""
    settings, clock = await a_shop(tmp_path, store), FakeClock()
    rounds: list[int] = []
    right = False

    async def round() -> int:
        rounds.append(clock.now())
        return 0

    async with open_own_box(tmp_path, clock) as box, asyncio.TaskGroup() as group:
        housekeeping = Housekeeping(box, lambda: settings, clock, lambda: right)
        monkeypatch.setattr(housekeeping, "round", round)
        stop = asyncio.Event()
        group.create_task(housekeeping.run(stop))
        await clock.advance(FIRST_AFTER)
        assert rounds == []
        right = True
        await clock.advance(FIRST_AFTER)
        stop.set()
    assert len(rounds) == 1
