"""A small store behind the HTTP face: the real outbox in a folder of its own and the real engine on it. Its clock and its network are
the test's. Nothing is dispatched unless the test has the engine run.

The database is a copy of one that is made once a process, with a token for each of four callers: a store opens in a few milliseconds.
"""

import random
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from daemon.channels.base import Channel, ReceiptUpdate, Reply
from daemon.config import Hook, Settings
from daemon.engine import Engine
from daemon.runtime.app import Service
from outbox import UNBOUND, AuditRow, Bounds, Outbox, StoredEvent
from outbox.clock import Clock
from outbox.model import Attempt, Message, Rendered, State, Transition
from outbox.outcome import Accepted, Outcome, ReceiptState
from outbox.reasons import NO_REASON, Reason
from tests.support.fake_clock import FakeClock
from tests.support.logs import logs_as_before
from tests.support.outbox_box import KEY, PHONE
from tests.support.sources import FakeHttp

CALLERS: Mapping[str, str] = {"till-2": "events", "screen": "read", "desk": "staff", "owner": "admin"}
"""The tokens that there are, and the scope of each."""
CHANNELS: Mapping[str, Mapping[str, Any]] = {
    "twilio": {"from": "+15005550006"},
    "modem": {"device": "/dev/ttyUSB2"},
    "sendgrid": {"from": "orders@example.com"},
}
TWILIO_TOKEN = "twilio-auth-token-0123456789abcdef"
WEBSHOP_SECRET = "whsec_YmFsbG9vbi1zaG9wLXRlc3Qtc2VjcmV0LTAwMDE="
SECRETS: Mapping[str, str] = {
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 31 + "1",
    "TWILIO_AUTH_TOKEN": TWILIO_TOKEN,
    "SENDGRID_API_KEY": "SG.0123456789",
    "WEBSHOP_WEBHOOK_SECRET": WEBSHOP_SECRET,
}
HI_ADA = Rendered("Hi Ada")


def store_settings(*, secrets: Mapping[str, str] | None = None, **tables: Any) -> Settings:
    """Two ways for texts, one for mail, a till that signs its events; `tables` take the place of these."""
    usual: dict[str, Any] = {
        "channels": {name: dict(table) for name, table in CHANNELS.items()},
        "sources": {"webshop": {"kind": "pos"}},
        "hook": Hook(port=0),
    }
    return Settings(**{**usual, **tables}, secrets={**SECRETS, **(secrets or {})})


