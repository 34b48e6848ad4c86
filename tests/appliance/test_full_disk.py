"""A full disk, on a small file system of its own: events are refused before anything breaks, sending goes on, and it mends itself."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.shop import Shop, event, open_shop

ROUTES = """
[planning]
default_routes = false
[[route]]
on = "order.ready"
to = "customer"
via = ["twilio"]
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """24 MiB, mounted for this test."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small disk takes root")
    place = tmp_path / "small"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tether-test", str(place)], capture_output=True, text=True
    )
    if done.returncode != 0:
        pytest.skip(f"this machine does not let us mount: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place: Path, *, leave: int) -> Path:
    """Take all room but that many bytes."""
    ballast = place / "ballast"
    disk = os.statvfs(place)
    with ballast.open("wb") as file:
        file.write(bytes(max(0, disk.f_bavail * disk.f_frsize - leave)))
    return ballast


async def status_of(shop: Shop, number: str, wanted: int, seconds: float = 10.0) -> int:
    """Post the event until it is answered so (the space is looked at once a second)."""
    async with asyncio.timeout(seconds):
        while (status := await shop.post(event(number))) != wanted:
            await asyncio.sleep(0.1)
    return status


async def test_events_are_refused_sending_goes_on_and_it_recovers(small_disk: Path) -> None:
    async with open_shop(small_disk, pace=0.05) as shop:
        shop.configure(["twilio"], ROUTES, extra='[data]\nreserve = "4MiB"\n')
        await shop.start()
        assert await shop.post(event("before")) == 202
        shop.tether("channels", "pause", "twilio")
        assert await shop.post(event("waits")) == 202
        ballast = fill(small_disk, leave=2 * 2**20)
        assert await status_of(shop, "refused", 507) == 507
        shop.tether("channels", "resume", "twilio")
        messages = await shop.until({"sent", "delivered"})
        assert {"B-before", "B-waits"} <= {message["order_ref"] for message in messages}
        ballast.unlink()
        assert await status_of(shop, "after", 202) == 202
        await shop.until({"sent", "delivered"})
        assert (await shop.get("/v1/audit/verify"))["ok"]


async def test_not_one_byte_left_loses_nothing(small_disk: Path) -> None:
    """Others filled the disk to the last byte, past the reserve: what is known is kept, and goes on when there is room."""
    async with open_shop(small_disk, pace=0.05) as shop:
        shop.configure(["twilio"], ROUTES, extra='[data]\nreserve = "1MiB"\n')
        await shop.start()
        for number in range(20):
            assert await shop.post(event(number)) == 202
        await shop.until({"sent", "delivered"})
        ballast = fill(small_disk, leave=0)
        assert await status_of(shop, "full", 507) == 507
        assert len(await shop.messages()) == 20
        ballast.unlink()
        assert await status_of(shop, "full", 202) == 202
        messages = await shop.until({"sent", "delivered"})
        assert len(messages) == 21
        assert (await shop.get("/v1/audit/verify"))["ok"]
        assert await shop.stop() == 0


async def stopped_with_one_told(shop: Shop) -> None:
    shop.configure(["twilio"], ROUTES, extra='[data]\nreserve = "4MiB"\n')
    await shop.start()
    assert await shop.post(event("before")) == 202
    await shop.until({"sent", "delivered"})
    await shop.stop()


async def test_a_full_disk_at_the_start_is_no_reason_to_stay_away(small_disk: Path) -> None:
    async with open_shop(small_disk, pace=0.05) as shop:
        await stopped_with_one_told(shop)
        ballast = fill(small_disk, leave=2 * 2**20)
        await shop.start()
        assert await status_of(shop, "refused", 507) == 507
        ballast.unlink()
        assert await status_of(shop, "after", 202) == 202


async def test_no_room_at_all_at_the_start_is_no_damage(small_disk: Path) -> None:
    """SQLite needs room to open a database that is sound; without it that one was set aside as damaged, at each start anew."""
    async with open_shop(small_disk, pace=0.05) as shop:
        await stopped_with_one_told(shop)
        ballast = fill(small_disk, leave=0)
        for _ in range(2):
            with pytest.raises(AssertionError, match="the service ended with 1"):
                await shop.start()
        assert "is damaged" not in shop.tether("doctor", "--offline", check=False).stdout
        assert [each.name for each in small_disk.iterdir() if "damaged" in each.name or "recover" in each.name] == []
        ballast.unlink()
        await shop.start()
        assert [message["order_ref"] for message in await shop.messages()] == ["B-before"]
