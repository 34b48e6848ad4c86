"""Killed at any moment, the outbox has every event it acknowledged, and knows of every attempt it began."""

import asyncio
import random
import signal
import sys
from pathlib import Path

from outbox.model import State
from tests.support.outbox_box import open_box

KILLS = 25

WRITER = """
import asyncio, random, sys
from pathlib import Path
from outbox import Outbox, Refusal
from outbox.clock import SystemClock
from outbox.digest import FixedKey
from outbox.model import State, Transition
from outbox.outcome import Accepted
from tests.support.outbox_box import PHONE, one_each, posted

def say(*words):
    sys.stdout.write(" ".join(words) + "\\n")
    sys.stdout.flush()

async def post(box, clock, start, worker):
    n = 0
    while True:
        n += 1
        id = f"{start}-{worker}-{n}"
        await box.spool.accept(posted(id, ref=id, at=clock.now()), one_each)
        say("taken", id)

async def send(box, clock):
    while True:
        for due in await box.spool.due("twilio", now=clock.now(), limit=8):
            attempt = await box.spool.begin(due.message.seq, channel="twilio", via_index=0, medium="sms", address=PHONE)
            assert not isinstance(attempt, Refusal)
            say("left", due.message.id)
            await box.spool.settle(attempt, Accepted(attempt.message_id), Transition(state=State.SENT))
            say("settled", due.message.id)

async def main(path, start):
    clock = SystemClock()
    async with Outbox.open(Path(path), clock=clock, rng=random.Random(1), keys=FixedKey(b"k" * 32), reserve=0) as box:
        await box.spool.rescue()
        say("open", start)
        async with asyncio.TaskGroup() as group:
            for worker in range(4):
                group.create_task(post(box, clock, start, worker))
            group.create_task(send(box, clock))

asyncio.run(main(*sys.argv[1:]))
"""


async def run_and_kill(path: Path, start: int, moment: float) -> list[list[str]]:
    """What a process said that was killed that many seconds after it had opened the database."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        WRITER,
        str(path / "tether.db"),
        str(start),
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert (await process.stdout.readline()).split() == [b"open", str(start).encode()]
    try:
        async with asyncio.timeout(moment):
            await process.wait()
    except TimeoutError:
        process.send_signal(signal.SIGKILL)
    said = await process.stdout.read()
    assert await process.wait() == -signal.SIGKILL
    return [line.split() for line in said.decode().splitlines() if line.count(" ") == 1]


async def test_what_was_acknowledged_is_there(tmp_path: Path) -> None:
    rng = random.Random(11)
    said: dict[str, set[str]] = {"taken": set(), "left": set(), "settled": set()}
    for start in range(KILLS):
        for word, id in await run_and_kill(tmp_path, start, rng.uniform(0.0, 0.15)):
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
