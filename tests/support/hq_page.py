"""The page of headquarters on a real PostgreSQL and a real socket, without NATS: an archive is filled by hand, and time is a clock of the test's."""

import random
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec
from aiohttp import web

from daemon.fleet.stored import Stored
from daemon.fleet.wire import AuditBatch, Health, State, StateBatch, deflate, pack
from daemon.hq.archiver import Archive
from daemon.hq.config import Hq, HqSettings, Nats
from daemon.hq.config import Postgres as PostgresTable
from daemon.hq.database import migrate, pooled
from daemon.hq.ingest import Ingest
from daemon.hq.page import sessions
from daemon.hq.page.frame import Page
from daemon.hq.page.pages import PAGES
from daemon.hq.page.people import Role, User
from daemon.hq.pulse import Pulse
from daemon.hq.services import Services
from daemon.hq.stores import Stores
from daemon.hq.web import make_app
from outbox.chain import START, link
from outbox.clock import Clock
from outbox.fleet import Entry
from tests.support.closing import closed
from tests.support.sql import Sql

CONSENT_KEY = "k1:" + "aWlp" * 10 + "aWk="
TOKEN = re.compile(r'name="token" value="([0-9a-f]{64})"')
NOBODY = "$argon2id$never"


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def token(self) -> str:
        found = TOKEN.search(self.text)
        assert found, self.text[:2000]
        return found[1]

    @property
    def words(self) -> str:
        """What a reader sees, on one line."""
        text = re.sub(r"<(script|style|title)\b.*?</\1>", "", self.text, flags=re.DOTALL)
        return " ".join(re.sub(r"<[^>]+>", " ", text).split())


