"""The owner edits tether.toml, and what headquarters published comes, stays or goes meanwhile: on a whole service."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from daemon.config import Settings, load
from daemon.fleet.bundles import WATCH_SECONDS, Bundles
from daemon.fleet.nkey import KeyPair
from daemon.runtime.app import Service, open_service
from tests.fleet import test_bundles
from tests.fleet.test_bundles import READY, TEXTS, bundle
from tests.support.busy import until
from tests.support.fake_clock import FakeClock
from tests.support.logs import logs_as_before

CONFIG = test_bundles.CONFIG + 'optouts = "store"\n'
SECRETS = {"FLEET_SEED": KeyPair.make("user").seed}
WITHOUT_ITS_CHANNEL = CONFIG.replace(
    '[channels.smtp]\nhost = "127.0.0.1"\nfrom = "shop@loft.example"', '[channels.webhook]\nurl = "https://x.example"'
)


def route(to: str) -> dict[str, bytes]:
    return {**TEXTS, "routes.toml": f'[[route]]\non = "order.ready"\nto = "{to}"\nvia = ["smtp"]\n'.encode()}


class Store:
    def __init__(self, service: Service, clock: FakeClock, config: Path) -> None:
        assert service.fleet is not None
        self.service = service
        self.clock = clock
        self.config = config
        self.bundles: Bundles = service.fleet.bundles
        self.fleet = service.fleet

    async def gets(self, body: bytes) -> None:
        self.bundles.offer([("all", body)])
        await self.bundles.look()

    async def reloads(self, text: str) -> None:
        self.config.write_text(text)
        await self.service.reload(actor="SIGHUP")
        await self.bundles.watch()

    async def says(self) -> tuple[str, str]:
        """What `GET /v1/fleet` and headquarters are told: the bundle in force, and why it is not another."""
        status = await self.fleet.status()
        return status.bundle, status.bundle_problem

    @property
    def text(self) -> str:
        """Headquarters' own for an order that is ready, as far as it counts."""
        folder = self.service.services.engine.settings.bundle
        return "" if folder is None else (folder / READY).read_text()


@asynccontextmanager
async def started(folder: Path, text: str) -> AsyncIterator[Store]:
    config = folder / "tether.toml"
    config.write_text(text)
    (folder / "fleet.jwt").write_text("claim")
    clock = FakeClock()

    def reread() -> Settings:
        return load(config, SECRETS)

    with logs_as_before():
        async with open_service(reread(), clock=clock, rng=random.Random(1), reread=reread) as service:
            store = Store(service, clock, config)
            stopped = asyncio.Event()
            stopped.set()
            await store.bundles.run(stopped)
            yield store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with started(tmp_path, CONFIG) as made:
        yield made


@pytest.mark.parametrize(
    "edited",
    [CONFIG + "[hook]\nport = 9999\n", CONFIG + 'commands = ["doctor"]\n', CONFIG + "[hook"],
    ids=["another port", "commands", "half saved"],
)
async def test_what_the_owner_has_not_reloaded_yet_keeps_no_bundle_out_nor_in(store: Store, edited: str) -> None:
    """With a restart planned for the evening the canary "refused" what was tried, and it was taken back for the whole chain."""
    store.config.write_text(edited)
    await store.gets(bundle(1))
    assert await store.says() == ("all/1", "")
    assert store.text.startswith("Hooray")
    await store.gets(bundle(2, withdrawn=True))
    assert await store.says() == ("", "")
    assert store.text == ""


async def test_a_bundle_at_night_puts_nothing_in_force_that_is_meant_for_tomorrow(store: Store) -> None:
    store.config.write_text(CONFIG.replace("22:00", "20:00"))
    await store.gets(bundle(1))
    assert store.text.startswith("Hooray")
    assert store.service.services.engine.settings.quiet_hours.from_ == 22 * 60


async def test_a_reload_that_leaves_out_what_is_in_force_is_told_and_so_is_that_it_is_back(store: Store) -> None:
    """All of headquarters' texts and routes were gone, and its page was green."""
    await store.gets(bundle(1, route("customer")))
    await store.reloads(WITHOUT_ITS_CHANNEL)
    assert store.text == ""
    left_out = "all/1 can't be used with this store's own tether.toml any more, and is left out: tether doctor says why"
    assert await store.says() == ("", left_out)
    await store.gets(bundle(1, route("customer")))
    assert await store.says() == ("", left_out), "also when the line comes back"
    await store.reloads(CONFIG)
    assert store.text.startswith("Hooray")
    assert await store.says() == ("all/1", "")


async def test_an_owner_who_wants_no_bundles_any_more_is_not_told_that_one_is_left_out(tmp_path: Path) -> None:
    async with started(tmp_path, CONFIG) as store:
        await store.gets(bundle(1))
    async with started(tmp_path, CONFIG + "bundles = false\n") as store:
        assert store.text == ""
        assert await store.says() == ("", "")


async def test_what_was_refused_is_tried_again_once_the_owner_has_mended_tether_toml(store: Store) -> None:
    await store.gets(bundle(1, route("florist")))
    name, problem = await store.says()
    assert (name, "no audience 'florist'" in problem) == ("", True)
    await store.reloads(CONFIG + '[audiences.florist]\nemail = "florist@loft.example"\n')

    async def is_in_force() -> bool:
        await store.clock.advance(WATCH_SECONDS)
        return await store.says() == ("all/1", "")

    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(store.bundles.run(stop))
        await until(is_in_force, seconds=20)
        stop.set()
        await store.clock.advance(WATCH_SECONDS)
