"""Killed at any moment, the outbox has every event it acknowledged, and knows of every attempt it began."""

import asyncio
import multiprocessing
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from outbox.model import State
from tests.support.outbox_box import open_box
from tests.support.outbox_writer import write

KILLS = 25

PROCESSES = multiprocessing.get_context("forkserver")
"""Forked from one that has imported the writer: each lives for less time than that takes."""
PROCESSES.set_forkserver_preload(["tests.support.outbox_writer"])


def run_and_kill(path: Path, start: int, moment: float) -> list[tuple[str, str]]:
    """What a process said that was killed that many seconds after it had opened the database."""
    near, far = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=write, args=(path / "tether.db", start, far))
    process.start()
    far.close()
    assert near.recv() == ("open", str(start))
    killing = threading.Timer(moment, process.kill)
    killing.start()
    said = list(_until_it_ends(near))
    killing.join()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    return said


def _until_it_ends(told: Connection) -> Iterator[tuple[str, str]]:
    with told, suppress(EOFError):
        while True:
            yield told.recv()


async def test_what_was_acknowledged_is_there(tmp_path: Path) -> None:
    rng = random.Random(11)
    said: dict[str, set[str]] = {"taken": set(), "left": set(), "settled": set()}
    for start in range(KILLS):
        for word, id in await asyncio.to_thread(run_and_kill, tmp_path, start, rng.uniform(0.0, 0.15)):
            said[word].add(id)
    assert min(len(ids) for ids in said.values()) > KILLS
    async with open_box(tmp_path) as box:
        await box.spool.rescue()
        assert (await box.audit.verify()).ok
        kept: dict[str, State] = {}
        cursor: str | None = None
        while True:
            page = await box.views.messages(limit=500, cursor=cursor)
            kept |= {message.id: message.state for message in page.items}
            if (cursor := page.next) is None:
                break
        assert {f"m_{id}" for id in said["taken"]} <= kept.keys()
        assert {kept[id] for id in said["settled"]} <= {State.SENT}
        assert {kept[id] for id in said["left"]} <= {State.SENT, State.UNKNOWN}
        assert set(kept.values()) <= {State.QUEUED, State.SENT, State.UNKNOWN}
