"""A chain in earnest on the tests' engines: headquarters whole, with its page, on a clock that can be put ahead; stores that are processes, and may be
killed or copied; and its owner in a real Chromium."""

import random
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import tomli_w
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from daemon.fleet.nkey import KeyPair
from daemon.fleet.seal import key_of, public_text
from daemon.hq.claims import store_rights, user_claim
from daemon.hq.config import CONSENT, Publish
from daemon.hq.database import opened
from daemon.hq.page import sessions
from daemon.hq.page.people import User
from daemon.hq.service import serving
from daemon.hq.stores import groups_of_store
from outbox.clock import SystemClock
from tests.fleet.test_bundle_format import KEY, PUBLISHER
from tests.support.busy import until
from tests.support.chromium import LIVE_S, Page
from tests.support.fleet_world import World
from tests.support.shop import Shop, open_shop

OWNER = "ines"


class AheadClock(SystemClock):
    """The machine's, put ahead as often as a test likes."""

    ahead_ms = 0

    def now(self) -> int:
        return super().now() + self.ahead_ms


@dataclass
class Chain:
    fleet: World
    clock: AheadClock
    url: str
    page: Page
    stack: AsyncExitStack
    shops: dict[str, Shop] = field(default_factory=dict)

    # ------------------------------------------------------------ stores

    async def opens(self, name: str, channels: list[str], *, canary: bool = False) -> Shop:
        """A store that joined, and runs."""
        shop = await self._shop(name, channels)
        key = KeyPair.make("user")
        groups = groups_of_store(name, "", canary=canary)
        claim = user_claim(
            self.fleet.account, key.public, name, store_rights(name, groups), at=self.clock.now() // 1000
        )
        await self.fleet.sql(
            "INSERT INTO store (name, canary, key, sealing, joined_at) VALUES (%s, %s, %s, %s, now())",
            name, canary, key.public, public_text(key_of(key.seed)),
        )  # fmt: skip
        member = {
            "store": name,
            "servers": list(self.fleet.cluster.urls),
            "ca": str(self.fleet.cluster.ca),
            "publisher": PUBLISHER,
        }
        with shop.config.open("a", encoding="utf-8") as file:
            file.write("\n" + tomli_w.dumps({"fleet": member}))
        with (shop.folder / ".env").open("a", encoding="utf-8") as file:
            file.write(f'FLEET_SEED="{key.seed}"\nFLEET_CONSENT_KEY="{self.fleet.settings.secrets[CONSENT]}"\n')
        (shop.folder / "fleet.jwt").write_text(claim + "\n", encoding="ascii")
        await shop.start()
        return shop

    async def card_is_copied(self, name: str, copy: str) -> Shop:
        """Of a store that is off; the other box has the same card and a line of its own."""
        folder = self.fleet.folder / copy
        shutil.copytree(self.shops[name].folder, folder, ignore=shutil.ignore_patterns("*.sock"))
        shop = await self.stack.enter_async_context(open_shop(folder))
        self.shops[copy] = shop
        return shop

    async def _shop(self, name: str, channels: list[str]) -> Shop:
        folder = self.fleet.folder / name
        folder.mkdir()
        shop = await self.stack.enter_async_context(open_shop(folder))
        shop.configure(channels)
        self.shops[name] = shop
        return shop

    # ------------------------------------------------------------ what headquarters knows

    async def health(self, store: str) -> dict[str, Any]:
        rows = await self.fleet.sql("SELECT body FROM health WHERE store = %s", store)
        return dict(rows[0][0]) if rows else {}

    async def heard(self, store: str, **wanted: str) -> None:
        """Wait until the store itself has said so to headquarters."""

        async def said() -> bool:
            health = await self.health(store)
            return bool(health) and all(text in health.get(name, "") for name, text in wanted.items())

        await until(said)

    async def speaks_up(self, store: str) -> None:
        """A store that has something to tell of its channels tells how it is at once."""
        for deed in ("pause", "resume"):
            async with self.shops[store].session.post(f"/v1/channels/twilio/{deed}", json={}) as answer:
                assert answer.status == 200, await answer.text()

    # ------------------------------------------------------------ what its owner sees and does

    async def go(self, path: str) -> None:
        await self.page.go(self.url + path)

    async def press(self, button: str, path: str) -> None:
        """A button, by what it says; then the page at that address is there."""
        await self.page.run(
            f"[...document.querySelectorAll('button')].find(b => b.textContent.trim() === '{button}').click()"
        )
        await self.page.at(f"location.href === '{self.url}{path}'")

    async def reads(self) -> str:
        """What the page says, on one line."""
        return " ".join(str(await self.page.run("document.querySelector('main').innerText")).split())

    async def sees(self, *texts: str, within: float = LIVE_S) -> None:
        """On the page that is open, without a reload."""
        said = " && ".join(f"words.includes({msgspec.json.encode(text).decode()})" for text in texts)
        script = f"(words => {said})((document.querySelector('main')?.innerText ?? '').replaceAll(/\\s+/g, ' '))"
        try:
            await self.page.until(script, within=within)
        except TimeoutError:
            raise AssertionError(f"not within {within} s: {texts}; there is: {await self.reads()}") from None

    async def writes(self, group: str, file: str, text: str) -> None:
        """A draft of hers."""
        await self.fleet.sql(
            "INSERT INTO draft (grp, file, content, changed_by, changed_at) VALUES (%s, %s, %s, %s, now())",
            group, file, text, OWNER,
        )  # fmt: skip


@asynccontextmanager
async def chain(fleet: World, page: Page) -> AsyncIterator[Chain]:
    clock = AheadClock()
    (fleet.folder / "publish.key").write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    hq = msgspec.structs.replace(fleet.settings.hq, listen="127.0.0.1:0")
    fleet.settings = msgspec.structs.replace(
        fleet.settings, hq=hq, publish=Publish(Path("publish.key")), file=fleet.folder / "hq.toml"
    )
    dsn = fleet.settings.postgres.dsn
    async with serving(fleet.settings, clock, random.Random(3)) as url, AsyncExitStack() as stack:
        await fleet.sql(
            "INSERT INTO hq_user (name, role, password, stores) VALUES (%s, 'admin', '$argon2id$never', '{}')", OWNER
        )
        async with opened(dsn) as db:
            session = await sessions.begin(
                db, User(OWNER, "admin", ()), datetime.fromtimestamp(clock.now() / 1000, UTC)
            )
        await page.open(url + "/login")
        await page.ask("Network.setCookie", name="tether-session", value=session.secret, url=url, httpOnly=True)
        yield Chain(fleet, clock, url, page, stack)
