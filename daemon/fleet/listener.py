"""What headquarters tells one store: its mark (how far the record is archived, and what else only this store needs to know), and the bundles of
its groups. The mark says of both when there is news; each is believed as far as it proves itself."""

import contextlib
from collections.abc import Callable, Sequence

import structlog

from daemon.fleet.claim import groups_of, renews
from daemon.fleet.consent import ConsentShare
from daemon.fleet.feed import AFTER_FORK, Feed
from daemon.fleet.membership import Membership, unsealed
from daemon.fleet.nats_connection import SILENT_SECONDS, NatsConnection
from daemon.fleet.wire import Garbled, Mark, pack, unpack
from outbox import Outbox
from outbox.clock import Clock

log = structlog.get_logger(__name__)

NOTE_SECONDS = 300.0
MARK_SECONDS = 5.0
"""Between two looks for a mark that somebody says is there: whoever is of the fleet can say so."""
BUNDLES_FIRST, BUNDLES_LONGEST = 120.0, 1800.0
"""From one asking for bundles that did not come whole to the next, at first and in the end: nothing else is heard meanwhile, and lines have quotas."""
MARK_NOTE, STREAM_NOTE, CLAIM_NOTE, FORK_NOTE = "fleet.mark", "fleet.consent", "fleet.claim", "fleet.forked"

Offers = Sequence[tuple[str, bytes | None]]
"""The groups whose bundles are for this store, the nearest first, each with what the fleet keeps of it."""


