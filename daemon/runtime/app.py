"""The composition root: opens what the service holds, in order, runs it, and closes it in the reverse order.

outbox > http session > engine (a new one after each reload) > listeners
"""

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from daemon import VERSION
from daemon.api.plumbing.guards import Guards
from daemon.api.plumbing.services import Services
from daemon.api.schema.upkeep import KnownCopies
from daemon.channels.base import Channel, Outgoing
from daemon.config import ConfigError, Settings, as_published
from daemon.dispatch.delivery import at_once
from daemon.dispatch.recorded import recorded
from daemon.engine import Engine
from daemon.http import Http, open_http
from daemon.keys.digests import BoxKeys
from daemon.keys.keyring import keyring
from daemon.planner.identity import StoreIdentities
from daemon.runtime.clockwatch import ClockWatch
from daemon.runtime.housekeeping import Housekeeping
from daemon.runtime.listeners import absent_address, listening, unix_door
from daemon.runtime.logs import configure_logs
from daemon.runtime.notify import Notifier, given_time
from daemon.runtime.signals import heed_signals
from daemon.runtime.verify import usable, verify
from daemon.runtime.vigil import Vigil, pick_up
from daemon.supervise import AGAIN, end_within, first_of, supervised
from daemon.upkeep import recovery_note
from daemon.upkeep.copies import copies
from daemon.upkeep.heads import RecordHeads
from daemon.upkeep.heartbeat import Heartbeat
from daemon.upkeep.messenger import Messenger
from daemon.upkeep.record_mail import RecordMail
from daemon.upkeep.recover import look, make_sound, mark_damaged, record
from daemon.upkeep.trouble import TroubleWatch
from outbox import Outbox
from outbox.clock import Clock, SystemClock
from outbox.errors import OutboxError, StorageBusy, StorageDamaged, StorageFull, StorageLost
from outbox.outcome import Outcome

if TYPE_CHECKING:
    from daemon.fleet.part import FleetPart

log = structlog.get_logger(__name__)

END_SECONDS = 30.0
"""How long an engine may take to end, and all else hardly longer: with what the doors take, less than systemd's TimeoutStopSec."""


