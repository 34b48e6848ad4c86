"""While an array of events is taken in, only what is urgent of it leaves; the rest leaves after it, and soon enough."""

from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from daemon.dispatch.bulk import LONGEST
from outbox.model import Due, State
from outbox.spool import Spool
from tests.support.heart import Heart, shop

ROUTES = [
    {"on": "order.ready", "to": "customer", "via": ["twilio"], "priority": "high"},
    {"on": "order.placed", "to": "customer", "via": ["twilio"]},
]


@pytest.fixture
async def heart(tmp_path: Path) -> AsyncIterator[Heart]:
    async with Heart(tmp_path, shop(route=ROUTES)) as heart:
        yield heart


async def tell(heart: Heart, type: str, *refs: str) -> None:
    """Of the array that is being taken in: each with others, none alone."""
    heart.engine.dispatcher.bulk.brings(f"{type}-{ref}" for ref in refs)
    await tell_beside(heart, type, *refs)


async def tell_beside(heart: Heart, type: str, *refs: str) -> None:
    heart.box.spool.on_offer = lambda dues: 0
    for ref in refs:
        await heart.tell(f"{type}-{ref}", type, ref)
        await heart.pass_time(1)


def told(heart: Heart) -> list[str]:
    return [one.out.order_ref for one in heart.providers.left]


async def test_what_is_urgent_leaves_at_once_and_the_rest_when_all_of_it_is_taken(heart: Heart) -> None:
    with heart.engine.dispatcher.bulk.array():
        await tell(heart, "order.placed", "B-1", "B-2", "B-3")
        await tell(heart, "order.ready", "B-4", "B-5")
        assert told(heart) == ["B-4", "B-5"]
    await heart.still()
    assert told(heart) == ["B-4", "B-5", "B-1", "B-2", "B-3"]


async def test_what_others_tell_meanwhile_leaves_at_once(heart: Heart) -> None:
    """Whoever has a token and posts arrays without end kept each other till's customers waiting for ten seconds."""
    with heart.engine.dispatcher.bulk.array():
        await tell(heart, "order.placed", "B-1")
        await tell_beside(heart, "order.placed", "B-2")
        assert told(heart) == ["B-2"]
    with heart.engine.dispatcher.bulk.array():
        await heart.still()
        await tell_beside(heart, "order.placed", "B-3")
        assert told(heart) == ["B-2", "B-1", "B-3"]


async def test_a_pump_that_looks_again_meanwhile_leaves_it(heart: Heart) -> None:
    with heart.engine.dispatcher.bulk.array():
        await tell(heart, "order.placed", "B-1")
        heart.engine.dispatcher.wake()
        await heart.still()
        assert told(heart) == []
    await heart.still()
    assert told(heart) == ["B-1"]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The channels whose pumps looked what is due there, as often as they did."""
    looks, due = list[str](), Spool.due

    async def counted(spool: Spool, channel: str, **more: Any) -> list[Due]:
        looks.append(channel)
        return await due(spool, channel, **more)

    monkeypatch.setattr(Spool, "due", counted)
    return looks


async def test_nobody_looks_for_what_waits_here(heart: Heart, looks: list[str]) -> None:
    """Pumps looked for it twenty times a second, as they did for what was busy a moment ago."""
    with heart.engine.dispatcher.bulk.array():
        await tell(heart, "order.placed", "B-1")
        looks.clear()
        heart.engine.dispatcher.wake()
        await heart.pass_time(LONGEST / 2)
        assert looks.count("twilio") == 1


async def test_two_arrays_at_once_are_waited_for_both(heart: Heart) -> None:
    with heart.engine.dispatcher.bulk.array():
        with heart.engine.dispatcher.bulk.array():
            await tell(heart, "order.placed", "B-1")
        await heart.still()
        assert told(heart) == []
    await heart.still()
    assert told(heart) == ["B-1"]


async def test_arrays_without_end_keep_nobody_waiting(heart: Heart) -> None:
    """A till with a backlog of days posts one after the other."""
    with heart.engine.dispatcher.bulk.array():
        await tell(heart, "order.placed", "B-1")
        await heart.pass_time(LONGEST)
        await tell(heart, "order.placed", "B-2")
        assert told(heart) == ["B-1", "B-2"]


async def test_what_is_cancelled_meanwhile_does_not_leave(heart: Heart) -> None:
    with heart.engine.dispatcher.bulk.array():
        await tell(heart, "order.placed", "B-1", "B-2")
        await heart.box.spool.cancel((await heart.message()).id, actor="Mia", reason="")
    await heart.pass_time(1)
    assert [await heart.states(ref) for ref in ("B-1", "B-2")] == [[State.CANCELLED], [State.SENT]]


@pytest.mark.parametrize("end", ["stop", "kill", "reload"])
async def test_what_waits_when_its_dispatcher_ends_leaves_by_the_next(heart: Heart, end: str) -> None:
    with ExitStack() as array:
        array.enter_context(heart.engine.dispatcher.bulk.array())
        await tell(heart, "order.placed", "B-1")
        if end == "reload":
            await heart.reload(heart.settings)
        else:
            await (heart.stop() if end == "stop" else heart.kill())
            await heart.start()
        assert told(heart) == ["B-1"]
    await heart.pass_time(60)
    assert told(heart) == ["B-1"]
