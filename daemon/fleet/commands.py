"""What headquarters would have a store do: pause or resume a channel, run the doctor. Only what the store allows, only by the publisher's key,
once, and not after it lapsed; done or refused, it stands on the store's record, by which headquarters hears of it."""

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from daemon.config import Settings
from daemon.dispatch.board import ChannelBoard
from daemon.fleet.bundle import BadBundle, is_by_publisher
from outbox import Outbox
from outbox.clock import Clock
from outbox.errors import NotFound

log = structlog.get_logger(__name__)

NOTE = "fleet.commands"
CLOCK_SECONDS = 30.0
LONGEST_MS = 7 * 86_400_000
MOST = 50
FINDINGS, LONGEST = 40, 200
_ABOUT = b"tether commands\n"
_ADDRESS = re.compile(r"(?<![^\s@])[^\s@]+@[^\s@]+|\+?\d[\d ()/-]{5,}\d")

What = Literal["pause", "resume", "doctor"]
Findings = Sequence[tuple[str, str, str]]
"""Of the doctor: the check, how bad it is, and what it found."""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """`id` names it for good. Times in ms, by HQ's clock."""

    id: int
    what: What
    channel: str = ""
    reason: str = ""
    by: str = ""
    expires_at: int


class Orders(msgspec.Struct, frozen=True):
    """All that one store is to do and has not answered."""

    store: str
    commands: list[Command]


_orders = msgspec.json.Decoder(Orders)
_done = msgspec.json.Decoder(dict[int, int])


def sign(orders: Orders, key: Ed25519PrivateKey) -> str:
    text = msgspec.json.encode(orders)
    return f"{base64.b64encode(key.sign(_ABOUT + text)).decode()}.{text.decode()}"


def read(text: str, publisher: str, store: str) -> Sequence[Command]:
    """Raises BadBundle for what is not the publisher's word to this store."""
    signature, _, orders = text.partition(".")
    try:
        raw = base64.b64decode(signature, validate=True)
        signed = bool(publisher) and is_by_publisher(_ABOUT, orders.encode(), raw, publisher)
        found = _orders.decode(orders) if signed else None
    except (ValueError, msgspec.MsgspecError) as error:
        raise BadBundle(f"they can't be read: {error}") from error
    if found is None:
        raise BadBundle("they are not signed by the fleet's publisher")
    if found.store != store:
        raise BadBundle("they are another store's")
    return found.commands[:MOST]


class Commands:
    """`hear` takes what came with the mark; `run` does it until `stop`."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        box: Outbox,
        clock: Clock,
        *,
        board: Callable[[], ChannelBoard],
        doctor: Callable[[], Awaitable[Findings]],
        trusted: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._box = box
        self._clock = clock
        self._board = board
        self._doctor = doctor
        self._trusted = trusted
        self._heard = ""
        self._news = asyncio.Event()

    def hear(self, text: str) -> None:
        if text and text != self._heard:
            self._heard = text
            self._news.set()

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._news.wait()
            while not self._trusted():
                await self._clock.sleep(CLOCK_SECONDS)
            heard = self._heard
            await self.obey()
            if heard == self._heard:
                self._news.clear()

    async def obey(self) -> None:
        """Each of what was heard last that was not answered yet."""
        fleet = self._settings().fleet
        try:
            commands = read(self._heard, fleet.publisher, fleet.store)
        except BadBundle as error:
            log.warning("headquarters' commands are not heeded", reason=str(error))
            return
        answered = {id: until for id, until in (await self._noted()).items() if until > self._clock.now()}
        for command in commands:
            if command.id not in answered:
                now = self._clock.now()  # the doctor before may have taken minutes
                await self._answer(command, now)
                answered[command.id] = max(command.expires_at, now) + LONGEST_MS
                await self._box.notes.set(NOTE, msgspec.json.encode(answered).decode())

    async def _noted(self) -> dict[int, int]:
        """What was answered, by id, and until when (ms) it may be heard again. Nothing where it can't be read any more."""
        try:
            return _done.decode(await self._box.notes.get(NOTE) or "{}")
        except msgspec.MsgspecError:
            log.warning("what is noted of headquarters' commands can't be read any more")
            return {}

    async def _answer(self, command: Command, now: int) -> None:
        why = self._objection(command, now)
        detail: dict[str, Any] = {"id": command.id, "what": command.what, "channel": command.channel}
        if not why:
            try:
                detail |= await self._do(command)
            except NotFound as error:
                why = str(error)
        actor = f"headquarters: {command.by}"
        if why:
            await self._box.audit.append("command.refused", actor=actor, detail={**detail, "why": why})
        else:
            await self._box.audit.append("command.done", actor=actor, detail=detail)
        log.info("headquarters' command is answered", what=command.what, channel=command.channel, refused=why)

    def _objection(self, command: Command, now: int) -> str:
        if command.what not in self._settings().fleet.commands:
            return f"this store does not allow it: [fleet] commands lacks {command.what!r}"
        if command.expires_at <= now:
            return "it came too late"
        return ""

    async def _do(self, command: Command) -> dict[str, Any]:
        """Raises NotFound for a channel that there isn't."""
        actor = f"headquarters ({command.by})"
        match command.what:
            case "pause":
                await self._board().pause(command.channel, reason=command.reason, actor=actor)
            case "resume":
                await self._board().resume(command.channel, actor=actor)
            case "doctor":
                found = await self._doctor()
                return {"report": [[check, level, _bare(summary)] for check, level, summary in found[:FINDINGS]]}
        return {}


def _bare(words: str) -> str:
    """Without what could be anybody's address."""
    return _ADDRESS.sub("...", words)[:LONGEST]