class Service:
    """A Tether with its outbox open. `run` works until `stop`; `reload` puts a new configuration in force."""

    def __init__(
        self,
        settings: Settings,
        box: Outbox,
        http: Http,
        clock: Clock,
        rng: random.Random,
        reread: Callable[[], Settings],
        *,
        newest_record: int,
    ) -> None:
        self.settings = settings
        self.box = box
        self.http = http
        self.clock = clock
        self.rng = rng
        self.stop = asyncio.Event()
        self.watch = ClockWatch(
            clock,
            newest_record=newest_record,
            require_sync=settings.clock.require_sync,
            on_step=self._clock_stepped,
        )
        self.heads = RecordHeads(box, lambda: self.settings, clock)
        self._next: Engine | None = None
        self.fleet = _fleet_part(self)
        self._reread = reread
        self.damage: OutboxError | None = None
        """What was found wrong with the database while it was in use: the service stops for it, and the next start mends it."""
        box.when_damaged(self._found_damage)
        http.on_date = self.watch.heard
        self._change = asyncio.Event()
        self.engine = self._make_engine(settings)
        self.messenger = Messenger(lambda: self.settings, self._channel, clock, self._text)
        self.trouble = self._trouble_watch()
        self.services = self._make_services()

    def _make_engine(self, settings: Settings) -> Engine:
        """Raises ConfigError for what can't be used."""
        verify(settings)
        fleet = self.fleet
        return Engine(
            settings,
            self.box,
            self.http,
            self.clock,
            self.rng,
            clock_trusted=self.watch.trusted,
            clock_sure=self.watch.sure,
            hold=at_once if fleet is None else fleet.hold,
            on_line_up=(lambda: None) if fleet is None else fleet.line_is_up,
        )

    def _make_services(self) -> Services:
        return Services(
            box=self.box,
            engine=self.engine,
            clock=self.clock,
            rng=self.rng,
            version=VERSION,
            clock_trusted=self.watch.trusted,
            reload=lambda actor: self.reload(actor=actor),
            vitals=self.trouble.vitals,
            seen=self._recovery_seen,
            copies=self.copies,
            fleet=None if self.fleet is None else self.fleet.status,
        )

    @property
    def latest(self) -> Settings:
        """In force, or about to be."""
        return self.settings if self._next is None else self._next.settings

    async def reload(self, *, actor: str) -> None:
        """Read the configuration anew, check it whole, and put it in force: what is asked from now on is answered by the new engine, and it
        sends as soon as what the old one had under way has ended. Raises ConfigError; then nothing has changed."""
        settings = usable(self._reread())
        for name in ("data", "hook", "fleet"):
            if getattr(settings, name) != getattr(self.settings, name):
                raise ConfigError(f"[{name}] is read at the start only: restart the service for it")
        await self._put_in_force(settings, actor)

    async def take_bundle(self) -> Path | None:
        """What headquarters published has changed on the disk, and nothing else is read: the bundle that counts now. Raises ConfigError."""
        settings = usable(as_published(self.latest))
        await self._put_in_force(settings, "headquarters")
        return settings.bundle

    async def _put_in_force(self, settings: Settings, actor: str) -> None:
        fresh = self._make_engine(settings)
        before = {f"BEFORE_{name}": value for name, value in self.settings.secrets.items()}
        configure_logs(settings.log.level, settings.log.format, secrets={**before, **settings.secrets})
        self._next = self.services.engine = fresh
        self._change.set()
        try:
            await self.box.audit.append("config.loaded", actor=actor)
        except (StorageBusy, StorageFull) as error:
            log.error("that a configuration was loaded can't be put on record", actor=actor, error=str(error))

    async def copies(self) -> KnownCopies:
        """Copies of the database from before, and until when they are kept."""
        return await copies(self.settings, self.clock, [one.at for one in await self.box.people.forgettings()])

    async def run(self, notifier: Notifier, *, ready: Callable[[], None], news: Sequence[str] = ()) -> None:
        """Dispatch, watch the clock, keep house, until `stop` is set and all have ended or are called off. `news`: what the team should hear."""
        housekeeping = Housekeeping(
            self.box,
            lambda: self.settings,
            self.clock,
            self.watch.sure,
            lambda: 0 if self.fleet is None else self.fleet.link.archived,
        )
        trouble = self.trouble
        trouble.news += news
        heartbeat = Heartbeat(
            self.http, self.clock, lambda: self.settings, lambda: trouble.standing, self.heads.going_out
        )
        vigil = Vigil(self.box, self.clock, trouble.tell_now, self._lost)
        mail = RecordMail(self.clock, lambda: self.settings, self.heads.told, self.messenger.mail, self.box.notes)
        works: dict[str, Coroutine[Any, Any, None]] = {
            "engines": self._engines(),
            "clock": self.watch.run(self.stop),
            "housekeeping": housekeeping.run(self.stop),
            "trouble": trouble.run(self.stop),
            "vigil": vigil.run(self.stop),
            "index of people": self._index_people(),
            "heartbeat": heartbeat.run(self.stop),
            "record mail": mail.run(self.stop),
        }
        if self.fleet is not None:
            works["fleet"] = self.fleet.run(self.stop)
        if notifier.watchdog_seconds:
            works["watchdog"] = self._tell_systemd(notifier, notifier.watchdog_seconds / 2)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work, name=name) for name, work in works.items()]
            ready()
            await self.stop.wait()
            notifier.stopping()
            await end_within(END_SECONDS + AGAIN, tasks)  # the engine is called off first, by its own bound

    async def _engines(self) -> None:
        while not self.stop.is_set():
            self._change.clear()
            ended = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                running = group.create_task(self.engine.run(ended), name="engine")
                await first_of(self.stop, self._change)
                ended.set()
                if not (await asyncio.wait({running}, timeout=END_SECONDS))[0]:
                    log.error("the engine did not end in time; what it had under way is looked up at the next start")
                    running.cancel()
            if self._next is not None and not self.stop.is_set():
                self._next.continues(self.engine)
                self.engine, self._next = self._next, None
                self.settings = self.engine.settings
                self.watch.require_sync = self.settings.clock.require_sync
                self.box.know_by(StoreIdentities(self.settings.store.country))
                configure_logs(self.settings.log.level, self.settings.log.format, secrets=self.settings.secrets)
                log.info("the new configuration is in force")

    async def _index_people(self) -> None:
        """What an earlier release kept is put into the index; with all done, as ever but once, this ends at once."""
        weather = (StorageBusy, StorageFull)
        await supervised("index of people", self.box.people.index, clock=self.clock, stop=self.stop, weather=weather)

    def _trouble_watch(self) -> TroubleWatch:
        return TroubleWatch(
            self.box,
            self.clock,
            lambda: self.settings,
            lambda: self.engine.board,
            self.messenger.tell,
            self.watch.trouble,
            lambda: self.services.hook_trouble or absent_address(self.settings.hook),
            lambda: self.engine.intake.rows(),
            lambda: self.engine.sms.trouble(self.clock.now()),
            lambda: {} if self.fleet is None else self.fleet.trouble(),
        )

    async def _text(self, channel: Channel, out: Outgoing) -> Outcome | None:
        return await self.engine.board.word(channel.name, out)

    def _channel(self, name: str) -> Channel | None:
        lane = self.engine.lanes.get(name)
        return None if lane is None else lane.channel

    async def _recovery_seen(self, actor: str) -> bool:
        was_there = await asyncio.to_thread(recovery_note.seen, self.box.path)
        if was_there:
            await self.box.audit.append("database.recovery_seen", actor=actor)
        return was_there

    def _found_damage(self, error: StorageDamaged) -> None:
        log.error("the database is damaged; stopping, so that the next start repairs it", error=str(error))
        mark_damaged(self.box.path)
        self.damage = error
        self.stop.set()

    def _lost(self, error: StorageLost) -> None:
        self.damage = error
        self.stop.set()

    async def _clock_stepped(self, seconds: float) -> None:
        log.warning("the wall clock was stepped", seconds=round(seconds, 3), trusted=self.watch.trusted())
        self.box.spool.source_clocks.forget()
        await self.box.spool.shift(round(seconds * 1000))
        stepped = partial(self.box.audit.append, "clock.stepped", detail={"seconds": round(seconds, 3)})
        await recorded(stepped, self.clock)
        await self.engine.clock_stepped()

    async def _tell_systemd(self, notifier: Notifier, every: float) -> None:
        """Only a service whose store answers and whose loop turns counts as alive."""
        while not await self.clock.wait(self.stop, every):
            try:
                await self.box.views.newest()
            except (StorageBusy, StorageFull) as error:
                log.error("the database does not answer; systemd does not hear that all is well", error=str(error))
                continue
            if self.box.stalled_for() < every:
                notifier.alive()