class Browser:
    """Keeps cookies as a browser does and follows no redirect by itself."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def get(self, path: str, **headers: str) -> Answer:
        return await self._ask("GET", path, None, headers)

    async def post(self, path: str, fields: Mapping[str, str], **headers: str) -> Answer:
        headers = {"Origin": self.url, "Content-Type": "application/x-www-form-urlencoded"} | headers
        return await self._ask("POST", path, urlencode(fields), headers)

    async def _ask(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> Answer:
        async with self._session.request(
            method, self.url + path, data=body, headers=headers, allow_redirects=False
        ) as answer:
            return Answer(answer.status, await answer.text(), answer.headers)

    @asynccontextmanager
    async def stream(self, path: str) -> AsyncIterator[aiohttp.StreamReader]:
        async with self._session.get(self.url + path) as answer:
            yield answer.content

    @property
    def cookies(self) -> dict[str, str]:
        return {cookie.key: cookie.value for cookie in self._session.cookie_jar}

    def hold(self, name: str, value: str) -> None:
        self._session.cookie_jar.update_cookies({name: value})


@dataclass
class Site:
    url: str
    services: Services
    archive: Archive
    _ingest: Ingest
    _sessions: list[aiohttp.ClientSession] = field(default_factory=list)
    _sql: Sql = field(default_factory=Sql)
    _heads: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    _revs: int = 0
    _stored: int = 0

    def browser(self) -> Browser:
        session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self._sessions.append(session)
        return Browser(self.url, session)

    @property
    def pages(self) -> Sequence[Page]:
        return PAGES

    async def as_user(self, name: str = "ines", role: Role = "admin", stores: tuple[str, ...] = ()) -> Browser:
        """A browser in which somebody is logged in."""
        browser = self.browser()
        browser.hold("tether-session", await self.session(name, role, stores))
        return browser

    async def session(self, name: str = "ines", role: Role = "admin", stores: tuple[str, ...] = ()) -> str:
        """What the browser of somebody who is logged in holds."""
        await self.sql(
            "INSERT INTO hq_user (name, role, password, stores) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
            name, role, NOBODY, list(stores),
        )  # fmt: skip
        async with self.services.pool.connection() as db:
            return (await sessions.begin(db, User(name, role, stores), self.services.now())).secret

    async def store(self, name: str, group: str = "", **health: Any) -> None:
        """A store that joined and was heard just now, with that to say."""
        now = self.services.now()
        await self.sql(
            "INSERT INTO store (name, grp, joined_at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING", name, group, now
        )
        await self.hear(name, **health)

    async def hear(self, name: str, **health: Any) -> None:
        """A store's word on how it is, by the way that all take."""
        word = {
            "at": self.services.clock.now(), "clock_trusted": True, "release": "1.0", "uplink": "up", "epoch": "e1", "seq": 0, "hash": "",
            "channels": {"twilio": "ready"}, "disk_free": 2**33,
        }  # fmt: skip
        pulse = Pulse(self.services.now)
        pulse.hear(f"health.{name}", pack(Health(**(word | health))))
        async with self.services.pool.connection() as db:
            await pulse.write(db)

    async def message(self, store: str, id: str, ref: str = "B-1", **state: Any) -> None:
        """A message as a store told of it, by the way that all take."""
        self._revs += 1
        at = self.services.clock.now()
        told = {
            "id": id, "order_ref": ref, "state": "delivered", "channel": "twilio", "reason_code": "", "type": "order.ready",
            "recipient": "customer", "to": "+44…0123", "attempts": 1, "created_at": at, "updated_at": at, "due_at": at, "rev": self._revs,
        }  # fmt: skip
        batch = StateBatch("e1", 0, self._revs, [State(**(told | state))])
        await self._tell(f"up.{store}.msg", deflate(batch))

    async def entries(
        self, store: str, *entries: tuple[str, str, str, dict[str, Any] | str], actor: str = "", epoch: str = "e1"
    ) -> None:
        """Entries of a store's record (kind, order, message, detail), chained on, by the way that all take. A detail that is a text
        stands there as it is."""
        seq, before = self._heads.get(store, (0, START))
        first, slice_ = before, []
        for kind, ref, message, detail in entries:
            seq += 1
            text = detail if isinstance(detail, str) else msgspec.json.encode(detail).decode()
            entry = Entry(seq, self.services.clock.now(), kind, actor, ref, message, text)
            slice_.append(entry)
            before = link(before, epoch, *msgspec.structs.astuple(entry))
        self._heads[store] = (seq, before)
        await self._tell(f"up.{store}.audit", deflate(AuditBatch(epoch, first.hex(), before.hex(), slice_)))

    async def _tell(self, subject: str, body: bytes) -> None:
        self._stored += 1
        async with self.services.pool.connection() as db:
            await self._ingest.cursor(db, "made")
            stored = Stored(seq=self._stored, subject=subject, body=body, at=self.services.clock.now(), headers={})
            await self._ingest.add(db, "made", [stored])

    async def sql(self, text: str, *values: object) -> list[Any]:
        return await self._sql.run(self.services.settings.postgres.dsn, text, values)


@asynccontextmanager
async def page_site(
    dsn: str, folder: Path, clock: Clock, *, public_url: str = "", settings: HqSettings | None = None
) -> AsyncIterator[Site]:
    """`settings`: of a headquarters with all that belongs to it; else one without NATS."""
    settings = settings or HqSettings(
        hq=Hq("Balloon Loft", public_url=public_url),
        nats=Nats(("tls://127.0.0.1:1",), folder / "ca.pem"),
        postgres=PostgresTable(dsn),
        secrets={"HQ_CONSENT_KEYS": CONSENT_KEY, "HQ_ACCOUNT_SEED": "a seed of the tests"},
    )
    await migrate(dsn)
    archive = Archive(state="running", since=datetime.fromtimestamp(clock.now() / 1000, UTC))
    async with pooled(dsn) as pool:
        services = Services(settings, pool, Stores(settings, clock, random.Random(3)), clock, lambda: archive, "9.9.9")
        runner = web.AppRunner(make_app(services), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        site = Site("", services, archive, Ingest(services.now))
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            site.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield site
        finally:
            for session in site._sessions:
                await session.close()
            await site._sql.close()
            await closed(runner)
