"""The power fails on all three servers at once: what they had acknowledged is on their disks. Each server's disk is a filesystem of its own
that is shut down without writing what was not synced (ext4's shutdown ioctl); root only."""

import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from daemon.fleet.nats_connection import NatsConnection
from daemon.fleet.wire import AuditBatch, inflate
from tests.fleet.test_kills import LONG, fill, once_each
from tests.support.busy import until
from tests.support.engines import Cluster, cluster
from tests.support.fleet_world import answered, world

pytestmark = [pytest.mark.engines, pytest.mark.timeout(600)]

SHUTDOWN = 0x8004587D
WITHOUT_THE_LOG = struct.pack("I", 2)


def run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"{command[0]}: {done.stderr.strip()}")


class Disk:
    """A filesystem in a file, that can lose its power."""

    def __init__(self, image: Path, place: Path) -> None:
        self.image, self.place = image, place
        place.mkdir(exist_ok=True)
        with image.open("wb") as file:
            file.truncate(256 * 2**20)
        run("mkfs.ext4", "-q", "-F", image)
        self.mount()

    def mount(self) -> None:
        run("mount", "-o", "loop", self.image, self.place)

    def cut(self) -> None:
        handle = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, SHUTDOWN, WITHOUT_THE_LOG)
        finally:
            os.close(handle)

    def unmount(self) -> None:
        run("umount", self.place)

    def plug_in(self) -> None:
        """What is on it is another's by number: whoever sees the old one still (another program's mounts) keeps it shut down."""
        again = self.image.with_suffix(".again")
        run("cp", "--sparse=always", self.image, again)
        again.replace(self.image)
        self.mount()


@pytest.fixture
def places(tmp_path: Path) -> Iterator[list[Disk]]:
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        pytest.skip("needs root and mkfs.ext4: each server has a filesystem of its own here")
    with ExitStack() as stack:
        made = []
        for n in (1, 2, 3):
            try:
                disk = Disk(tmp_path / f"disk{n}", tmp_path / f"hq{n}")
            except OSError as error:
                pytest.skip(f"no filesystem can be mounted here: {error}")
            stack.callback(disk.unmount)
            made.append(disk)
        yield made


@pytest.fixture
def own_servers(tmp_path: Path, places: list[Disk]) -> Iterator[Cluster]:
    with cluster(tmp_path) as running:
        yield running


async def test_what_was_acknowledged_is_there_after_the_power_failed_everywhere(
    tmp_path: Path, places: list[Disk], own_servers: Cluster, database: str
) -> None:
    async with world(tmp_path, own_servers, database, own_servers.account) as fleet:
        fleet.start_hq()
        soho = await fleet.add_store("soho")
        await soho.happen(1)
        soho.connect()
        await fleet.await_archived(soho)
        await fleet.stop_hq()
        await fill(soho, 20_000 if LONG else 1_000)

        async def some() -> bool:
            return (await soho.link.status()).acknowledged > (10_000 if LONG else 600)

        await until(some, seconds=120)
        for place in places:
            place.cut()
        acknowledged = (await soho.link.status()).acknowledged
        own_servers.stop()
        await soho.disconnect()
        for place in places:
            place.unmount()
            place.plug_in()
        own_servers.start()
        fleet.start_hq()
        await until(lambda: archived_to(fleet, acknowledged), seconds=60)
        async with fleet.as_hq() as line:
            await until(lambda: answered(has_all(line, acknowledged)))
        soho.connect()
        await fleet.await_archived(soho, seconds=60)
        await once_each(fleet, (await soho.head())[1])


async def has_all(line: NatsConnection, acknowledged: int) -> bool:
    """The stream still has each entry, as the server that is asked has it: it may be behind the others."""
    seen: set[int] = set()
    after = 0
    while found := await line.read("UP", after, limit=200):
        for stored in found:
            if stored.subject.endswith(".audit"):
                seen |= {entry.seq for entry in inflate(stored.body, AuditBatch).entries}
        after = found[-1].seq
    return set(range(1, acknowledged + 1)) <= seen


async def archived_to(fleet: object, seq: int) -> bool:
    rows = await fleet.sql("SELECT 1 FROM chain WHERE head_seq >= %s", seq)  # type: ignore[attr-defined]
    return bool(rows)
