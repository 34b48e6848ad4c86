"""The last look before an attempt: is it still wanted, allowed at this hour, addressable, and what will it say?"""

from collections.abc import Callable, Iterator, Mapping

import msgspec

from daemon.channels.base import Channel, Outgoing
from daemon.config import Settings
from daemon.planner.recipients import customer_recipient
from daemon.planner.render import Renderer, RenderError
from daemon.planner.rules.quiet import quiet_until
from outbox import harmless
from outbox.model import Due, Message, Rendered, State, Transition
from outbox.orders import to_ms
from outbox.reasons import Reason

QUIET = "quiet_hours"
"""The code of a wait for the end of the quiet hours."""


class Ready(msgspec.Struct, frozen=True):
    """It may be sent, like this."""

    outgoing: Outgoing


class PassOver(msgspec.Struct, frozen=True):
    """Not by this channel: its next one may reach the recipient."""

    reason: Reason
    opted_out: bool = False


Prepared = Ready | PassOver | Transition


class Preparer:
    """Turns a due message into what a channel is to send, or says why it isn't."""

    def __init__(
        self,
        settings: Settings,
        renderer: Renderer,
        clock_trusted: Callable[[], bool],
        clock_sure: Callable[[], bool],
        waits: Callable[[Message, str], Reason | None],
        unsubscribe_token: Callable[[str], str],
    ) -> None:
        """`waits`: why a message may not go by that medium yet; None: it may. `unsubscribe_token`: what stands in the link by which
        a mail address asks for silence."""
        self._settings = settings
        self._renderer = renderer
        self.clock_trusted = clock_trusted
        self._clock_sure = clock_sure
        self._waits = waits
        self._unsubscribe_token = unsubscribe_token

    def wants_first_sms_notice(self, due: Due, channel: Channel) -> bool:
        """Whether the first text to a number carries the opt-out line here, and this may be one."""
        message = due.message
        is_news = message.audience == "customer" and not message.policy.answers
        return self._renderer.first_sms_notice and channel.medium == "sms" and is_news

    def prepare(self, due: Due, channel: Channel, now: int, *, first_sms: bool = False) -> Prepared:
        if late := self.too_late(due, now):
            return late
        addresses = self._addresses(due)
        address = _at(due, channel, addresses)
        if obstacle := next(self._obstacles(due, channel, now, address), None):
            return obstacle
        try:
            looked_at = now if self._clock_sure() and not due.message.policy.timed else 0
            rendered = harmless.cleaned(self.render(due, channel, first_sms=first_sms, now=looked_at))
        except RenderError as error:
            return PassOver(Reason(f"the text could not be made: {error}", "text_broken", error=str(error)))
        return Ready(self._outgoing(due, channel, address or "", addresses, rendered, now))

    def obstacles(self, due: Due, channel: Channel, now: int) -> Iterator[PassOver | Transition]:
        """What stands in its way there at that moment, what is heeded first before all else."""
        return self._obstacles(due, channel, now, self.address(due, channel))

    def _obstacles(self, due: Due, channel: Channel, now: int, address: str | None) -> Iterator[PassOver | Transition]:
        message = due.message
        if why := self._waits(message, channel.medium):
            yield Transition(state=State.HELD, reason=why, counts=False)
        if address is None:
            wanted = " or ".join(channel.address_kinds) or "destination"
            kinds = list(channel.address_kinds)
            yield PassOver(Reason(f"no usable {wanted} for {channel.title}", "no_address", kinds=kinds))
        if declined := _declined(due, channel):
            words = f"the customer does not want {declined[0]}"
            yield PassOver(Reason(words, "declined", media=declined[:1]), opted_out=True)
        if quiet := self._quiet(due, channel, now):
            yield quiet

    def too_late(self, due: Due, now: int) -> Transition | None:
        """Past its time, if the clock can be believed for what can't be undone."""
        expires_at = due.message.expires_at
        if expires_at is not None and now >= expires_at and self._clock_sure():
            return Transition(state=State.EXPIRED, reason=Reason("too late to be of use", "too_late"), counts=False)
        return None

    def goes_to(self, due: Due, channel: Channel, address: str) -> bool:
        """Whether its recipient is still reached there by that channel, and wants it."""
        return (self.address(due, channel) or "") == address and not _declined(due, channel)

    def address(self, due: Due, channel: Channel) -> str | None:
        return _at(due, channel, self._addresses(due))

    def _addresses(self, due: Due) -> Mapping[str, str]:
        """Where its customer is reached by now: what was planned may have waited while a number was put right. An answer goes to whom wrote,
        and what is of an order before, that had the same number, to whom had that."""
        message, order = due.message, due.order
        if message.audience != "customer" or message.policy.answers:
            return message.addresses
        if not order.created_at <= message.created_at <= order.updated_at:
            return message.addresses
        return {**message.addresses, **customer_recipient(order.customer, self._settings.store.country).addresses}

    def render(self, due: Due, channel: Channel, *, first_sms: bool = False, now: int = 0) -> Rendered:
        message = due.message
        return self._renderer.render(
            message.template,
            channel.medium,
            _locale(due, self._settings),
            event=due.event,
            order=due.order,
            text=message.text,
            subject=message.subject,
            audience=message.audience,
            first_sms=first_sms,
            plain=message.policy.plain,
            now=now,
        )

    def _fields(self, due: Due, channel: Channel, locale: str) -> Mapping[str, str]:
        message = due.message
        return self._renderer.fields(
            due.event,
            due.order,
            locale=locale,
            text=message.text,
            audience=message.audience,
            medium=channel.medium,
            plain=message.policy.plain,
        )

    def _quiet(self, due: Due, channel: Channel, now: int) -> Transition | None:
        message = due.message
        if message.policy.urgent or not self.clock_trusted():
            return None
        until = quiet_until(self._settings, channel.medium, now)
        if until is None:
            return None
        return Transition(
            state=State.QUEUED, reason=Reason("quiet hours", QUIET), due_at=until, relative=False, counts=False
        )

    def _outgoing(
        self, due: Due, channel: Channel, address: str, addresses: Mapping[str, str], rendered: Rendered, now: int
    ) -> Outgoing:
        message, order = due.message, due.order
        locale = _locale(due, self._settings)
        to_customer = message.audience == "customer"
        return Outgoing(
            message_id=message.id,
            attempt=0,
            to=address,
            addresses=addresses,
            trigger=message.trigger if message.text is None else "",
            template=message.template,
            order_ref=message.order_ref,
            order_source_id=order.source_id or order.ref,
            name=harmless.line(order.customer.name or "") if to_customer else "",
            locale=locale,
            rendered=rendered,
            data=harmless.cleaned(self._fields(due, channel, locale)) if channel.wants_fields(message.trigger) else {},
            order=_order_values(due) if channel.passes_order_on else {},
            now=now,
            happened_at=_happened(due),
            expires_at=message.expires_at if self._clock_sure() else None,
            possible_duplicate=message.possible_duplicate,
            first_try=message.first_try,
            reply_to=self._settings.store.email,
            unsubscribe=self._unsubscribe(address) if to_customer and channel.medium == "email" else "",
        )

    def _unsubscribe(self, address: str) -> str:
        """RFC 8058 wants https; without an address that the outside reaches, their mail comes to the store."""
        root = self._settings.hook.public_url.rstrip("/")
        return f"{root}/unsubscribe/{self._unsubscribe_token(address)}" if root.startswith("https://") else "mailto:"


def _at(due: Due, channel: Channel, addresses: Mapping[str, str]) -> str | None:
    """Where that channel reaches its recipient."""
    return channel.destination() if due.message.audience == "team" else channel.address_of(addresses)


def _happened(due: Due) -> int:
    """By its source's word, and no later than when it was taken."""
    occurred, taken = due.event.occurred_at, due.message.created_at
    return taken if occurred is None else min(to_ms(occurred), taken)


def _declined(due: Due, channel: Channel) -> list[str]:
    """The media of that channel that the customer does not want."""
    if due.message.audience != "customer":
        return []
    consent: Mapping[str, bool] = due.order.customer.consent or {}
    return [medium for medium in (channel.medium, *channel.heeded(due.message.trigger)) if consent.get(medium) is False]


def _locale(due: Due, settings: Settings) -> str:
    if due.message.audience != "customer":
        return settings.store.locale
    return due.order.customer.locale or settings.store.locale


def _order_values(due: Due) -> Mapping[str, object]:
    values: Mapping[str, object] = msgspec.to_builtins(due.event.order)
    return harmless.cleaned(values)
