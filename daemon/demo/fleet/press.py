"""The scene of a chain's texts: a mistake that a canary refuses and that is taken back by itself, then a text that goes on from the canary to all."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from daemon.demo.fleet.herald import Herald
from daemon.fleet.bundle import ALL
from daemon.hq.config import HqSettings
from daemon.hq.database import opened
from daemon.hq.published import Bundles, overview
from daemon.hq.publishing import Publisher, Wanted
from outbox.clock import Clock

MISTAKE = {"routes.toml": b'[[route]]\non = "order.ready"\nto = "customer"\nvia = ["mailgun"]\n'}
"""Any store could have it but those of the demo: none has that channel."""
GREETING = "Hooray"
TEXT = {
    "templates/en/order.ready.sms.j2": f"{GREETING}! {{{{ order.ref }}}} is ready at {{{{ store.name }}}}.\n".encode()
}
CANARY = "soho"
SHORT, LONG = timedelta(minutes=5), timedelta(minutes=30)

Until = Callable[[str, Callable[[], Awaitable[bool]]], Awaitable[None]]
"""Waits for what is said, so long as the demo has patience."""


class Press:
    """Publishes as somebody does on the page, to all after a canary."""

    def __init__(self, settings: HqSettings, clock: Clock, by: str) -> None:
        self._settings = settings
        self._publisher = Publisher(settings, lambda: datetime.fromtimestamp(clock.now() / 1000, UTC))
        self._by = by

    async def play(self, herald: Herald, until: Until) -> None:
        herald.scene(f"Headquarters publishes texts and routes, and {CANARY} tries them first")
        await self._publish(MISTAKE, "orders are ready by e-mail", LONG)
        await until(f"{CANARY} refuses what it can't be run with", self._is_taken_back)
        herald.remark(f"taken back by itself, and no other store had it: {(await self._seen()).canaries[0].why}")
        await self._publish(TEXT, "a friendlier text", SHORT)
        await until(f"{CANARY} takes the new text", self._has_it)
        herald.remark(f"{CANARY} writes with a new text, and all do if it fares no worse for five minutes")
        herald.remark("on the page, under Texts: how it goes; write, preview and publish there, too")

    async def _publish(self, files: dict[str, bytes], note: str, canary: timedelta) -> None:
        async with opened(self._settings.postgres.dsn) as db:
            await self._publisher.publish(db, files, Wanted(group=ALL, by=self._by, note=note, canary=canary))

    async def _is_taken_back(self) -> bool:
        return (await self._seen()).canaries[0].state == "taken_back"

    async def _has_it(self) -> bool:
        (store,) = [one for one in (await self._seen()).stores if one.name == CANARY]
        return store.has == store.wanted

    async def _seen(self) -> Bundles:
        async with opened(self._settings.postgres.dsn) as db:
            return await overview(db)
