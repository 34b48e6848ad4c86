"""What the screen knows of the shop: the API's values, and the selections of them that its lists show.

No IO, no time, no widget: a value goes in, and what it touched comes out. `tui.shop.feed` brings the values, the screens show them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from functools import partial

import msgspec

from daemon.wire.customers import Call, OptOut, Reply
from daemon.wire.messages import Message
from daemon.wire.orders import Order, Told
from daemon.wire.service import Channel, Glance, Uplink
from daemon.wire.sources import Kept
from daemon.wire.stages import STAGES
from tui.shop.revisions import Part, Tracked
from tui.shop.story import UNDONE
from tui.shop.talk import BY_HAND
from tui.shop.view import Rank, View
from tui.wording.folding import fold
from tui.wording.stages import stage_of
from tui.wording.words import BY_A_PERSON

WAITING = frozenset({"queued", "sending", "held"})
SAID_BY_STAFF = BY_A_PERSON | {UNDONE}
"""Reasons of what stands for a message that staff told the customer themselves, or took that back."""
NEVER = 1 << 60


class Link(msgspec.Struct, frozen=True):
    """How the screen stands with the service: starting | up | away | refused. `since`: ms, by the service's clock."""

    state: str = "starting"
    since: int = 0
    reason: str = ""


def newest_order(order: Order) -> Rank:
    return (-order.updated_at, order.ref)


def newest_message(message: Message) -> Rank:
    return (-message.created_at, message.id)


def is_telling(message: Message) -> bool:
    """Whether the customer themselves hears of it, not a system about them."""
    return (message.recipient or message.audience) == "customer"


def tells_again(later: Message, message: Message) -> bool:
    """Whether another event told the same recipient the same. A second refund is other news than the first, a step taken again is not; and
    staff's own words about either, written or said, stand for its text. What was put aside told nobody."""
    whom = [(each.order_ref, each.recipient or each.audience, each.trigger) for each in (later, message)]
    if whom[0] != whom[1] or message.trigger == BY_HAND or later.event_id == message.event_id:
        return False
    if later.state == "superseded":
        return False
    if later.reason_code in SAID_BY_STAFF:
        return True
    is_again = later.manual or message.trigger.startswith("order.")
    return is_again and (later.template == message.template or not (later.template and message.template))


def matches(order: Order, needle: str) -> bool:
    """Whether what staff typed (`fold`ed) means this order: part of its number, its customer's name, address or telephone number."""
    who = order.customer
    return any(needle in fold(part or "") for part in (order.ref, who.name, who.phone, who.email))


def outbox_filter(
    name: str, needle: str, midnight: int, said_of: Callable[[Message], str]
) -> Callable[[Message], bool]:
    """The outbox's filters by their key's word: all | waiting | failed | unknown | today; and what was typed, in what is said of each
    (both `fold`ed)."""
    states = {"waiting": WAITING, "failed": frozenset({"failed", "expired"}), "unknown": frozenset({"unknown"})}.get(
        name
    )

    def keep(message: Message) -> bool:
        if states is not None and message.state not in states:
            return False
        if name == "today" and message.created_at < midnight:
            return False
        return not needle or needle in said_of(message)

    return keep


