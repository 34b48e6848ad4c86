"""The card or disk that the database lies on: its room, whether it takes writing, how fast, and what it says of its own wear."""

import asyncio
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from daemon.appliance.examination import Examination
from daemon.appliance.finding import Finding, advice, ok, problem
from daemon.appliance.machine import Machine
from outbox.clock import Clock

MIB = 2**20
ROOM = 4
"""So many times the reserve should be free: less is soon none."""
SLOW_SYNC = 0.25
"""Seconds. Every event waits for one sync."""
TRIALS = 5
WORN_TENTHS = 9
"""JEDEC eMMC 5.1, EXT_CSD life time estimate: in tenths of the life, 11 for beyond it."""


async def check_disk(case: Examination) -> Sequence[Finding]:
    settings = case.settings
    folder = next(each for each in settings.database.resolve().parents if each.exists())
    found = list(_room(folder, settings.data.reserve))
    found.append(await asyncio.to_thread(_trial, folder, case.clock))
    return [*found, *_wear(case.machine), *_power(case.machine)]


def _room(folder: Path, reserve: int) -> Iterable[Finding]:
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    words = f"{free // MIB} MiB free where the database lies"
    if free < reserve:
        yield problem(
            "disk",
            f"{words}, less than the reserve of {reserve // MIB} MiB: events are refused (507)",
            "make room (`journalctl --vacuum-size=100M`, `apt-get clean`), shorten [data] retention, or take a larger card",
        )
    elif free < ROOM * reserve:
        yield advice("disk", words, f"make room: below {reserve // MIB} MiB events are refused")
    else:
        yield ok("disk", words)
    if disk.f_files and disk.f_favail < 1000:
        yield problem("disk", f"room for only {disk.f_favail} more files (inodes)", "remove files that nobody needs")


def _trial(folder: Path, clock: Clock) -> Finding:
    """Write and sync as a commit does."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            began = clock.monotonic()
            for _ in range(TRIALS):
                file.write(bytes(4096))
                file.flush()
                os.fsync(file.fileno())
            taken = (clock.monotonic() - began) / TRIALS
    except OSError as error:
        return problem(
            "disk",
            f"{folder} can't be written to: {error.strerror}",
            "a card that went read-only is dying: put in a new one and `tether restore`; else look at who owns the folder",
        )
    words = f"one sync takes {taken * 1000:.1f} ms"
    if taken > SLOW_SYNC:
        return advice(
            "disk", f"{words}: slow, and every event waits for one", "docs/sd-card.md names cards that are faster"
        )
    return ok("disk", words)


def _wear(machine: Machine) -> Iterable[Finding]:
    for life in sorted(machine.path("/sys/block").glob("mmcblk*/device/life_time")):
        tenths = [int(word, 16) for word in life.read_text().split()]
        worst = max(tenths, default=0)
        if worst > WORN_TENTHS:
            yield problem(
                "disk",
                f"{life.parts[-3]} says it is worn out ({worst} tenths of its life)",
                "put in a new card, then `tether restore`",
            )
        elif worst:
            yield ok("disk", f"{life.parts[-3]} has used about {worst} tenths of its life")


def _power(machine: Machine) -> Iterable[Finding]:
    """The Pi's own word on its supply: too little voltage spoils cards."""
    for name in sorted(machine.path("/sys/class/hwmon").glob("*/name")):
        alarm = name.with_name("in0_lcrit_alarm")
        if name.read_text().strip() == "rpi_volt" and alarm.is_file():
            if alarm.read_text().strip() == "1":
                yield problem(
                    "power",
                    "the supply is too weak (under-voltage): that spoils cards",
                    "use the Pi's own power supply and a short cable",
                )
            else:
                yield ok("power", "no under-voltage")
