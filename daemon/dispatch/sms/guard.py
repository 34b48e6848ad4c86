"""The last look at a text message before it is put on record as leaving: may it go there, is it fraud, can the day afford it?

What is not allowed to go there goes to its next channel. What the day can't afford goes by another medium, or waits for the store's
midnight. What looks like pumping is held until staff let it go.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Decimal

import msgspec
import structlog

from daemon.channels.base import Outgoing
from daemon.channels.registry import CHANNELS, channel_class
from daemon.config import ConfigError, Settings
from daemon.dispatch.fallback import next_via_index
from daemon.dispatch.limits import midnight_after
from daemon.dispatch.prepare import PassOver
from daemon.dispatch.sms.pumping import WINDOW_MS, Pumping, block_of
from daemon.dispatch.sms.spending import Spending, Spent
from daemon.dispatch.sms.tariff import ELSEWHERE, Tariff
from daemon.dispatch.unqueued import Unqueued
from daemon.planner.rules.destination import countries_of, destination, refusal
from daemon.planner.sms_text import measure
from outbox import Outbox
from outbox.model import Medium, Message, State, Transition
from outbox.reasons import Reason

LOOKS_LIKE_FRAUD = Reason("one of too many new numbers that begin alike: staff decide", "sms_pumping")

log = structlog.get_logger(__name__)


class SmsStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How the day stands, for people."""

    parts_today: int
    daily_parts: int
    cost_today: Decimal
    daily_cost: Decimal
    countries: tuple[str, ...]
    held_blocks: tuple[str, ...]


