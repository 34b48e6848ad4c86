"""One store of the chain: a service of its own on a sandbox of its own, a member of the fleet by a code as any box is."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Literal

import msgspec

from daemon.config import Fleet, Log, Settings, bundle_in_force, with_bundle
from daemon.demo.fleet.relay import Relay
from daemon.demo.stage import demo_settings
from daemon.fleet.files import CA, CLAIM
from daemon.fleet.join import Joined, join
from daemon.fleet.join_code import Code
from daemon.fleet.nkey import KeyPair
from daemon.runtime.app import Service, open_service
from daemon.runtime.listeners import listening
from daemon.runtime.notify import Notifier
from daemon.sandbox import Sandbox
from outbox.clock import Clock

CHANNELS = ("twilio", "sendgrid", "slack")
COMMANDS: tuple[Literal["pause", "resume", "doctor"], ...] = ("pause", "resume", "doctor")
READY_SECONDS = 30.0


class Shop:
    """`service` runs; `cut` takes the providers and headquarters from it at once, as a line does that is dead."""

    def __init__(
        self, name: str, service: Service, url: str, token: str, sandbox: Sandbox, ways: Sequence[Relay]
    ) -> None:
        self.name = name
        self.service = service
        self.url = url
        self.token = token
        self.sandbox = sandbox
        self._ways = ways

    async def cut(self) -> None:
        await self.sandbox.cut()
        for way in self._ways:
            await way.deafen()

    async def mend(self) -> None:
        for way in self._ways:
            await way.listen()
        await self.sandbox.restore()

    async def fall_silent(self) -> None:
        """Headquarters hears of it no more; its providers do."""
        for way in self._ways:
            await way.deafen()

    @property
    def has_line(self) -> bool:
        return self.sandbox.line.up


@asynccontextmanager
async def open_shop(name: str, code: Code, folder: Path, clock: Clock, rng: Random) -> AsyncIterator[Shop]:
    """Joins the fleet, then runs. Raises JoinRefused."""
    folder.mkdir()
    joined = await join(code, KeyPair.make("user"))
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox(clock=clock, rng=rng, folder=folder))
        ways = [Relay(int(server.rpartition(":")[2])) for server in joined.welcome.servers]
        for way in ways:
            await way.listen()
            stack.push_async_callback(way.deafen)
        store = demo_settings(sandbox, folder, 0, name=f"Balloon Loft {name.capitalize()}", only=CHANNELS)
        settings = _member(store, joined, [f"tls://127.0.0.1:{way.port}" for way in ways])
        service = await stack.enter_async_context(
            open_service(
                settings, clock=clock, rng=rng, reread=lambda: with_bundle(settings, bundle_in_force(settings))
            )
        )
        token = await service.box.tokens.create("till", ("admin",))
        url = await stack.enter_async_context(listening(service.services, settings.socket, folder=folder))
        async with asyncio.TaskGroup() as group:
            ready = asyncio.Event()
            group.create_task(service.run(Notifier(clock, {}), ready=ready.set), name=name)
            try:
                await clock.wait(ready, READY_SECONDS)
                yield Shop(name, service, url, token, sandbox, ways)
            finally:
                service.stop.set()


def _member(store: Settings, joined: Joined, servers: Sequence[str]) -> Settings:
    """What `tether fleet join` writes, with the relays for servers; and it does what headquarters tells it to."""
    (store.folder / CA).write_text(joined.welcome.ca, encoding="ascii")
    (store.folder / CLAIM).write_text(joined.welcome.claim, encoding="ascii")
    secrets = {**store.secrets, "FLEET_SEED": joined.key.seed, "FLEET_CONSENT_KEY": joined.written_keys}
    fleet = Fleet(joined.welcome.store, tuple(servers), publisher=joined.welcome.publisher, commands=COMMANDS)
    return msgspec.structs.replace(store, fleet=fleet, secrets=secrets, log=Log("error", "text"))