class Shop:
    """The shop as the screen knows it. Each change moves its part's revision."""

    link = Tracked[Link](Part.LINK)
    glance = Tracked[Glance](Part.GLANCE)
    channels = Tracked[Mapping[str, Channel]](Part.CHANNELS)
    replies = Tracked[Mapping[str, Reply]](Part.REPLIES)
    calls = Tracked[Mapping[str, Call]](Part.CALLS)
    optouts = Tracked[Sequence[OptOut]](Part.OPTOUTS)
    kept = Tracked[Sequence[Kept]](Part.GLANCE)
    """What sources told and nobody understood."""

    def __init__(self) -> None:
        self.revisions: Counter[Part] = Counter()
        self.link = Link()
        self.glance = Glance()
        self.midnight = 0
        """ms: what "today" begins with."""
        self.orders: dict[str, Order] = {}
        self.messages: dict[str, Message] = {}
        self.channels = {}
        self.replies = {}
        self.calls = {}
        self.optouts = ()
        self.kept = ()
        self.touches: dict[str, int] = {}
        """How often each order was told of since everything was read."""
        self._readings = 0
        self.loaded: set[Part] = set()
        """The parts that were read whole at least once."""
        self.alarms: list[Message] = []
        """Messages that failed just now for an order that waits for its customer: whoever rings the bell empties it."""
        self._kept_until: Callable[[int], int] = int
        self.stages: dict[str, View[Order]] = {
            stage: View(newest_order if stage == "done" else self._by_promise, partial(self._stands_in, stage))
            for stage in STAGES
        }
        self.open_orders: View[Order] = View(self._by_promise, self._is_open)
        self.outbox: View[Message] = View(newest_message)
        self._sifted = ("all", "", 0)
        self.unsure: View[Message] = View(newest_message, lambda message: message.state == "unknown")
        """Nobody knows whether they arrived."""
        self.arrivals: list[Reply] = []
        """Customers who wrote just now that they are outside: whoever rings the bell empties it."""
        self._rung: set[str] = set()
        self._of_order: dict[str, tuple[str, ...]] = {}
        """By order, the ids of its messages."""
        self._fresh: set[str] | None = None
        self._unseen: set[str] = set()

    # ------------------------------------------------------------ reading everything

    def begin_load(self) -> None:
        """A whole reading begins: what the stream tells meanwhile is newer than what its pages will say."""
        self._fresh = set()
        self._unseen = {*self.orders, *self.messages}

    def end_load(self) -> None:
        """All was read: what was not in it is gone."""
        for gone in self._unseen:
            if (order := self.orders.pop(gone, None)) is not None:
                self._place_order(order, None)
            if (message := self.messages.pop(gone, None)) is not None:
                self._place_message(message, None)
        kept = {ref: tuple(each for each in ids if each in self.messages) for ref, ids in self._of_order.items()}
        self._of_order = {ref: ids for ref, ids in kept.items() if ids}
        self._fresh, self._unseen = None, set()
        self._readings, self.touches = self._readings + 1, {}
        self.revisions[Part.STORIES] += 1
        self.note_loaded({Part.ORDERS, Part.MESSAGES})

    def note_loaded(self, parts: Set[Part]) -> None:
        """These were read whole: that nothing is there is known from now on."""
        self.revisions.update(parts - self.loaded)
        self.loaded |= parts

    def load_orders(self, page: Iterable[Order]) -> None:
        for order in page:
            self._unseen.discard(order.ref)
            if self._fresh is None or order.ref not in self._fresh:
                self._put_order(order)

    def load_messages(self, page: Iterable[Message]) -> None:
        for message in page:
            self._unseen.discard(message.id)
            if self._fresh is None or message.id not in self._fresh:
                self._keep_message(message)

    # ------------------------------------------------------------ one change at a time

    def change_order(self, order: Order) -> set[Part]:
        self._mark_fresh(order.ref)
        return self.touch(order.ref) | ({Part.ORDERS} if self._put_order(order) else set())

    def change_message(self, message: Message) -> set[Part]:
        """A message appeared or moved; its order's "told" moves with it."""
        self._mark_fresh(message.id)
        old = self.messages.get(message.id)
        if old == message:
            return set()
        self._keep_message(message)
        touched = {Part.MESSAGES} | self.touch(message.order_ref)
        if self._tell_order(message):
            touched.add(Part.ORDERS)
        if self._is_alarming(old, message):
            self.alarms.append(message)
        return touched

    def change_channel(self, channel: Channel) -> set[Part]:
        self.channels = {**self.channels, channel.name: channel}
        return {Part.CHANNELS}

    def change_uplink(self, uplink: Uplink) -> set[Part]:
        self.glance = msgspec.structs.replace(self.glance, uplink=uplink)
        return {Part.GLANCE}

    def change_reply(self, reply: Reply) -> set[Part]:
        self.replies = {**self.replies, reply.id: reply}
        if reply.action == "arrived" and not reply.read and reply.id not in self._rung:
            self._rung.add(reply.id)
            self.arrivals.append(reply)
        return {Part.REPLIES} | self.touch(reply.order_ref)

    def touch(self, ref: str | None) -> set[Part]:
        """Something happened to an order that only its story tells."""
        if ref:
            self.touches[ref] = self.touches.get(ref, 0) + 1
            self.revisions[Part.STORIES] += 1
        return {Part.STORIES} if ref else set()

    def told_of(self, ref: str) -> tuple[int, int]:
        """Another than before when that order was told of, or everything was read anew: who shows its story reads it again."""
        return self._readings, self.touches.get(ref, 0)

    # ------------------------------------------------------------ one order's messages

    def messages_of(self, ref: str) -> list[Message]:
        """The newest first."""
        return sorted((self.messages[each] for each in self._of_order.get(ref, ())), key=newest_message)

    def is_past(self, message: Message) -> bool:
        """Whether it is of the order that had its number before: what is known of the order now says nothing of it."""
        order = self.orders.get(message.order_ref)
        return order is not None and message.event_seq < order.began

    def tried_since(self, message: Message) -> Message | None:
        """The newest by which its news was tried another way since, or was told by staff; what was taken back is none."""
        taken_back = False
        for each in self.messages_of(message.order_ref):
            if newest_message(each) >= newest_message(message):
                break
            if not tells_again(each, message) or self.is_past(each) != self.is_past(message):
                continue
            if each.reason_code == UNDONE:
                taken_back = taken_back or not each.via
            elif each.via or not taken_back:
                return each
        return None

    # ------------------------------------------------------------ what the lists select

    def retell(self) -> None:
        """What is known is to be said in other words, or by another clock: all of it looks different now."""
        self.revisions.update(Part)

    def sift_outbox(self, name: str, needle: str, said_of: Callable[[Message], str]) -> None:
        """Have only those in the outbox: by a filter's name, of what began today by the day that it is now, and by what was typed."""
        sifted = (name, needle, self.midnight if name == "today" else 0)
        if sifted != self._sifted:
            self._sifted = sifted
            self.outbox.fill(self.messages.values(), outbox_filter(name, needle, self.midnight, said_of))

    def learn_clock(self, kept_until: Callable[[int], int]) -> None:
        """Until when (ms) what is promised for a moment, or for a day, is kept by the shop's clock."""
        self._kept_until = kept_until
        self._refill_orders()

    def start_day(self, midnight: int) -> None:
        self.midnight = midnight
        self._refill_orders()

    # ------------------------------------------------------------ inside

    def _by_promise(self, order: Order) -> Rank:
        """What is to be kept first: what is late stands on top, what is promised for today below what has its hour."""
        promised = order.promised_at
        return (NEVER if promised is None else self._kept_until(promised), order.ref)

    def _stands_in(self, stage: str, order: Order) -> bool:
        return stage_of(order) == stage and (stage != "done" or order.updated_at >= self.midnight)

    def _is_open(self, order: Order) -> bool:
        return stage_of(order) != "done"

    def _refill_orders(self) -> None:
        self.revisions[Part.ORDERS] += 1
        for view in (*self.stages.values(), self.open_orders):
            view.fill(self.orders.values())

    def _mark_fresh(self, key: str) -> None:
        self._unseen.discard(key)
        if self._fresh is not None:
            self._fresh.add(key)

    def _put_order(self, order: Order) -> bool:
        old = self.orders.get(order.ref)
        if old == order:
            return False
        self.orders[order.ref] = order
        self._place_order(old, order)
        return True

    def _place_order(self, old: Order | None, new: Order | None) -> None:
        self.revisions[Part.ORDERS] += 1
        for view in (*self.stages.values(), self.open_orders):
            view.put(old, new)

    def _keep_message(self, message: Message) -> None:
        old = self.messages.get(message.id)
        self._place_message(old, message)
        self.messages[message.id] = message
        if old is None:
            self._of_order[message.order_ref] = (*self._of_order.get(message.order_ref, ()), message.id)

    def _place_message(self, old: Message | None, new: Message | None) -> None:
        self.revisions[Part.MESSAGES] += 1
        for view in (self.outbox, self.unsure):
            view.put(old, new)

    def _tell_order(self, message: Message) -> bool:
        """Whether the customer of its order has been told is what this message, its newest, says."""
        order = self.orders.get(message.order_ref)
        if order is None or message.trigger != order.status or self.is_past(message):
            return False
        if next(filter(is_telling, self.messages_of(order.ref)), None) is not message:
            return False
        told = Told(
            message_id=message.id,
            state=message.state,
            channel=message.channel,
            at=message.updated_at,
            reason=message.reason,
            reason_code=message.reason_code,
            reason_args=message.reason_args,
        )
        return self._put_order(msgspec.structs.replace(order, told=told))

    def _is_alarming(self, old: Message | None, new: Message) -> bool:
        order = None if self.is_past(new) else self.orders.get(new.order_ref)
        failed_now = new.state == "failed" and (old is None or old.state != "failed")
        return failed_now and is_telling(new) and order is not None and stage_of(order) == "ready"
