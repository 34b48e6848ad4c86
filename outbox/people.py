"""What is kept of one person, by an address of theirs: for those who ask (GDPR article 15). Forgetting is `outbox.retention`'s."""

from collections.abc import Sequence

import msgspec

from outbox.queries import Queries
from outbox.retention import Removed, Retention
from outbox.store import Store
from outbox.views import Story, Views

_SQL = Queries("person.sql")


class Word(msgspec.Struct, frozen=True):
    """A word on consent: who said it, when (ms), and why."""

    at: int
    medium: str
    stopped: bool
    actor: str
    reason: str


class StrayReply(msgspec.Struct, frozen=True):
    """Something they wrote that belongs to no order."""

    at: int
    channel: str
    text: str


class Held(msgspec.Struct, frozen=True):
    stories: Sequence[Story]
    consent: Sequence[Word]
    replies: Sequence[StrayReply]


class People:
    """`box.people`."""

    def __init__(self, store: Store, views: Views, retention: Retention) -> None:
        self._store = store
        self._views = views
        self._retention = retention

    async def held(self, address: str) -> Held:
        """All that is kept under a phone number (E.164) or mail address."""
        plain = address.strip().lower()
        stories = [
            story
            for (ref,) in await self._store.rows(_SQL["refs"], address=plain)
            if (story := await self._views.story(ref)) is not None
        ]
        words = await self._store.rows(_SQL["consent"], digest=self._store.digester(plain))
        replies = await self._store.rows(_SQL["replies"], address=plain)
        return Held(
            stories,
            [Word(at, medium, bool(stopped), actor, reason) for at, medium, stopped, actor, reason in words],
            [StrayReply(*row) for row in replies],
        )

    async def forget(self, address: str, *, actor: str, dry_run: bool = False) -> Removed:
        """See `outbox.retention.Retention.forget`."""
        return await self._retention.forget(address, actor=actor, dry_run=dry_run)
