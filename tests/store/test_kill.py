"""Killed at any moment, the outbox has every event it acknowledged, and knows of every attempt it began."""

import asyncio
import itertools
import multiprocessing
import random
import signal
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


def run_and_kill(path: Path, start: int, words: int) -> list[tuple[str, str]]:
    """What a process said that was killed once it had said so much."""
    near, far = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=write, args=(path / "tether.db", start, far))
    process.start()
    far.close()
    assert near.recv() == ("open", str(start))
    said = []
    for word in _until_it_ends(near):
        said.append(word)
        if len(said) == words:
            process.kill()
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
    lives = itertools.count()
    while (start := next(lives)) < KILLS or min(len(ids) for ids in said.values()) <= KILLS:
        for word, id in await asyncio.to_thread(run_and_kill, tmp_path, start, rng.randrange(1, 60)):
            said[word].add(id)
    assert start < 10 * KILLS
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
