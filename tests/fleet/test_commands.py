"""Commands of headquarters at a store, on a real service: only what it allows, only by the publisher's key, once, and in time."""

import base64
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from daemon.config import load
from daemon.fleet.commands import NOTE, Command, Commands, Orders, What, sign
from daemon.hq.commands import give, listed
from daemon.hq.config import Publish
from daemon.hq.database import opened
from daemon.hq.record import latest
from daemon.hq.stores import Declined
from daemon.runtime.app import Service, open_service
from tests.fleet.test_bundle_format import KEY, PUBLISHER
from tests.support.busy import until
from tests.support.fake_clock import FakeClock
from tests.support.fleet_world import World

CONFIG = f"""[quiet_hours]
enabled = false
[channels.smtp]
host = "127.0.0.1"
from = "shop@loft.example"
[fleet]
publisher = "{PUBLISHER}"
commands = ["pause", "doctor"]
"""
HOUR = 3_600_000


class Store:
    def __init__(self, service: Service, clock: FakeClock) -> None:
        self.service = service
        self.clock = clock
        self.examined = 0
        self.doctor_seconds = 0.0
        settings = msgspec.structs.replace(
            service.settings, fleet=msgspec.structs.replace(service.settings.fleet, store="soho")
        )
        self.commands = Commands(
            lambda: settings, service.box, clock, board=lambda: service.engine.board, doctor=self._doctor, trusted=lambda: True
        )  # fmt: skip

    async def _doctor(self) -> list[tuple[str, str, str]]:
        self.examined += 1
        await self.clock.advance(self.doctor_seconds)
        return [
            ("channels", "problem", "smtp: maria@loft.example at +44 7700 900123 was refused"),
            ("disk", "ok", "10 GB are free"),
        ]

    async def gets(self, *commands: Command, key: Ed25519PrivateKey = KEY, store: str = "soho") -> None:
        self.commands.hear(sign(Orders(store, list(commands)), key))
        await self.commands.obey()

    def order(self, id: int, what: What = "pause", channel: str = "smtp", *, late: int = HOUR) -> Command:
        return Command(
            id=id, what=what, channel=channel, reason="a bill", by="maria", expires_at=self.clock.now() + late
        )

    async def smtp(self) -> str:
        return next(str(row.state) for row in await self.service.engine.board.board() if row.name == "smtp")

    async def record(self) -> list[tuple[str, dict[str, Any]]]:
        rows = (await self.service.box.audit.list(limit=50)).items
        return [(row.kind, dict(row.detail)) for row in rows if row.kind.startswith("command.")]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    config = tmp_path / "tether.toml"
    config.write_text(CONFIG)
    clock = FakeClock()
    settings = load(config, {})
    async with open_service(settings, clock=clock, rng=random.Random(1), reread=lambda: settings) as service:
        yield Store(service, clock)


async def test_a_channel_is_paused_once_and_on_record(store: Store) -> None:
    await store.gets(store.order(1))
    assert await store.smtp() == "paused"
    await store.service.engine.board.resume("smtp", actor="ada")
    await store.gets(store.order(1), store.order(2, "doctor", ""))
    assert await store.smtp() != "paused", "what was done is not done again"
    assert store.examined == 1
    (doctor, report), (pause, _) = await store.record()
    assert (doctor, pause) == ("command.done", "command.done")
    assert report["report"] == [
        ["channels", "problem", "smtp: ... at ... was refused"],
        ["disk", "ok", "10 GB are free"],
    ]


async def test_what_is_noted_of_those_before_and_can_t_be_read_any_more_ends_nothing(store: Store) -> None:
    """A card that flips a bit: the service ended at each word of headquarters'."""
    await store.gets(store.order(1, "doctor", ""))
    await store.service.box.notes.set(NOTE, "k" + (await store.service.box.notes.get(NOTE) or "")[1:])
    await store.gets(store.order(2))
    assert await store.smtp() == "paused"
    await store.gets(store.order(2), store.order(3, "doctor", ""))
    assert [detail["id"] for _, detail in await store.record()] == [3, 2, 1]


async def test_what_the_store_does_not_allow_is_refused_and_said(store: Store) -> None:
    await store.service.engine.board.pause("smtp", reason="", actor="ada")
    await store.gets(store.order(1, "resume"))
    assert await store.smtp() == "paused"
    ((kind, detail),) = await store.record()
    assert (kind, detail["why"]) == ("command.refused", "this store does not allow it: [fleet] commands lacks 'resume'")


async def test_one_that_came_too_late_and_one_for_a_channel_that_there_is_not(store: Store) -> None:
    await store.gets(store.order(1, late=-1), store.order(2, channel="pigeon"))
    whys = [detail["why"] for _, detail in await store.record()]
    assert whys[1] == "it came too late"
    assert "pigeon" in whys[0]
    assert await store.smtp() != "paused"


