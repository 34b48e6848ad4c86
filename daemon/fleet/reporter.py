"""What one store tells headquarters: how it is, how its messages stand, and its record. As fast as the pace allows, and each counts once."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from daemon.fleet.consent import ConsentShare
from daemon.fleet.feed import Feed
from daemon.fleet.membership import Membership
from daemon.fleet.nats_connection import NatsConnection
from daemon.fleet.pace import Pace
from daemon.fleet.wire import AuditBatch, Cursors, Health, audit_id, deflate, pack, states_id
from daemon.supervise import recoverable_group
from outbox import Outbox

Observe = Callable[[], Awaitable[Health]]


class Reporter:
    def __init__(
        self, membership: Membership, box: Outbox, feed: Feed, consent: ConsentShare, pace: Pace, observe: Observe
    ) -> None:
        self._me = membership
        self._box = box
        self._feed = feed
        self._consent = consent
        self._pace = pace
        self._observe = observe
        self.bytes_out = 0

    async def report(self, nats: NatsConnection) -> None:
        position = await self._box.fleet.position()
        health = msgspec.structs.replace(
            await self._observe(),
            epoch=position.epoch,
            seq=position.seq,
            hash=position.hash.hex(),
            cursors=Cursors(self._feed.audit, self._feed.published, max(self._consent.cursor, 0)),
            kids=list(self._box.fleet.kids),
            consent_refused=self._consent.refused,
        )
        await self._publish(nats, f"health.{self._me.store}", pack(health), None)

    async def tell_states(self, nats: NatsConnection) -> bool:
        batch = await self._feed.next_states()
        if batch is None:
            return False
        if batch.states:
            body = await asyncio.to_thread(deflate, batch)
            await self._publish(nats, f"up.{self._me.store}.msg", body, states_id(self._me.store, batch))
        self._feed.told_states(batch)
        return True

    async def tell_audit(self, nats: NatsConnection, most: int) -> bool:
        """Some batches one after another, each only once the one before is acknowledged; the next is made ready meanwhile."""
        ready = await self._next_audit(None)
        for left in reversed(range(most)):
            if ready is None:
                return False
            batch, body = ready
            async with recoverable_group() as group:
                sent = self._publish(nats, f"up.{self._me.store}.audit", body, audit_id(self._me.store, batch))
                group.create_task(sent)
                ahead = group.create_task(self._next_audit(batch.entries[-1].seq)) if left else None
            self._feed.told_audit(batch)
            ready = None if ahead is None else ahead.result()
        return True

    async def _next_audit(self, after: int | None) -> tuple[AuditBatch, bytes] | None:
        batch = await self._feed.next_audit(after=after)
        return None if batch is None else (batch, await asyncio.to_thread(deflate, batch))

    async def _publish(self, nats: NatsConnection, subject: str, body: bytes, id: str | None) -> None:
        await nats.publish(subject, body, id=id)
        self.bytes_out += len(body)
        await self._pace.spent(len(body))
