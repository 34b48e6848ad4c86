"""Tells the team when something needs a person: once when it has lasted, and once when it is over.

What is wrong is looked at every so often and kept by a key ("channel twilio", "disk"). What was told is on record (`box.notes`), so
that a restart doesn't tell it again; `daemon.appliance.messenger` brings it to them.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from daemon.appliance.backup import key_trouble, last_backup
from daemon.appliance.messenger import TEAM
from daemon.config import ConfigError, Settings
from daemon.dispatch.board import ChannelStatus
from outbox import Outbox
from outbox.clock import Clock

log = structlog.get_logger(__name__)

EVERY = 30.0
NOTE = "trouble."
BACKUP_OLD_MS = 50 * 3_600_000
BY_A_PERSON = "paused by "
"""How the reason of a pause begins that somebody made on purpose: no news to them."""


class TroubleWatch:
    """`run` looks until `stop`; `standing` is what is wrong at the moment, told or not (for the heartbeat)."""

    def __init__(
        self,
        box: Outbox,
        clock: Clock,
        settings: Callable[[], Settings],
        board: Callable[[], Awaitable[Sequence[ChannelStatus]]],
        tell: Callable[[str], Awaitable[bool]],
        trusted: Callable[[], bool],
        *,
        news: Sequence[str] = (),
    ) -> None:
        self._box = box
        self._clock = clock
        self._settings = settings
        self._board = board
        self._tell = tell
        self._trusted = trusted
        self._news = list(news)
        """What happened once and is told once: it is not over by itself."""
        self._since: dict[str, float] = {}
        self._calm: dict[str, float] = {}
        """Since when what was told of, or is new, has been over (monotonic)."""
        self._told: dict[str, str] = {}
        self.standing: Mapping[str, str] = {}

    async def run(self, stop: asyncio.Event) -> None:
        for key, words in (await self._box.notes.all(NOTE)).items():
            if words:
                self._told[key.removeprefix(NOTE)] = words
        while not await self._clock.wait(stop, EVERY):
            await self.look()

    async def look(self) -> None:
        """Look once, and tell what is due."""
        now, patience = self._clock.monotonic(), self._settings().trouble.after
        wrong = await self._wrong_now()
        for key in wrong.keys() - self._since.keys():
            log.warning("something needs a person", what=key, why=wrong[key])
        self._since = {key: self._since.get(key, now) for key in wrong}
        self._calm = {key: self._calm.get(key, now) for key in self._told.keys() - wrong.keys()}
        self.standing = wrong
        for key, words in wrong.items():
            if key not in self._told and now - self._since[key] >= patience and await self._tell(words):
                await self._record(key, words)
        for key, since in self._calm.items():
            if now - since >= patience and await self._tell(f"over: {self._told[key]}"):
                await self._record(key, "")
        for words in list(self._news):
            if await self._tell(words):
                self._news.remove(words)

    async def _record(self, key: str, words: str) -> None:
        await self._box.notes.set(NOTE + key, words)
        await self._box.audit.append("trouble.told" if words else "trouble.over", detail={"what": key})
        if words:
            self._told[key] = words
        else:
            del self._told[key]

    # ------------------------------------------------------------ what is wrong

    async def _wrong_now(self) -> Mapping[str, str]:
        wrong = {
            f"channel {row.name}": f"{row.title} is {row.state}: {row.reason or row.last_trouble}"
            for row in await self._board()
            if row.state != "ready" and not row.reason.startswith(BY_A_PERSON)
        }
        return {**wrong, **self._of_the_machine()}

    def _of_the_machine(self) -> Mapping[str, str]:
        settings, wrong = self._settings(), {}
        disk = os.statvfs(settings.database.parent)
        if disk.f_bavail * disk.f_frsize < settings.data.reserve:
            wrong["disk"] = "the disk is full: new orders are refused until there is room. What waits is still sent"
        if not self._trusted():
            wrong["clock"] = "the clock is wrong: nothing expires, and what is signed with the time waits"
        if settings.backup.to and (last := last_backup(settings)) is not None:
            if last.error:
                wrong["backup"] = f"the backup failed: {last.error}"
            elif self._clock.now() - last.at > BACKUP_OLD_MS:
                wrong["backup"] = "no backup was made for two days"
            if why := key_trouble(settings):
                wrong["backup key"] = f"{why} (sudo tether key words)"
        return wrong


def check_trouble(settings: Settings) -> None:
    """Raises ConfigError for a `[trouble]` that can't be meant."""
    trouble = settings.trouble
    where = settings.file or "tether.toml"
    for name in trouble.via:
        if name not in settings.channels:
            raise ConfigError(
                f"{where}: trouble.via: {name!r} is not enabled; there are {', '.join(settings.channels) or 'none'}"
            )
    if trouble.audience != TEAM and trouble.audience not in settings.audiences:
        raise ConfigError(f"{where}: trouble.audience: there is no [audiences.{trouble.audience}]")