class Listener:
    """`on_bundles` None: this store wants none."""

    def __init__(
        self,
        membership: Membership,
        box: Outbox,
        clock: Clock,
        feed: Feed,
        consent: ConsentShare,
        *,
        on_bundles: Callable[[Offers], None] | None,
        on_commands: Callable[[str], None],
    ) -> None:
        self._me = membership
        self._box = box
        self._clock = clock
        self._feed = feed
        self._consent = consent
        self._on_bundles = on_bundles
        self._on_commands = on_commands
        self._mark: Mark | None = None
        self._noted: Mark | None = None
        self._noted_at = clock.monotonic()
        self._fetched: dict[str, int] | None = None
        """What the mark said of bundles when they were fetched; None: they are to be fetched, on a connection that was just made."""
        self._tried: dict[str, int] = {}
        """What the mark said of bundles when they were asked for."""
        self._fetch_at, self._fetch_wait = float("-inf"), BUNDLES_FIRST
        self._groups: Sequence[str] = ()
        self.claim = membership.claim
        """The newest of HQ's words on what this box's key may do."""
        self._left_out = ""
        """The claim that was said to be left out: the next marks have it too."""
        self._forked_as = ""
        """The public key as which this box found that there is another; "" while there is none."""
        self.heard_at: int | None = None
        self._is_news = False
        """Somebody says that there is another mark than the one we have."""
        self._asked_at = float("-inf")

    async def recall(self) -> None:
        """What the last run learned from HQ; nothing where there was none."""
        self._forked_as = await self._box.notes.get(FORK_NOTE) or ""
        renewed = await self._box.notes.get(CLAIM_NOTE)
        if renewed and renews(renewed, self._me.claim, self._me.claim):
            self.claim = renewed
        self._consent.stream = await self._box.notes.get(STREAM_NOTE) or ""
        with contextlib.suppress(Garbled):
            self._mark = self._noted = unpack((await self._box.notes.get(MARK_NOTE) or "").encode(), Mark)
            await self._feed.begin(self._mark)

    async def begin(self, nats: NatsConnection, wake: Callable[[], None]) -> None:
        """On a connection that was just made."""

        def poked() -> None:
            self._is_news = True
            wake()

        self._groups = () if self._on_bundles is None else groups_of(self.claim, self._me.store)
        self._fetched = None
        await nats.listen(f"mark.{self._me.store}", lambda message: poked())
        await self.ask_for_mark(nats)
        await self._feed.begin(self._mark)

    @property
    def due(self) -> float:
        """When (monotonic) to ask for the mark because of what was heard; infinite: nothing was."""
        return self._asked_at + MARK_SECONDS if self._is_news else float("inf")

    async def ask_for_mark(self, nats: NatsConnection) -> None:
        self._is_news, self._asked_at = False, self._clock.monotonic()
        stored = await nats.newest("MARK", f"mark.{self._me.store}")
        if stored is None:
            return
        try:
            mark = unpack(stored.body, Mark)
        except Garbled as error:
            # Not away: opt-outs are heard all the same. HQ writes over it as soon as it has more of us.
            log.warning("headquarters' mark can't be read; the one before counts", reason=str(error))
            return
        self.heard_at = self._clock.now()
        was, self._mark = self._mark, mark
        await self._feed.take(mark)
        await self._part(mark)
        if was and mark.again != was.again:
            self._feed.again()
        await self._take_stream(mark)
        await self._take_keys(mark)
        await self._take_claim(mark)
        self._on_commands(mark.commands)

    async def fetch_bundles(self, nats: NatsConnection) -> None:
        """All of what the fleet keeps for this store's groups, when one of them may be news. Raises NatsAway; the same are asked for ever more
        seldom then."""
        told = dict(self._mark.bundles) if self._mark else {}
        if told != self._tried:
            self._tried, self._fetch_at, self._fetch_wait = told, float("-inf"), BUNDLES_FIRST
        now = self._clock.monotonic()
        if self._on_bundles is None or self._fetched == told or now < self._fetch_at:
            return
        self._fetch_at, self._fetch_wait = now + self._fetch_wait, min(2 * self._fetch_wait, BUNDLES_LONGEST)
        offers = []
        for group in self._groups:
            stored = await nats.newest("BUNDLE", f"bundle.{group}", timeout=SILENT_SECONDS)
            offers.append((group, None if stored is None else stored.body))
        self._fetched, self._fetch_at, self._fetch_wait = told, float("-inf"), BUNDLES_FIRST
        self._on_bundles(offers)

    async def note(self) -> None:
        """How far HQ has us, for the next start and for pruning: seldom, since the card wears."""
        now, mark = self._clock.monotonic(), self._mark
        if mark is not None and mark != self._noted and now - self._noted_at >= NOTE_SECONDS:
            await self._box.notes.set(MARK_NOTE, pack(mark).decode())
            self._noted, self._noted_at = mark, now

    async def _part(self, mark: Mark) -> None:
        """A box that joins anew after a fork is the store, and the other is out: from here on its record is another history than that which
        headquarters has of both."""
        own = self._me.key.public if self._feed.is_forked else ""
        if own == self._forked_as:
            return
        if own and self._forked_as:
            await self._box.audit.begin_epoch(AFTER_FORK)
            await self._feed.begin(mark)
            own = ""
        await self._box.notes.set(FORK_NOTE, own)
        self._forked_as = own

    async def _take_stream(self, mark: Mark) -> None:
        """A new stream of consent numbers from the start: all is heard and told once more."""
        if not mark.consent or not self._me.shares_optouts:
            return
        self._consent.stream = mark.consent
        known = await self._box.notes.get(STREAM_NOTE)
        if known != mark.consent:
            if known is not None:
                await self._consent.start_over()
            await self._box.notes.set(STREAM_NOTE, mark.consent)

    async def _take_keys(self, mark: Mark) -> None:
        fresh = [kid for kid in mark.keys if kid not in self._box.fleet.kids]
        if not fresh or not self._me.shares_optouts:
            return
        opened = unsealed(self._me, {kid: mark.keys[kid] for kid in fresh})
        for kid in opened:
            await self._box.fleet.keep_key(kid, mark.keys[kid].encode())
        await self._box.fleet.use_keys({**self._box.fleet.keys, **opened})

    async def _take_claim(self, mark: Mark) -> None:
        if not mark.claim or mark.claim == self.claim:
            return
        if renews(mark.claim, self._me.claim, self.claim):
            await self._box.notes.set(CLAIM_NOTE, mark.claim)
            self.claim = mark.claim
        elif mark.claim != self._left_out:
            self._left_out = mark.claim
            log.warning(
                "a renewed claim that headquarters did not sign for this box, or before the one it has, is left out"
            )
