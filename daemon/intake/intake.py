"""Where events come from, as one: webhooks are verified and read, sources are asked, what is not understood is kept.

A webhook that only names records (a CRM's) is kept first and answered; the records are fetched after, again and again until they are.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence

import msgspec
import structlog

from daemon.config import Settings
from daemon.http import Http
from daemon.intake import registry
from daemon.intake.base import PLACED, Body, Hook, Reading, Record, Snapshot, Source, Unreadable
from daemon.intake.diff import News, Sighting, diff
from daemon.intake.door import Door
from daemon.intake.events import dated, posted_heard, posted_news
from daemon.intake.polling.calls import Caller
from daemon.intake.polling.polled import OF_THE_KEY, Fault, Polled, fault_of
from daemon.intake.polling.poller import Poller
from daemon.intake.polling.reader import Reader
from daemon.intake.polling.record import POLLED, PollRecord
from daemon.intake.recorder import Recorder
from daemon.intake.row import SourceRow, row_of
from daemon.intake.says_again import Said
from daemon.wire.near import did_you_mean
from outbox import Kept, Outbox
from outbox.clock import Clock
from outbox.errors import IllegalMove, NotFound, OutboxError
from outbox.model import Posted

log = structlog.get_logger(__name__)

RETRY_EVERY = 120.0
RETRIES = 50
SYNC_WAIT = 30.0
_OF_ALL = (0, 401, 429, 502, 503, 504)
"""What a question for one record shows of all of them: no answer, a key that is not valid, too many questions, nobody there."""
_KEPT_HEADERS = ("content-type", "user-agent", "webhook-id", "x-shopify-topic", "x-wc-webhook-topic", "x-github-event")
"""Headers that say what a body is; none that vouch for it."""


class HookAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a webhook's sender wants to be told."""

    body: bytes = b""
    content_type: str = "application/json"


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What a body would become. `fetch`: records that it names and that would be fetched."""

    events: Sequence[Posted] = ()
    known: Sequence[str] = ()
    """Ids of those that were taken before."""
    unread: Sequence[str] = ()
    fetch: Sequence[str] = ()
    note: str = ""


class Intake:
    """Built from settings without IO; raises ConfigError for what can't be meant. `run` asks until `stop`."""

    def __init__(
        self,
        settings: Settings,
        box: Outbox,
        http: Http,
        door: Door,
        clock: Clock,
        rng: random.Random,
        *,
        clock_trusted: Callable[[], bool],
    ) -> None:
        self._sources = registry.build_all(settings.sources, settings.secrets, settings.store)
        self._box = box
        self._clock = clock
        self._trusted = clock_trusted
        self._zone = settings.store.zone
        self._recorder = Recorder(box, door, clock, retention=settings.data.retention, clock_trusted=clock_trusted)
        self._callers = {
            name: Caller(source, http, clock) for name, source in self._sources.items() if isinstance(source, Polled)
        }
        self.pollers = {
            name: self._poller(source, rng) for name, source in self._sources.items() if source.settings.poll
        }
        self._fetch = asyncio.Event()

    def _poller(self, source: Source, rng: random.Random) -> Poller:
        assert isinstance(source, Polled)
        assert source.settings.poll

        return Poller(
            source.name,
            source,
            Reader(source.name, source, self._callers[source.name], self._clock),
            self._box.notes,
            PollRecord(source, self._recorder, self._box),
            self._clock,
            rng,
            self._zone,
            every=source.settings.poll,
            history=source.looks_back,
            clock_trusted=self._trusted,
        )

    # ------------------------------------------------------------ webhooks

    def admit(self, hook: Hook) -> HookAnswer | None:
        """Whether it is vouched for. An answer: it only sets the webhook up, and means nothing more. Raises HookRefused, NotFound."""
        source = self._source(hook.source)
        greeting = source.greet(hook)
        if greeting is not None:
            return HookAnswer(body=greeting.answer, content_type=greeting.content_type)
        source.verify(hook)
        return None

    async def take(self, hook: Hook) -> HookAnswer:
        """All that one that was admitted means: on the disk, or kept for people to look at. Raises OutboxError."""
        source = self._source(hook.source)
        try:
            reading = self._read(source, body_of(hook.body, hook.headers), hook.now)
        except Unreadable as error:
            await self._keep(hook, str(error))
            return HookAnswer()
        unread: list[str] = []
        if reading.snapshots:
            unread += await self._told(source, reading.snapshots)
        more = await self._recorder.heard(source, reading.events)
        reasons = "; ".join((*reading.unread, *unread, *more))
        if reasons or reading.fetch:
            await self._keep(hook, reasons, fetches=bool(reading.fetch))
        return HookAnswer(body=reading.answer, content_type=reading.content_type)

    def _read(self, source: Source, body: Body, now: int) -> Reading:
        """Raises Unreadable, also for what a reader did not expect: the body is kept, and the log says where it failed."""
        try:
            return source.read(body, now=now)
        except Unreadable:
            raise
        except Exception as error:
            log.exception("reading a source failed inside", source=source.name)
            raise Unreadable(f"reading it failed inside: {type(error).__name__}") from error

    async def _told(self, source: Source, snapshots: Sequence[Snapshot]) -> Sequence[str]:
        """Take what it shows; what of that could not be understood. That an order is gone is looked up where the source is asked too,
        unless that is shut to us."""
        poller = self.pollers.get(source.name)
        gone = [one.id for one in snapshots if one.is_its_end] if poller and not poller.status.is_shut else []
        told = await self._recorder.tell(
            source, Reading(snapshots=tuple(one for one in snapshots if one.id not in gone))
        )
        if poller:
            poller.told([one.id for one in snapshots], gone=gone)
        return self._left(source, told.unread)

    def _left(self, source: Source, unread: Sequence[str]) -> Sequence[str]:
        """A part of an order that came before the order itself: where the shop is asked too, that brings both."""
        if not unread or source.name not in self.pollers:
            return unread
        self.pollers[source.name].wake.set()
        return ()

    async def _keep(self, hook: Hook, reason: str, *, fetches: bool = False) -> None:
        """What could not be understood (`reason`), or names records that are to be fetched."""
        if reason:
            log.warning("a webhook could not be understood; it is kept", source=hook.source, why=reason)
        await self._box.quarantine.keep(
            hook.source,
            self._source(hook.source).without_token(hook.body),
            headers=_kept(hook.headers),
            reason=reason or "what it names is being fetched",
            retry=fetches,
        )
        if fetches:
            self._fetch.set()

    # ------------------------------------------------------------ reading again

    async def reread(self, kept: Kept, *, actor: str = "") -> str:
        """Read what was kept once more; "" when all of it was understood (then it is closed), else why not.
        Raises NotFound, IllegalMove, OutboxError."""
        if kept.cut or kept.state != "waiting":
            raise IllegalMove(
                f"number {kept.seq} {'was too large to be kept whole' if kept.cut else f'is {kept.state}'}"
            )
        if kept.reason.startswith(POLLED):
            return (
                f"it was asked for, and has no body to read: `tether sources sync {kept.source} --since 3d` asks again, "
                f"`tether sources quarantine --drop {kept.seq}` closes this"
            )
        source = self._source(kept.source)
        retry = False
        try:
            reading = self._read(source, body_of(kept.body, kept.headers), kept.at)
            unread = list((await self._recorder.tell(source, reading, came=kept.at)).unread)
            if reading.fetch:
                missing, retry = await self._fetch_each(source, reading.fetch)
                unread += missing
        except Unreadable as error:
            unread = [str(error)]
        if unread:
            await self._box.quarantine.explain(kept.seq, "; ".join(unread), retry=retry)
        else:
            await self._box.quarantine.close(kept.seq, "done", actor=actor)
        return "; ".join(unread)

    async def _fetch_each(self, source: Source, records: Sequence[Record]) -> tuple[list[str], bool]:
        """What of them could not be had or understood, and whether to ask again. One that is gone costs only itself; where the line, the key or
        the sender's patience is at its end, the others are not asked for in vain."""
        missing: list[str] = []
        again = False
        for record in records:
            try:
                missing += await self._fetched(source, record)
            except Unreadable as error:
                missing.append(str(error))
            except Fault as fault:
                again = again or not fault.lasting or fault.status in OF_THE_KEY
                why = f"not fetched: {source.clean(str(fault))}"
                if fault.page or fault.status in _OF_ALL:
                    return [*missing, why], again
                missing.append(f"{record.kind} {record.id}: {why}")
        return missing, again

    async def _fetched(self, source: Source, record: Record) -> tuple[str, ...]:
        assert isinstance(source, Polled)
        response = await self._callers[source.name].call(lambda token: source.record_request(record, token))
        if not response.ok or response.is_page:
            raise fault_of(response, source.words(response))
        reading = source.read_record(response, record, now=self._clock.now())
        return (await self._recorder.tell(source, reading)).unread

    async def try_out(self, name: str, body: Body) -> Tried:
        """What a body would become; changes nothing. Orders are read as if nothing had been told of them before. Raises NotFound, Unreadable."""
        source, now = self._source(name), self._clock.now()
        reading = source.read(body, now=now)
        unread = list(reading.unread)
        posted: list[Posted] = []
        for snapshot in reading.snapshots:
            try:
                named = msgspec.structs.replace(snapshot, order=source.named_here(snapshot.order))
                if not named.order.ref:
                    named = await self._recorder.named(source, named)
                posted += [posted_news(name, one, now=now) for one in await self._all_of(source, named)]
            except Unreadable as error:
                unread.append(f"order {snapshot.id}: {error}")
        told: dict[str, list[Said]] = {}
        for heard in reading.events:
            try:
                event = msgspec.structs.replace(heard.event, order=source.named_here(heard.event.order))
                named_here = dated(msgspec.structs.replace(heard, event=event), now=now)
                less = await self._recorder.less_said(source, named_here, told)
                if less is not None:
                    posted.append(posted_heard(name, less, now=now, history=less.draft))
            except Unreadable as error:
                unread.append(f"event {heard.event.id}: {error}")
        known = [one.event.id for one in posted if await self._box.views.events(one.event.id, source=name)]
        fetch = [f"{record.kind} {record.id}" for record in reading.fetch]
        return Tried(events=posted, known=known, unread=unread, fetch=fetch, note=reading.note)

    async def _all_of(self, source: Source, snapshot: Snapshot) -> Sequence[News]:
        """What an order tells that is shown for the first time. Its end is told to nobody only where it was in fact never placed."""
        news = diff(snapshot, (), Sighting(horizon=0, moved=True))
        if any(one.type == PLACED for one in await self._box.replay.told(source.name, snapshot.id)):
            news = [msgspec.structs.replace(one, history=False) for one in news]
        return news

    # ------------------------------------------------------------ asking

    async def run(self, stop: asyncio.Event) -> None:
        """Ask all that are to be asked, and fetch what was named, until `stop`."""
        await self._begin()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(poller.run(stop), name=f"poller of {name}") for name, poller in self.pollers.items()
            ]
            tasks.append(group.create_task(self._fetching(stop), name="fetching records"))
            await stop.wait()
            for task in tasks:
                task.cancel()

    async def _begin(self) -> None:
        """From now on what the sources tell is news."""
        try:
            for name in self._sources:
                await self._recorder.born(name)
        except OutboxError as error:
            log.warning("when the sources began can't be noted at present", why=str(error))

    async def _fetching(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self._fetch.clear()
            try:
                await self._fetch_all()
            except OutboxError as error:
                log.warning("records that webhooks named can't be taken at present", why=str(error))
            await self._clock.wait(self._fetch, RETRY_EVERY)

    async def _fetch_all(self) -> None:
        """Each once: those that can't be had keep no later one waiting."""
        after = 0
        while found := await self._box.quarantine.retries(limit=RETRIES, after=after):
            for kept in found:
                await self._fetch_again(kept)
            after = found[-1].seq

    async def _fetch_again(self, kept: Kept) -> None:
        try:
            reason = await self.reread(kept)
        except (NotFound, IllegalMove) as error:
            reason = str(error)
            await self._box.quarantine.explain(kept.seq, reason)
        if reason not in ("", kept.reason):
            log.warning("a record that a webhook named is not there yet", source=kept.source, why=reason)

    def rows(self) -> list[SourceRow]:
        """All sources, and how it goes with each."""
        return [row_of(source, self.pollers.get(name), self._clock.now()) for name, source in self._sources.items()]

    async def sync(self, name: str, since: int | None) -> SourceRow:
        """Ask it now, from that moment (ms) on, and wait a while for the answer. Raises NotFound, IllegalMove."""
        source = self._source(name)
        if name not in self.pollers:
            raise IllegalMove(f'{name} is not asked, it tells by webhook: give [sources.{name}] a poll = "60s"')
        await self._clock.wait(self.pollers[name].sync(since), SYNC_WAIT)
        return row_of(source, self.pollers[name], self._clock.now())

    def _source(self, name: str) -> Source:
        if name not in self._sources:
            near = did_you_mean(name, self._sources)
            raise NotFound(f"no source {name!r}{near or f': add a [sources.{name}] table to tether.toml'}")
        return self._sources[name]


def body_of(raw: bytes, headers: Mapping[str, str]) -> Body:
    """What is read of it. Header names are in lower case."""
    known = ("content-type", "x-wc-webhook-topic", "webhook-id")
    return Body(raw, *(headers.get(name, "") for name in known))


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: headers[name][:200] for name in _KEPT_HEADERS if name in headers}
