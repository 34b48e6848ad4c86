"""A message that failed while its order waits for its customer: it is said for a minute, whatever else is said meanwhile, and no longer than it is so."""

from daemon.wire.messages import Message
from tui.shop.state import Shop
from tui.terminal.clock import Clock
from tui.wording.stages import stage_of

SECONDS = 60.0


class Alarm:
    """The newest one."""

    def __init__(self, shop: Shop, clock: Clock) -> None:
        self._shop = shop
        self._clock = clock
        self._message_id = ""
        self._until = 0.0
        self.at = 0.0
        """When it began to sound (monotonic seconds)."""

    def sound(self, message: Message) -> None:
        self.at = self._clock.monotonic()
        self._message_id, self._until = message.id, self.at + SECONDS

    def prolong(self, seconds: float) -> None:
        """Something else is said for so long."""
        if self.standing is not None:
            self._until += seconds

    def hush(self) -> None:
        self._message_id = ""

    @property
    def standing(self) -> Message | None:
        """The message that it sounds for, as it is now."""
        message = self._shop.messages.get(self._message_id)
        if message is None or self._clock.monotonic() >= self._until:
            return None
        order = self._shop.orders.get(message.order_ref)
        if message.state != "failed" or order is None or stage_of(order) != "ready":
            return None
        told = order.told
        is_old = message.trigger == order.status and told is not None and told.message_id != message.id
        return None if is_old else message
