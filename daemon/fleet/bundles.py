"""A store's side of what headquarters publishes: the nearest group's bundle is verified, tried, put in force in one rename, and watched for a
while. Whatever goes wrong, what was in force stays so, and headquarters is told why.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec
import structlog

from daemon.config import ConfigError, Settings, bundle_in_force
from daemon.fleet.bundle import BadBundle, Manifest, least_release, read, unpack
from daemon.fleet.bundle_store import BundleStore
from outbox import Outbox
from outbox.clock import Clock
from outbox.errors import StorageBusy, StorageFull

log = structlog.get_logger(__name__)

NOTE = "fleet.bundles"
PROBATION_SECONDS = 300.0
WATCH_SECONDS = 5.0
TRIES, STARTS = 2, 3
"""How often a check may be cut off, and the service begin anew with a bundle on probation, before that bundle is to blame."""
BEFORE_MS = 86_400_000
"""A text that failed within so long before a bundle is not the bundle's fault."""
LONGEST = 500

Trial = Callable[[Settings, Path], Awaitable[Sequence[str]]]
"""What a bundle would put wrong at this store; () for nothing."""
Offer = tuple[str, bytes | None]
"""A group, and what the fleet keeps of it."""


class Probation(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle that was put in force lately. Times in ms."""

    name: str
    before: str
    since: int
    until: int
    starts: int = 0


class Memory(msgspec.Struct):
    """What must be known after a restart. `seen`: the newest version of each group that bore the publisher's signature. `publisher`: whose."""

    publisher: str = ""
    seen: dict[str, int] = {}
    refused: dict[str, str] = {}
    """Bundles that were taken back, and why."""
    trying: dict[str, int] = {}
    probation: Probation | None = None


class Bundles:
    """`offer` hands over what the line brought; `run` does the rest until `stop`."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        box: Outbox,
        clock: Clock,
        *,
        release: str,
        put_in_force: Callable[[], Awaitable[Path | None]],
        trial: Trial,
        on_change: Callable[[], None],
    ) -> None:
        """`put_in_force` has what lies on the disk count, beneath the configuration in force; the bundle that counts then. Raises ConfigError."""
        self._settings = settings
        self._box = box
        self._clock = clock
        self._release = release
        self._put_in_force = put_in_force
        self._on_change = on_change
        self._trial = trial
        self._store = BundleStore(settings().database)
        self._memory = Memory()
        self._tried: dict[str, str] = {}
        """What was refused, and why, with the store's own configuration as it was read last."""
        self._own = _alone(settings())
        self._offers: Sequence[Offer] = ()
        self._news = asyncio.Event()
        self._has_begun = False
        self.name = ""
        self.problem = ""

    def offer(self, offers: Sequence[Offer]) -> None:
        """The nearest group first."""
        self._offers = offers
        self._news.set()

    async def run(self, stop: asyncio.Event) -> None:
        if not self._settings().fleet.bundles:
            return
        try:
            if not self._has_begun:
                await self.begin()
            while not stop.is_set():
                await self._clock.wait(self._news, WATCH_SECONDS)
                if self._news.is_set():
                    self._news.clear()
                    await self.look()
                await self.watch()
        except (StorageBusy, StorageFull, OSError) as error:
            self._say(f"bundles can't be kept on this box: {error}")
            if self._offers:
                self._news.set()  # nobody brings them again
            raise

    async def begin(self) -> None:
        """What was known before the service's last stop."""
        noted = await self._box.notes.get(NOTE)
        try:
            self._memory = msgspec.json.decode(noted or "{}", type=Memory)
        except msgspec.MsgspecError:
            log.warning("what is noted of bundles can't be read; it is made anew")
        if (current := self._store.current()) is not None:
            self._tell(current, "")
        probation = self._memory.probation
        if probation is not None and (why := self._memory.refused.get(probation.name)):
            await self._take_back(why)
        elif probation is not None:
            self._memory.probation = msgspec.structs.replace(probation, starts=probation.starts + 1)
            await self._note()
            if probation.starts + 1 >= STARTS:
                await self._take_back(f"the service began {STARTS} times anew with it")
        self._has_begun = True

    # ------------------------------------------------------------ what the line brought

    async def look(self) -> None:
        """Do what the last offer comes to."""
        await self._part_with_another()
        current = self._store.current()
        for group, body in self._offers:
            if body is None:
                if current is not None and current.group == group:
                    return
                continue
            try:
                manifest, raw = await self._read(group, body)
            except BadBundle as error:
                await self._go_without(f"{group}: {error}", current)
                return
            if manifest.withdrawn:
                continue
            await self._wants(manifest, raw, current)
            return
        self._say("" if current is None else await self._leave(current))

    async def _part_with_another(self) -> None:
        """This store came from another fleet: what its publisher signed counts no more, and its numbers mean nothing here. A publisher that
        is not set is no other: an old bundle would pass for news once it is set again."""
        publisher, was = self._settings().fleet.publisher, self._memory.publisher
        if not publisher or was == publisher:
            return
        if was:
            if (current := self._store.current()) is not None:
                self._say(await self._leave(current))
            self._memory = Memory()
        self._memory.publisher = publisher
        await self._note()

    async def _read(self, group: str, body: bytes) -> tuple[Manifest, bytes]:
        """The newest word on that group, which no older one follows from now on. Raises BadBundle."""
        manifest, raw = read(body, self._settings().fleet.publisher)
        if manifest.group != group:
            raise BadBundle(f"{manifest.name} is not meant for this group")
        if (seen := self._memory.seen.get(group, 0)) > manifest.version:
            raise BadBundle(f"{manifest.name} is older than {group}/{seen}, which was published here before")
        if not least_release(manifest.release, self._release):
            raise BadBundle(
                f"{manifest.name} needs Tether {manifest.release}, and this store has {self._release}: upgrade it"
            )
        if manifest.version > seen:
            self._memory.seen[group] = manifest.version
            await self._note()
        return manifest, raw

    async def _is_withdrawn(self, bundle: Manifest) -> bool:
        """Whether its group has none any more, whatever nearer and wider ones have."""
        body = dict(self._offers).get(bundle.group)
        if body is None:
            return False
        try:
            newest, _ = await self._read(bundle.group, body)
        except BadBundle:
            return False
        return newest.withdrawn

    async def _go_without(self, problem: str, current: Manifest | None) -> None:
        """What should be in force can't be. What is stays so, unless it was withdrawn."""
        if current is not None and await self._is_withdrawn(current) and (why := await self._leave(current)):
            problem = f"{problem}; {why}"
        self._say(problem)

    async def _wants(self, manifest: Manifest, raw: bytes, current: Manifest | None) -> None:
        name = manifest.name
        if current is not None and current.name == name:
            problem = ""
            if current.digest != manifest.digest:
                problem = f"{name}: another one of that number is in force here: publish it once more"
            self._tell(current, problem)
            return
        why = self._memory.refused.get(name) or self._tried.get(name)
        if why is None and self._memory.trying.get(name, 0) >= TRIES:
            why = f"the service was cut off {TRIES} times while it tried it"
        if why is None:
            before = "" if current is None or await self._is_withdrawn(current) else current.name
            why = await self._take(manifest, raw, before)
        if why:
            self._tried = {name: why}
            await self._go_without(f"{name}: {why}", current)

    async def _take(self, manifest: Manifest, raw: bytes, before: str) -> str:
        """Why not; "" once it is in force."""
        name = manifest.name
        try:
            files = unpack(raw)
        except BadBundle as error:
            return str(error)
        self._memory.trying = {name: self._memory.trying.get(name, 0) + 1}
        await self._note()
        try:
            place = await asyncio.to_thread(self._store.put, manifest, files)
            wrong = await self._trial(self._settings(), place)
        finally:
            self._memory.trying = {}  # whatever failed here, the service was not cut off
        if wrong:
            await self._note()
            return "; ".join(wrong)
        now = self._clock.now()
        until = now + round(PROBATION_SECONDS * 1000)
        self._memory.probation = Probation(name=name, before=before, since=now, until=until)
        await self._note()
        if why := await self._switch(place):
            await self._switch(self._store.place_of(before))
            self._memory.probation = None
            await self._note()
            return why
        await self._box.audit.append(
            "bundle.applied", detail={"bundle": name, "digest": manifest.digest, "before": before}
        )
        log.info("what headquarters published is in force", bundle=name)
        self.name = name
        await asyncio.to_thread(self._store.clear, {name, before})
        self._say("")
        return ""

    async def _switch(self, place: Path | None) -> str:
        """Why what is there now does not count; "" if it does."""
        await asyncio.to_thread(self._store.switch, place)
        try:
            took = await self._put_in_force()
        except ConfigError as error:
            return str(error)
        if took != (None if place is None else place.resolve()):
            return "this store's own configuration leaves it out"
        return ""

    async def _leave(self, current: Manifest) -> str:
        """None of headquarters' is in force any more. Why that can't be; "" once it is so."""
        if why := await self._switch(None):
            return f"{current.name} was withdrawn, and can't be left: {why}"
        await self._box.audit.append("bundle.withdrawn", detail={"bundle": current.name})
        self._memory.probation = None
        await self._note()
        self.name = ""
        self._on_change()
        return ""

    # ------------------------------------------------------------ afterwards

    async def watch(self) -> None:
        """See what a reload made of what is in force, and whether what was put in force lately does well."""
        if (current := self._store.current()) is not None:
            self._tell(current, "" if self.problem == _left_out(current) else self.problem)
        if (own := _alone(self._settings())) is not self._own:
            self._own = own
            if self._tried:
                self._tried = {}
                self._news.set()
        probation = self._memory.probation
        if probation is None:
            return
        broken = await self._box.fleet.broken_texts(probation.since, probation.since - BEFORE_MS)
        if broken:
            await self._take_back(f"messages failed for texts that worked before: {', '.join(broken)}")
        elif self._clock.now() >= probation.until or probation.since > self._clock.now():
            self._memory.probation = None
            await self._note()

    async def _take_back(self, why: str) -> None:
        """What was in force before is again. Cut off anywhere, it is done again at the next start: probation ends with it."""
        probation = self._memory.probation
        if probation is None:
            return
        self._memory.refused = {probation.name: why}
        await self._note()
        before = self._store.place_of(probation.before)
        if trouble := await self._switch(before):
            why = f"{why}; what was before is not back: {trouble}"
        self._memory.probation = None
        await self._note()
        await self._box.audit.append(
            "bundle.taken_back", detail={"bundle": probation.name, "why": why, "now": probation.before}
        )
        self.name = probation.before if before is not None else ""
        self._say(f"{probation.name}: {why}")

    def _tell(self, current: Manifest, problem: str) -> None:
        """What lies there counts as long as the store can be run with it: the owner's reload may leave it out, and take it up again. `problem`:
        what else is wrong."""
        settings = self._settings()
        counts = settings.bundle == bundle_in_force(settings)
        name, problem = (current.name, problem) if counts else ("", problem or _left_out(current))
        if (name, problem) != (self.name, self.problem):
            self.name = name
            self._say(problem)

    def _say(self, problem: str) -> None:
        problem = problem[:LONGEST]
        if problem and problem != self.problem:
            log.warning("what headquarters published is not in force", reason=problem)
        self.problem = problem
        self._on_change()

    async def _note(self) -> None:
        await self._box.notes.set(NOTE, msgspec.json.encode(self._memory).decode())


def _alone(settings: Settings) -> Settings:
    """As the store itself would have it: another one after each reload, whatever headquarters published."""
    return settings.alone or settings


def _left_out(bundle: Manifest) -> str:
    return f"{bundle.name} can't be used with this store's own tether.toml any more, and is left out: tether doctor says why"