def _fleet_part(service: Service) -> "FleetPart | None":
    """The line to headquarters; a store without `[fleet]` imports nothing of it."""
    if not service.settings.fleet.store:
        return None
    from daemon.fleet.feed import Costs
    from daemon.fleet.part import FleetPart
    from daemon.runtime.checkup import checkup
    from daemon.runtime.trial import trial

    return FleetPart(
        lambda: service.latest,
        service.box,
        service.clock,
        service.rng,
        trusted=service.watch.trusted,
        release=VERSION,
        board=lambda: service.engine.board,
        head=service.heads.going_out,
        put_in_force=service.take_bundle,
        trial=trial,
        doctor=lambda: checkup(service.settings.file),
        costs=Costs(
            lambda: [name for name, lane in service.engine.lanes.items() if lane.medium == "sms"],
            lambda text: service.engine.sms.estimate(text.channel, text.to, text.text),
        ),
    )


@asynccontextmanager
async def open_service(
    settings: Settings, *, clock: Clock, rng: random.Random, reread: Callable[[], Settings]
) -> AsyncIterator[Service]:
    """Open the outbox (its one owner: AlreadyRunning if there is another) and build the rest on it. Damage that is met at that is for the
    next start to mend."""
    async with AsyncExitStack() as stack:
        try:
            box = await stack.enter_async_context(
                Outbox.open(
                    settings.database,
                    clock=clock,
                    rng=rng,
                    keys=BoxKeys(settings),
                    identities=StoreIdentities(settings.store.country),
                    reserve=settings.data.reserve,
                )
            )
            newest = await box.newest_record()
        except StorageDamaged:
            mark_damaged(settings.database)
            raise
        http = await stack.enter_async_context(open_http(clock))
        yield Service(settings, box, http, clock, rng, reread, newest_record=newest)


@asynccontextmanager
async def open_offline(settings: Settings) -> AsyncIterator[Path]:
    """The HTTP face on a stopped service's database, on a socket of this process's own: nothing is dispatched, and what a start would have to
    mend is not opened. Raises StorageDamaged then."""
    verify(settings)
    clock = SystemClock()
    await look(settings.database, clock)
    async with open_service(settings, clock=clock, rng=random.SystemRandom(), reread=lambda: settings) as service:
        with tempfile.TemporaryDirectory(prefix="tether-") as folder:
            socket = Path(folder) / "tether.sock"
            async with unix_door(service.services, Guards(service.clock), socket):
                yield socket


async def serve(
    settings: Settings,
    reread: Callable[[], Settings],
    *,
    clock: Clock,
    rng: random.Random,
    ready: Callable[[str], None],
) -> None:
    """Run the service until SIGTERM or SIGINT. SIGHUP reloads. `ready` is told the hook's URL once events are taken."""
    settings = usable(settings)
    notifier = Notifier(clock)
    with given_time(notifier, clock) as started:
        await make_sound(settings.database, clock)
        note = await asyncio.to_thread(recovery_note.unseen, settings.database)
        async with open_service(settings, clock=clock, rng=rng, reread=reread) as service:
            if note is not None:
                log.warning(
                    "a damaged database was recovered, and staff have not said that they know",
                    what=note.words,
                )
                if not note.is_recorded:
                    await record(service.box, note.recovered, keyring(settings).own, clock)
            news = [] if note is None else [note.words]
            if lost := pick_up(settings.database):
                await service.box.audit.append("database.lost", detail={"what": lost})
                news.append(lost)
            await service.box.audit.append("service.started", detail={"config": str(settings.file or "")})
            async with (
                listening(
                    service.services, settings.socket, folder=settings.folder, unattended=notifier.is_heard
                ) as url,
                asyncio.TaskGroup() as group,
            ):
                heed_signals(service, notifier, group)

                def announce() -> None:
                    started()
                    log.info("taking events", url=url, database=str(settings.database))
                    notifier.ready(f"taking events at {url}")
                    ready(url)

                await service.run(notifier, ready=announce, news=news)
            if service.damage is not None:
                raise service.damage
            await service.box.audit.append("service.stopped")
