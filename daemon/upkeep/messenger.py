"""Brings a word about the box itself to the team: by the channels of `[trouble] via`, the first that takes it.

Past the outbox: it belongs to no order, and would be stale by the time a queue lets it go.
"""

from collections.abc import Callable, Sequence

from daemon.channels.base import Channel, Outgoing
from daemon.config import Settings
from daemon.planner.recipients import audience_recipients
from outbox import harmless
from outbox.clock import Clock
from outbox.model import Rendered
from outbox.outcome import Accepted, Unknown

TEAM = "team"

GiveBack = Callable[[], None]


def costs_nothing() -> None:
    """What is no text takes nothing of the day."""


class Messenger:
    """`channel` gives an enabled channel by its name, None for one that can't be used. `may_text(channel, to, words)`: None where no text
    message may go there today, else how to give back what it takes of the day, where it turns out not to have left."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        channel: Callable[[str], Channel | None],
        clock: Clock,
        may_text: Callable[[str, str, str], GiveBack | None],
    ) -> None:
        self._may_text = may_text
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
        """It is told again until somebody has it: what does not leave must not use up the texts that customers wait for."""
        is_told = False
        for to in self._addresses(channel, audience):
            give_back = self._may_text(channel.name, to, words) if channel.medium == "sms" else costs_nothing
            if give_back is None:
                continue
            if isinstance(await channel.send(self._outgoing(channel, to, subject, words)), Accepted | Unknown):
                is_told = True
            else:
                give_back()
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