class SmallStore:
    """`services` is what the HTTP face is given."""

    def __init__(self, service: Service, http: FakeHttp, clock: Any) -> None:
        self.service = service
        self.services = service.services
        self.box = service.box
        self.clock = clock
        self.http = http
        self.secrets = dict(_template.secrets)
        self.on_disk = service.settings
        """What a reload reads."""

    @property
    def engine(self) -> Engine:
        return self.services.engine

    async def token(self, name: str, *scopes: str, bounds: Bounds = UNBOUND) -> str:
        """Another caller's secret; `Face` knows it by that name from then on."""
        self.secrets[name] = await self.box.tokens.create(name, scopes, bounds=bounds, actor="test")
        return self.secrets[name]

    # ------------------------------------------------------------ what is on record

    async def events(self) -> Sequence[StoredEvent]:
        """All that were taken, in order."""
        return await self.box.replay.since(0, after=0, limit=1000)

    async def messages(self) -> list[Message]:
        """All that there are, in the order in which they were planned."""
        return list(reversed((await self.box.views.messages(limit=500)).items))

    async def message(self, message_id: str) -> Message:
        (found,) = await self.box.views.messages_by_id([message_id])
        return found

    async def acts(self, kind: str) -> Sequence[AuditRow]:
        """The record's entries of that kind, the oldest first."""
        return (await self.box.audit.list(kind=kind, limit=500, oldest_first=True)).items

    # ------------------------------------------------------------ what channels do

    async def begin(self, message_id: str, *, text: Rendered = HI_ADA) -> Attempt:
        """Its channel has it under way, as soon as it may."""
        message = await self.message(message_id)
        self.clock.step(max(0, message.due_at - self.clock.now()) / 1000)
        medium = self.engine.lanes[message.channel].medium
        address = message.addresses["email" if medium == "email" else "phone"]
        begun = await self.box.spool.begin(
            message.seq, channel=message.channel, via_index=message.via_index, medium=medium, address=address, sent=text
        )
        assert isinstance(begun, Attempt), begun
        return begun

    async def end(
        self,
        message_id: str,
        state: State,
        reason: Reason = NO_REASON,
        *,
        outcome: Outcome | None = None,
        text: Rendered = HI_ADA,
    ) -> None:
        """One attempt, after which the message is in that state; DELIVERED is what its receipt then says."""
        took = outcome or Accepted(f"P-{message_id}")
        after = State.SENT if state is State.DELIVERED else state
        attempt = await self.begin(message_id, text=text)
        await self.box.spool.settle(attempt, took, Transition(state=after, reason=reason))
        if state is State.DELIVERED:
            await self.reports(
                attempt.channel, ReceiptUpdate(state=ReceiptState.DELIVERED, provider_id=f"P-{message_id}")
            )

    async def reports(self, channel: str, update: ReceiptUpdate) -> None:
        """What a channel's vendor says of an attempt later."""
        await self.engine.receipts.apply(self._channel(channel), update)

    async def hears(self, channel: str, text: str, *, address: str = PHONE, at: int | None = None) -> None:
        """A customer wrote back, and the channel heard it. `at`: when (ms), by a clock of theirs."""
        reply = Reply(address=address, text=text, id=f"r-{text}", at=at)
        await self.engine.receipts.reply(self._channel(channel), reply)

    def _channel(self, name: str) -> Channel:
        channel = self.engine.lanes[name].channel
        assert channel is not None
        return channel

    # ------------------------------------------------------------ what breaks

    def sql(self, script: str) -> None:
        """What another program does to the database behind the service's back."""
        with closing(sqlite3.connect(self.box.path)) as db:
            db.executescript(script)

    def fails_with(self, words: str) -> None:
        """From now on putting an event on record fails as nobody foresaw, and these are the error's words."""
        self.sql(f"CREATE TRIGGER broken BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, '{words}'); END")

    def loses_its_tables(self) -> None:
        """Another program, of another opinion on what is needed, took all of them away."""
        with closing(sqlite3.connect(self.box.path)) as db:
            names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            db.executescript("".join(f"DROP TABLE {name};" for name in names if not name.startswith("sqlite_")))

    def is_damaged(self) -> None:
        """The card wrote rubbish over the whole database."""
        with closing(sqlite3.connect(self.box.path)) as db:
            db.execute("CREATE TABLE something (new)")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = self.box.path.stat().st_size
        with self.box.path.open("r+b") as file:
            file.write(random.Random(5).randbytes(size))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Another program holds the database meanwhile."""
        with closing(sqlite3.connect(self.box.path, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            yield


class _Template:
    """The database that each store begins with."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self._image = b""

    async def image(self) -> bytes:
        if not self._image:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "tether.db"
                async with Outbox.open(path, clock=FakeClock(), rng=random.Random(7), keys=KEY, reserve=0) as box:
                    for name, scope in CALLERS.items():
                        self.secrets[name] = await box.tokens.create(name, [scope], actor="test")
                self._image = path.read_bytes()
        return self._image


_template = _Template()


@asynccontextmanager
async def open_store(
    settings: Settings | None = None, *, clock: Clock | None = None, reserve: int = 0
) -> AsyncIterator[SmallStore]:
    clock, rng = clock or FakeClock(), random.Random(1)
    http: Any = FakeHttp(clock=clock)
    with tempfile.TemporaryDirectory(prefix="tether-test-") as name, logs_as_before():
        folder = Path(name)
        settings = msgspec.structs.replace(settings or store_settings(), file=folder / "tether.toml")
        (folder / "tether.db").write_bytes(await _template.image())
        async with Outbox.open(settings.database, clock=clock, rng=rng, keys=KEY, reserve=reserve) as box:
            newest = await box.newest_record()
            service = Service(settings, box, http, clock, rng, lambda: store.on_disk, newest_record=newest)
            store = SmallStore(service, http, clock)
            yield store
