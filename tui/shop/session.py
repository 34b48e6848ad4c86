"""What every screen works with: the shop as known, the words for it, and the one way to have something done."""

import random
from collections.abc import Callable, Set
from typing import TypeVar

import msgspec

from daemon.wire.messages import Message
from daemon.wire.requests import orders as order_acts
from daemon.wire.requests.act import Act
from daemon.wire.requests.orders import ManualMessage, StatusChange
from daemon.wire.service import Store, TestResult
from daemon.wire.sources import Kept
from daemon.wire.steps import StatusSet, Undone
from daemon.wire.values import decode
from tui.i18n import Texts
from tui.service.client import Client, ServiceError
from tui.service.live import Live
from tui.service.perform import Action, Performer, not_done
from tui.shop.alarm import Alarm
from tui.shop.failures import Failure, Failures
from tui.shop.feed import Feed
from tui.shop.queue import SILENT, Thing, things
from tui.shop.revisions import Part
from tui.shop.state import NEVER, Shop, is_telling
from tui.shop.training import Training, mission_of
from tui.terminal.clock import Clock
from tui.terminal.glyphs import Glyphs
from tui.wording.times import Times
from tui.wording.words import BAD, GOOD, PLAIN, UNTOLD, WARN, Words

NOTICE_SECONDS = 8.0
TROUBLE_SECONDS = 60.0


T = TypeVar("T")


class Notice(msgspec.Struct, frozen=True):
    """A sentence for the line above the keys, until `until` (monotonic seconds)."""

    text: str
    tone: str
    until: float


class Hears(msgspec.Struct, frozen=True):
    """Who will be told; "" for nobody, or nobody knows when. `at`: not before then (ms, by the service's clock)."""

    name: str = ""
    at: int = 0


NOBODY = Hears()


class Undoable(msgspec.Struct, frozen=True):
    """A step whose first message has not left yet. `until`: ms, by the service's clock."""

    ref: str
    event_id: str
    until: int
    done: str
    tells: Hears = NOBODY
    before: str = ""
    """The status that a step led away from; "" for what is no step."""


