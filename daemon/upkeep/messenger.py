"""Brings a word about the box itself to the team: by the channels of `[trouble] via`, the first that takes it.

Past the outbox: it belongs to no order, and would be stale by the time a queue lets it go.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from daemon.channels.base import Channel, Outgoing
from daemon.config import Settings
from daemon.planner.recipients import audience_recipients
from outbox import harmless
from outbox.clock import Clock
from outbox.model import Rendered
from outbox.outcome import Accepted, Outcome, Unknown

TEAM = "team"

Text: TypeAlias = Callable[[Channel, Outgoing], Awaitable[Outcome | None]]
"""Sends a text message within what texts may cost; None where it may not go. What does not leave takes nothing of the day."""


class Messenger:
    """`channel` gives an enabled channel by its name, None for one that can't be used."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        channel: Callable[[str], Channel | None],
        clock: Clock,
        text: Text,
    ) -> None:
        self._text = text
        self._settings = settings
        self._channel = channel
        self._clock = clock

    async def tell(self, words: str) -> bool:
        """True once some channel took it (or may have), and when nobody wants to be told."""
        settings = self._settings()
        words = f"{settings.store.name}: {words}"
        subject = f"{settings.store.name}: Tether needs a look"
        for name in settings.trouble.via:
            channel = self._channel(name)
            if channel is not None and await self._sent(channel, settings.trouble.audience, subject, words):
                return True
        return not settings.trouble.via

    async def mail(self, audience: str, subject: str, words: str) -> bool:
        """To an audience's e-mail addresses, by the first e-mail channel that takes it (or may have)."""
        for name in self._settings().channels:
            channel = self._channel(name)
            if (
                channel is not None
                and channel.medium == "email"
                and await self._sent(channel, audience, subject, words)
            ):
                return True
        return False

    async def _sent(self, channel: Channel, audience: str, subject: str, words: str) -> bool:
        """It is told again until somebody has it."""
        is_told = False
        for to in self._addresses(channel, audience):
            out = self._outgoing(channel, to, subject, words)
            outcome = await (self._text(channel, out) if channel.medium == "sms" else channel.send(out))
            is_told = is_told or isinstance(outcome, Accepted | Unknown)
        return is_told

    def _addresses(self, channel: Channel, audience: str) -> Sequence[str]:
        settings = self._settings()
        if audience == TEAM:
            own = channel.destination()
            return [] if own is None else [own]
        recipients = audience_recipients(audience, settings.audiences.get(audience, {}), settings)
        found = (channel.address_of(recipient.addresses) for recipient in recipients)
        return [address for address in found if address is not None]

    def _outgoing(self, channel: Channel, to: str, subject: str, words: str) -> Outgoing:
        now, store = self._clock.now(), self._settings().store
        return Outgoing(
            message_id=f"mtrouble{now:x}",
            attempt=1,
            to=to,
            addresses=dict.fromkeys(channel.address_kinds, to),
            trigger="",
            template="",
            order_ref="TETHER",
            order_source_id="TETHER",
            name="",
            locale=store.locale,
            rendered=Rendered(text=harmless.clean(words), subject=harmless.line(subject), html=None),
            data={"order_ref": "TETHER", "store_name": store.name},
            order={"ref": "TETHER"},
            now=now,
            happened_at=now,
        )
