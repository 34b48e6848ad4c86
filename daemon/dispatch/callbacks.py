"""What providers call us for: receipts, replies and questions, believed by their channel and put on record by the receipt service."""

import hashlib
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec
import structlog

from daemon.channels.base import Channel, Inbound, InboundRefused, InboundRequest
from daemon.dispatch.lane import Lane
from daemon.dispatch.receipts import ReceiptService
from daemon.http import Http, Request, Response
from outbox import Outbox
from outbox.errors import NotFound

log = structlog.get_logger(__name__)

CONFIRM_SECONDS = 10.0


class Callbacks:
    """`receive` believes a request, `apply` does what it says."""

    def __init__(self, box: Outbox, lanes: Mapping[str, Lane], receipts: ReceiptService, http: Http) -> None:
        self._box = box
        self._lanes = lanes
        self._receipts = receipts
        self._http = http

    async def receive(self, channel: str, request: InboundRequest) -> Inbound:
        """What it says, once its channel found it to be the provider's; nothing for one that was shown before.

        Raises InboundRefused, and NotFound where no such channel is in use.
        """
        asked = self._channel(channel)
        await asked.fetch_keys(request)
        inbound = asked.receive(request)
        if not inbound.once:
            return await asked.believed(inbound)
        body = hashlib.sha256(request.body).hexdigest()
        before = await self._box.used.body_of(_once(channel, inbound.once))
        if before == body:
            return Inbound(answer=inbound.answer, content_type=inbound.content_type)
        if before is not None:
            raise InboundRefused("this signature came with another body before")
        return msgspec.structs.replace(await asked.believed(inbound), body_digest=body)

    async def apply(self, channel: str, inbound: Inbound) -> None:
        """Put receipts, replies and consent on record; committed when it returns."""
        await self._receipts.apply_inbound(self._channel(channel), inbound)
        if inbound.once:
            await self._box.used.use(_once(channel, inbound.once), inbound.body_digest, until=inbound.once_until)
        if inbound.confirm_url:
            await self._confirm(inbound.confirm_url)

    async def _confirm(self, url: str) -> None:
        """Fetch a URL that a provider wants fetched once to begin; its host was checked by the channel."""
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        asked = Request(method="GET", path=path)
        answer = await self._http.exchange(f"{parts.scheme}://{parts.netloc}", asked, CONFIRM_SECONDS)
        if not isinstance(answer, Response) or not answer.ok:
            log.warning("a provider's confirmation did not go through; it asks again", host=parts.hostname)

    def _channel(self, name: str) -> Channel:
        lane = self._lanes.get(name)
        if lane is None or lane.channel is None:
            raise NotFound(f"no channel {name!r} is in use here")
        return lane.channel


def _once(channel: str, shown: str) -> str:
    return f"{channel} {hashlib.sha256(shown.encode()).hexdigest()}"