class Session:
    """`training`: the missions of a first shift, where there are any. `tell` hears which parts of the shop changed, `noticed` that there is something to say, `settled` that
    the whole shop was read."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        rng: random.Random,
        *,
        language: str,
        glyphs: Glyphs,
        read_only: bool,
        training: Training | None,
        tell: Callable[[Set[Part]], None],
        noticed: Callable[[], None],
        settled: Callable[[], None],
    ) -> None:
        self.shop = Shop()
        self.client = client
        self.clock = clock
        self.read_only = read_only
        self.training = training
        self.t = Texts(language)
        self.words = Words(self.t, glyphs, moment=lambda ms: self.times.brief(ms, self.now()))
        self.times = Times(self.t, Store())
        self.shop.learn_clock(self.times.kept_until)
        self.feed = Feed(client, Live(client, clock, rng), self.shop, clock, tell, settled)
        self.undoables: list[Undoable] = []
        self.under_way: list[str] = []
        """What was asked of the service and has no answer yet, in staff's words."""
        self._awaited: dict[str, str] = {}
        """By the action's id, in staff's words: an answer that takes long, and why."""
        self._rng = rng
        self._performer = Performer(client, clock, rng)
        self._noticed = noticed
        self._notice: Notice | None = None
        self._alarm = Alarm(self.shop, clock)
        self._failures = Failures(clock)
        self._tell = tell
        self._queue: list[Thing] = []
        self._queue_of: list[int] = []
        """The revisions of the shop's parts that it was made from."""
        self._queue_until = NEVER
        """ms: by then another order is late."""

    def speak(self, language: str) -> None:
        """Say everything in that language from now on."""
        self.t.speak(language)
        self.words.speak()
        self.times = Times(self.t, self.shop.glance.store)

    def now(self) -> int:
        """ms, by the service's clock."""
        return self.clock.now() + self.client.skew

    def queue(self) -> list[Thing]:
        """What needs a person, worst first; the same list until something changed or became late."""
        shop, now = self.shop, self.now()
        stands = [shop.revisions[part] for part in Part]
        if stands != self._queue_of or now >= self._queue_until:
            self._queue, self._queue_of = things(shop, shop.kept, self.times, now), stands
            promised = (order.promised_at for order in shop.open_orders if order.promised_at is not None)
            late = map(self.times.late_from, promised)
            self._queue_until = min((at for at in late if at > now), default=NEVER)
        return self._queue

    def put_aside(self, kept: Kept) -> None:
        """It was decided about."""
        self.shop.kept = [each for each in self.shop.kept if each.id != kept.id]
        self._tell({Part.GLANCE})

    def learn_store(self) -> None:
        """Take the shop's zone, currency and channel titles as they are known now, and see whether a day of it has turned: then all is read
        anew, while nobody is there."""
        is_known = self.times.store == self.shop.glance.store
        if not is_known:
            self.times = Times(self.t, self.shop.glance.store)
            self.shop.learn_clock(self.times.kept_until)
            self.shop.retell()
        if self.words.learn_titles(self.shop.channels):
            self.shop.retell()
        before, midnight = self.shop.midnight, self.times.midnight(self.now())
        if midnight != before:
            self.shop.start_day(midnight)
            if before and is_known:
                self.feed.read_anew()

    def name_of(self, ref: str) -> str:
        """The customer's name, or what stands for it."""
        order = self.shop.orders.get(ref)
        return (order.customer.name if order else None) or self.t("the customer")

    # ------------------------------------------------------------ saying

    def say(self, text: str, tone: str = PLAIN) -> None:
        """Put a sentence above the keys for a while; trouble stays longer."""
        seconds = TROUBLE_SECONDS if tone == BAD else NOTICE_SECONDS
        self._notice = Notice(text, tone, self.clock.monotonic() + seconds)
        self._failures.wait(seconds)
        self._alarm.prolong(seconds)
        self._noticed()

    def say_untold(self, message: Message) -> None:
        """A message failed whose order waits for its customer."""
        self._notice = None
        self._alarm.sound(message)
        self._failures.prolong(TROUBLE_SECONDS)
        self._noticed()

    def hush(self) -> None:
        """The sentence was read."""
        if self._notice is not None:
            self._notice = None
            self._failures.wait(0)
        elif self._failure is not None:
            self._failures.hush()
        else:
            self._alarm.hush()
        self._noticed()

    @property
    def _failure(self) -> Failure | None:
        """The newest, unless somebody was not told since."""
        failure = self._failures.standing
        is_older = failure is not None and self._alarm.standing is not None and failure.at < self._alarm.at
        return None if is_older else failure

    @property
    def notice(self) -> Notice | None:
        if self._notice is not None and self.clock.monotonic() >= self._notice.until:
            self._notice = None
        if self._notice is None and (failure := self._failure) is not None:
            return Notice(failure.text, BAD, failure.until)
        if self._notice is None and (failed := self._alarm.standing) is not None:
            return Notice(self._untold(failed), BAD, NEVER)
        if self._notice is None and self._awaited:
            return Notice(next(reversed(self._awaited.values())), WARN, NEVER)
        return self._notice

    def _untold(self, message: Message) -> str:
        t, ref, why = self.t, message.order_ref, self.words.short_reason(message)
        order = self.shop.orders.get(ref)
        if order is None or order.status != message.trigger:
            return t("{ref}: a message did NOT reach the customer: {why}", ref=ref, why=why)
        return t("{ref} is ready, but the customer was NOT told: {why}", ref=ref, why=why)

    @property
    def undoable(self) -> Undoable | None:
        """The newest step that can still be taken back."""
        now = self.now()
        self.undoables = [each for each in self.undoables if each.until > now]
        return self.undoables[-1] if self.undoables else None

    def say_test(self, channel: str, answer: bytes) -> None:
        """What became of a channel's test."""
        result = _read(answer, TestResult())
        verdict = (
            self.t("{channel} works.", channel=channel)
            if result.ok
            else self.t("{channel} does NOT work.", channel=channel)
        )
        self.say(f"{verdict} {result.summary}".strip(), GOOD if result.ok else BAD)

    # ------------------------------------------------------------ doing

    def may_act(self) -> bool:
        """False on a screen that only shows, which then says so."""
        if self.read_only:
            self.say(self.t("This screen only shows: nothing was done."), WARN)
        return not self.read_only

    def may_administer(self) -> bool:
        """False where that is the owner's to do, and where `may_act` is; it says so."""
        if not self.may_act():
            return False
        if not self.shop.glance.administers:
            self.say(self.t("Only the owner may do that."), WARN)
        return self.shop.glance.administers

    async def do(self, call: Act, *, name: str, done: str = "") -> bytes | None:
        """Have it done and say so. None: it was not done, or nobody knows; that was said too."""
        if not self.may_act():
            return None
        action, key = Action(call=call, id=self._new_id(), name=name), f"{call.path} {name}"
        practised = mission_of(call, self.shop) if self.training else ""
        self.under_way.append(name)
        if call.seconds is not None:
            self._await(action, self.t("No answer yet: {name}. It may take minutes.", name=name))
        try:
            answer = await self._performer.perform(action, self._say_unsure)
        except ServiceError as error:
            self._say_failed(key, name, error)
            return None
        finally:
            self.under_way.remove(name)
            self._awaited.pop(action.id, None)
        self._failures.done(key)
        if done:
            self.say(done, GOOD)
        self.practised(practised)
        self.feed.look_again()
        return answer

    def practised(self, mission: str) -> None:
        """Something was done that new staff are to try ("": nothing of the kind)."""
        if self.training is not None and mission:
            self.training.tick(mission)
            self._noticed()

    async def step(self, ref: str, status: str, *, silent: bool = False, text: str = "", tells: Hears = NOBODY) -> bool:
        """Set an order's status; until the grace period is over it can be undone. False: it was not done, which was said."""
        word, change = self.words.status(status), StatusChange(status, silent=silent, text=text or None)
        order = self.shop.orders.get(ref)
        answer = await self.do(order_acts.set_status(ref, change), name=f"{ref}: {word}")
        if answer is not None:
            done, before = self.t("{ref} is now: {status}.", ref=ref, status=word), order.status if order else ""
            self._note_undo(ref, answer, done, tells, before)
        return answer is not None

    async def write(
        self, ref: str, *, text: str = "", template: str = "", via: tuple[str, ...] = (), tells: Hears = NOBODY
    ) -> bool:
        """Send the customer something by hand; whether it was taken."""
        name = self.t("{ref}: message", ref=ref)
        message = ManualMessage(template=template or None, text=None if template else text, via=via or None)
        answer = await self.do(order_acts.write(ref, message), name=name)
        if answer is not None:
            self._note_undo(ref, answer, self.t("{ref}: your message is taken.", ref=ref), tells)
        return answer is not None

    async def undoably(self, ref: str, call: Act, *, name: str, done: str, tells: Hears = NOBODY) -> bool:
        """Have something done that can be undone for a while. False: it was not done, which was said."""
        answer = await self.do(call, name=name)
        if answer is not None:
            self._note_undo(ref, answer, done, tells)
        return answer is not None

    async def undo(self, undoable: Undoable | None) -> None:
        """Take that step back, the newest when it was asked for; None: there was none. It is taken back once."""
        if undoable is None or undoable.until <= self.now():
            self.say(self.t("There is nothing to undo any more."), WARN)
            return
        if undoable not in self.undoables:
            return
        name = self.t("undo of {ref}", ref=undoable.ref)
        answer = await self.do(order_acts.undo(undoable.ref, undoable.event_id), name=name)
        if answer is None:
            return
        self.undoables = [each for each in self.undoables if each is not undoable]
        stands = _read(answer, Undone()).status
        if undoable.before and stands and stands != undoable.before:
            word = self.words.status(stands)
            self.say(self.t("{ref} is now: {status}.", ref=undoable.ref, status=word), WARN)
        else:
            self.say(self.t("{ref}: taken back. Nobody was told.", ref=undoable.ref), GOOD)

    def _note_undo(self, ref: str, answer: bytes, done: str, tells: Hears, before: str = "") -> None:
        """`tells`: as it was foreseen. What became of it the answer says."""
        taken = _read(answer, StatusSet())
        states = [each.state for each in taken.messages if is_telling(each) and each.reason_code != SILENT]
        if "queued" not in states:
            tells = NOBODY
        is_undoable = bool(taken.undo_until and taken.undo_until > self.now())
        if taken.undo_until and is_undoable:
            self.undoables.append(Undoable(ref, taken.event_id, taken.undo_until, done, tells, before))
            self._notice = None
            self._failures.wait(NOTICE_SECONDS)
            self._noticed()
        if states and UNTOLD.issuperset(states):
            self.say(f"{done} {self.t('{name} will NOT be told.', name=self.name_of(ref))}", BAD)
        elif not is_undoable:
            self.say(done, GOOD)

    def _say_failed(self, key: str, name: str, error: ServiceError) -> None:
        why = self.t(str(error))
        if not_done(error):
            said = self.t("NOT DONE: {name}. The service says: {why}", name=name, why=why)
        else:
            said = self.t("NOT SURE whether done: {name}. Look before you repeat it. ({why})", name=name, why=why)
        self._alarm.prolong(TROUBLE_SECONDS)
        self._failures.note(key, said)
        self._notice = None
        self._noticed()

    def _say_unsure(self, action: Action) -> None:
        self._await(action, self.t("No answer yet: {name}. Asking again; it is not done twice.", name=action.name))

    def _await(self, action: Action, said: str) -> None:
        self._awaited[action.id] = said
        self.say(said, WARN)

    def _new_id(self) -> str:
        return f"counter-{self._rng.getrandbits(80):020x}"


def _read(answer: bytes, otherwise: T) -> T:
    """What an answer says; what can't be read says nothing."""
    try:
        return decode(answer, type(otherwise))
    except msgspec.MsgspecError:
        return otherwise