async def test_one_that_lapsed_while_the_doctor_looked_is_not_done(store: Store) -> None:
    """Providers do not answer, and the doctor takes minutes; headquarters has long said that the pause lapsed."""
    store.doctor_seconds = 200.0
    await store.gets(store.order(1, "doctor", ""), store.order(2, late=60_000))
    (pause, detail), (doctor, _) = await store.record()
    assert (doctor, pause, detail["why"]) == ("command.done", "command.refused", "it came too late")
    assert await store.smtp() != "paused"


async def test_only_the_publishers_word_to_this_store_counts(store: Store) -> None:
    """Who has NATS's servers wants a store's channels paused: with a key of their own, with what was said to another store, with nonsense."""
    await store.gets(store.order(1), key=Ed25519PrivateKey.generate())
    await store.gets(store.order(1), store="camden")
    good = sign(Orders("soho", [store.order(1)]), KEY)
    signature, _, text = good.partition(".")
    for forged in (
        f"{signature}.{text.replace('smtp', 'smtq')}",
        f"{base64.b64encode(KEY.sign(text.encode())).decode()}.{text}",
        f".{text}", text, "....", f"{signature}.",
    ):  # fmt: skip
        store.commands.hear(forged)
        await store.commands.obey()
    assert await store.record() == []
    assert await store.smtp() != "paused"


async def test_an_old_word_that_is_said_again_does_nothing(store: Store) -> None:
    """Who has NATS's servers kept what the publisher signed, and says it again a day later, or at a store that started anew."""
    old = store.order(1)
    await store.gets(old)
    await store.service.engine.board.resume("smtp", actor="ada")
    store.commands = Store(store.service, store.clock).commands
    await store.gets(old)
    await store.clock.advance(86_400)
    await store.gets(old)
    assert await store.smtp() != "paused"
    assert len(await store.record()) == 1


async def test_nothing_is_allowed_by_default(tmp_path: Path) -> None:
    (tmp_path / "tether.toml").write_text("")
    assert load(tmp_path / "tether.toml", {}).fleet.commands == ()


@pytest.mark.engines
async def test_an_older_copy_of_the_archive_gives_no_command_a_number_that_stores_know(fleet: World) -> None:
    """Headquarters' database is restored from before a command that its store did: with the same number the next one would be done by nobody, and
    stand as done by the old answer."""
    await fleet.add_store("soho")
    now = datetime.now(UTC)
    async with opened(fleet.settings.postgres.dsn) as db:
        values: dict[str, Any] = {"channel": "smtp", "by": "maria", "lasting": timedelta(minutes=5)}
        before = [await give(db, now, "soho", "pause", **values) for _ in range(3)]
        assert len(set(before)) == 3
        await db.execute("TRUNCATE command RESTART IDENTITY")
        after = await give(db, now + timedelta(minutes=5), "soho", "pause", **values)
    assert after not in before


@pytest.mark.engines
async def test_a_command_goes_out_with_the_stores_mark_and_its_answer_comes_back_with_its_record(
    fleet: World, tmp_path: Path
) -> None:
    key = tmp_path / "publish.key"
    key.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    fleet.settings = msgspec.structs.replace(fleet.settings, publish=Publish(key), file=tmp_path / "hq.toml")
    soho = await fleet.add_store("soho")
    heard: list[str] = []
    soho.on_commands = heard.append
    soho.connect()
    fleet.start_hq()
    now = datetime.now(UTC)
    async with opened(fleet.settings.postgres.dsn) as db:
        with pytest.raises(Declined, match="no store 'paris'"):
            await give(db, now, "paris", "pause", channel="smtp", by="maria", lasting=timedelta(minutes=5))
        with pytest.raises(Declined, match="name the channel"):
            await give(db, now, "soho", "pause", by="maria", lasting=timedelta(minutes=5))
        id = await give(db, now, "soho", "pause", channel="smtp", by="maria", lasting=timedelta(minutes=5))

        async def hears() -> bool:
            return any(f'"id":{id},' in text for text in heard)

        await until(hears, seconds=20)
        assert [given.state for given in await listed(db, now)] == ["waiting"]
        await soho.box.audit.append("command.done", actor="headquarters: maria", detail={"id": id})

        async def answered() -> bool:
            return [given.state for given in await listed(db, now)] == ["done"]

        await until(answered, seconds=20)
        assert [(deed.kind, deed.actor) for deed in await latest(db)] == [("command.given", "maria")]
        lapsed = await give(db, now - timedelta(hours=1), "soho", "doctor", by="maria", lasting=timedelta(minutes=5))
        assert [given.state for given in await listed(db, now) if given.id == lapsed] == ["lapsed"]
