"""The card is full, or damaged for a moment, while a bundle comes: it is taken once there is room, and no bundle is blamed for the card."""

import asyncio
import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daemon.fleet.bundle_store import BundleStore
from daemon.supervise import supervised
from tests.fleet import test_bundles
from tests.fleet.test_bundles import Store, bundle
from tests.support.busy import until

store = test_bundles.store


async def test_a_bundle_that_came_while_the_card_was_full_is_taken_once_there_is_room(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, has_room, tries = BundleStore.put, asyncio.Event(), []

    def full(self: BundleStore, *args: Any) -> Path:
        tries.append(args)
        if not has_room.is_set():
            raise OSError(errno.ENOSPC, "no space left on device")
        return put(self, *args)

    async def a_second_later(is_so: Callable[[], bool]) -> bool:
        await store.clock.advance(1)
        return is_so()

    monkeypatch.setattr(BundleStore, "put", full)
    stop = asyncio.Event()
    bundles = supervised(
        "fleet bundles", lambda: store.bundles.run(stop), clock=store.clock, stop=stop, weather=(OSError,)
    )
    async with asyncio.TaskGroup() as group:
        running = group.create_task(bundles)
        store.bundles.offer([("all", bundle(3))])
        await until(lambda: a_second_later(lambda: "no space left" in store.bundles.problem), every=0.002)
        has_room.set()
        await until(lambda: a_second_later(lambda: (store.says, store.bundles.problem) == ("Hooray", "")), every=0.002)
        running.cancel()
    assert (store.says, store.bundles.problem) == ("Hooray", "")