class SmsGuard:
    """One for all channels that send texts. Built without IO; `recall` reads what the day has cost already."""

    def __init__(
        self,
        settings: Settings,
        box: Outbox,
        medium_of: Callable[[str], Medium | None],
        usable: Callable[[str], bool],
    ) -> None:
        sms, store = settings.sms, settings.store
        self.countries = countries_of(settings)
        self._settings = sms
        self._zone = store.zone
        self._begin()
        self._tariff = Tariff(sms)
        self._box = box
        self._medium_of = medium_of
        self._usable = usable
        self._channels: tuple[str, ...] = ()
        self._held: set[str] = set()
        """Messages that were held as fraud: when they come again, staff have let them go, until they have left."""

    def _begin(self) -> None:
        self.spending = Spending(self._settings.daily_parts, self._settings.daily_cost, self._zone)
        self.pumping = Pumping(self._settings.new_numbers)

    async def recall(
        self,
        channels: Collection[str],
        since: int,
        unqueued: Collection[Unqueued] = (),
        *,
        gone: Collection[str] = (),
    ) -> None:
        """Count what left since the store's midnight, by the record and nothing else: all of it as of that day, also what left by a clock
        that was hours ahead, and by channels that are `gone` since. `unqueued`: what did as no message."""
        self._channels = tuple(channels)
        texts = await self._box.views.texts_since(since, [*channels, *gone])
        self._begin()
        for text in texts:
            self.pumping.note(text.address, text.at)
            parts = text.units if channel_class(text.channel).counts_parts else measure(text.text).parts
            self.spending.spend(parts, self._cost(text.channel, text.address, parts), since)
        for other in unqueued:
            self.spending.spend(other.parts, other.cost, since)

    async def admit(
        self, channel: str, message: Message, via_index: int, out: Outgoing, now: int
    ) -> Spent | PassOver | Transition:
        """Its share of the day where it may leave by that channel (at `via_index` of its ways); else where it goes instead."""
        if refused := self._refusal(message, out.to):
            return PassOver(refused)
        if await self._is_fraud(message, out.to, now):
            return Transition(state=State.HELD, reason=LOOKS_LIKE_FRAUD, counts=False)
        parts = measure(out.rendered.text).parts
        cost = self._cost(channel, out.to, parts)
        if exceeded := self.spending.exceeded_by(parts, cost, now):
            return self._otherwise(message, via_index, exceeded, now)
        self.pumping.note(out.to, now)
        return self.spending.spend(parts, cost, now)

    def objections(self, channel: str, message: Message, to: str, text: str, now: int) -> Iterator[Reason]:
        """What speaks against sending it, without sending it."""
        if refused := self._refusal(message, to):
            yield refused
        parts = measure(text).parts
        if exceeded := self.spending.exceeded_by(parts, self._cost(channel, to, parts), now):
            yield exceeded

    def _refusal(self, message: Message, to: str) -> Reason | None:
        return refusal(to, self.countries, anywhere=message.audience != "customer")

    def admit_trial(self, channel: str, to: str, text: str, now: int) -> Spent | str:
        """The same for what is no message, a test or a word about the box: why not, in a sentence."""
        refused = refusal(to, self.countries, anywhere=True)
        if refused is not None:
            return refused
        parts = measure(text).parts
        cost = self._cost(channel, to, parts)
        return self.spending.exceeded_by(parts, cost, now) or self.spending.spend(parts, cost, now)

    def status(self, now: int) -> SmsStatus:
        spending = self.spending
        return SmsStatus(
            parts_today=spending.parts(now),
            daily_parts=spending.daily_parts,
            cost_today=spending.cost(now),
            daily_cost=spending.daily_cost,
            countries=self.countries,
            held_blocks=tuple(self.pumping.alarms(now)),
        )

    def trouble(self, now: int) -> Mapping[str, str]:
        """What the team is told, by what it is."""
        wrong = {
            f"texts to {block}": f"too many new numbers that begin with {block} came within an hour, as when somebody makes money of "
            "our texts: more of them are held (tether messages --state held; tether retry ID lets one go)"
            for block in self.pumping.alarms(now)
        }
        if used_up := self.used_up(now):
            wrong["texts"] = f"{used_up}: what has no other way waits until midnight"
        return wrong

    def used_up(self, now: int) -> Reason | None:
        """Which limit leaves the day no room for one more text; None for none."""
        return self.spending.exceeded_by(1, self._usual_cost(), now)

    def is_text(self, channel: str) -> bool:
        return self._medium_of(channel) == "sms"

    def was_held(self, message: Message) -> None:
        """As fraud, and that is on record: when it comes again, staff have let it go."""
        self._held.add(message.id)

    def forget(self, message: Message) -> None:
        """It has left: when it comes again, nobody has let it go."""
        self._held.discard(message.id)

    def estimate(self, channel: str, to: str, text: str) -> tuple[int, Decimal]:
        """How many parts a text takes, and what they cost."""
        parts = measure(text).parts
        return parts, self._cost(channel, to, parts)

    def _cost(self, channel: str, to: str, parts: int) -> Decimal:
        return parts * self._tariff.price(channel, destination(to).country)

    def _usual_cost(self) -> Decimal:
        """Of one part to the cheapest country, by the dearest channel: with less than that left of the day, texts wait."""
        countries = self.countries or (ELSEWHERE,)
        prices = (min(self._tariff.price(channel, country) for country in countries) for channel in self._channels)
        return max(prices, default=Decimal(0))

    def _otherwise(self, message: Message, via_index: int, reason: Reason, now: int) -> Transition:
        other = next_via_index(message, self._is_another_medium, after=via_index)
        if other is not None:
            return Transition(state=State.QUEUED, reason=reason, via_index=other, counts=False)
        midnight = midnight_after(now, self._zone)
        return Transition(state=State.QUEUED, reason=reason, due_at=midnight, relative=False, counts=False)

    def _is_another_medium(self, channel: str) -> bool:
        return not self.is_text(channel) and self._usable(channel)

    async def _is_fraud(self, message: Message, to: str, now: int) -> bool:
        if message.audience != "customer" or message.policy.manual or self._is_let_go(message):
            return False
        if not self.pumping.is_crowded(to, now) or not await self._is_new(to, now):
            return False
        if not self.pumping.in_alarm(to, now):
            new = [number for number in self.pumping.others(to, now) if await self._is_new(number, now)]
            if len(new) < self.pumping.limit:
                return False
        if self.pumping.alarm(to, now):
            log.warning("too many new numbers that begin alike: their texts are held", limit=self.pumping.limit)
            detail = {"block": self._box.digest(block_of(to)), "limit": self.pumping.limit}
            await self._box.audit.append("sms.pumping", detail=detail)
        return True

    def _is_let_go(self, message: Message) -> bool:
        """By staff, in this run or by the reason that it waits for."""
        return message.id in self._held or message.reason.code in ("retried", "released")

    async def _is_new(self, address: str, now: int) -> bool:
        """Whether nobody of that number had an order before this hour."""
        return await self._box.views.is_new(address, before=now - WINDOW_MS)


_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)+")


def check_sms(settings: Settings) -> None:
    """Raises ConfigError for an `[sms]` that can't be meant."""
    countries_of(settings)
    for limit in ("daily_parts", "new_numbers"):
        if getattr(settings.sms, limit) < 0:
            raise ConfigError(f"sms.{limit}: must be 0 or more")
    for host in settings.sms.links:
        if not _HOST.fullmatch(host):
            raise ConfigError(
                f'sms.links: {host!r} is no host; write it without scheme and path, like "track.example.com"'
            )
    for name, value in settings.sms.prices.items():
        if not isinstance(value, str) and name not in CHANNELS:
            raise ConfigError(f"sms.prices.{name}: {name!r} is no channel; a price by country is written as text")
    Tariff(settings.sms)
