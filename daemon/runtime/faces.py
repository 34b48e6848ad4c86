"""What the HTTP face asks of the rest (`daemon.api.plumbing.services`), answered by the engine that is in force."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import cast

import msgspec

from daemon.api.plumbing.services import Manual, PreviewText
from daemon.channels.base import Channel, Inbound, InboundRequest, Refused
from daemon.engine import Engine
from daemon.planner.manual import Wish, manual_planner
from daemon.planner.plan import no_route
from daemon.planner.preview import preview
from daemon.planner.quiet import quiet_until
from daemon.planner.render import RenderError
from outbox.errors import NotFound
from outbox.model import Event, Medium, Order, Plan, Planner, Posted

MEDIUM_OF_FILE: Mapping[str, str] = {"sms": "sms", "email.txt": "email", "chat": "chat", "push": "push", "crm": "crm"}


class PlanningFace:
    """The store's routes, and messages by hand."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._plan = engine.planner

    def plan(self, posted: Posted, before: Order | None, after: Order) -> Plan:
        return self._plan(posted, before, after)

    def why_none(self, event_type: str) -> str:
        return "" if self._engine.routes.matching(event_type) else no_route(event_type, self._engine.settings)

    def manual(self, wish: Manual) -> Planner:
        return manual_planner(
            Wish(
                template=wish.template,
                text=wish.text,
                subject=wish.subject,
                audience=wish.audience,
                via=wish.via,
                urgent=wish.urgent,
            ),
            self._engine.settings,
            self._engine.reach,
        )

    def quiet_until(self, medium: str, now: int) -> int | None:
        return quiet_until(self._engine.settings, medium, now)


class PreviewFace:
    """Texts as they would be sent."""

    def __init__(self, engine: Engine) -> None:
        self._renderer = engine.renderer

    async def preview(
        self,
        *,
        template: str,
        medium: str,
        locale: str | None,
        event: Event | None,
        order: Order | None,
        text: str | None,
        subject: str | None = None,
        audience: str = "customer",
    ) -> PreviewText:
        try:
            shown = preview(
                self._renderer,
                template,
                cast("Medium", medium),
                locale,
                event=event,
                order=order,
                text=text,
                subject=subject,
                audience=audience,
            )
        except RenderError as error:
            raise (LookupError if error.line == 0 else ValueError)(str(error)) from error
        if shown.sms is None:
            return PreviewText(shown.rendered)
        return PreviewText(shown.rendered, shown.sms.encoding, shown.sms.units, shown.sms.parts)

    def templates(self) -> Mapping[str, Sequence[str]]:
        media: dict[str, set[str]] = defaultdict(set)
        for file in self._renderer.files.names():
            name = file.rpartition("/")[2].removesuffix(".j2")
            for ending, medium in MEDIUM_OF_FILE.items():
                template = name.removesuffix(f".{ending}")
                if template != name and "." in template and not template.endswith(".team"):
                    media[template].add(medium)
        return {name: sorted(found) for name, found in sorted(media.items())}


class ReceiptsFace:
    """Providers' requests, read by their channel and put on record by the receipt service."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def receive(self, channel: str, request: InboundRequest) -> Inbound:
        asked = self._channel(channel)
        await asked.fetch_keys(request)
        inbound = asked.receive(request)
        if not inbound.once:
            return await asked.believed(inbound)
        body = hashlib.sha256(request.body).hexdigest()
        before = await self._engine.box.used.body_of(_once(channel, inbound.once))
        if before == body:
            return Inbound(answer=inbound.answer, content_type=inbound.content_type)
        if before is not None:
            raise Refused("this signature came with another body before")
        return msgspec.structs.replace(await asked.believed(inbound), body_digest=body)

    async def apply_inbound(self, channel: str, inbound: Inbound) -> None:
        await self._engine.receipts.apply_inbound(self._channel(channel), inbound)
        if inbound.once:
            used = self._engine.box.used
            await used.use(_once(channel, inbound.once), inbound.body_digest, until=inbound.once_until)
        if inbound.confirm_url:
            await self._engine.confirm(inbound.confirm_url)

    def _channel(self, name: str) -> Channel:
        lane = self._engine.lanes.get(name)
        if lane is None or lane.channel is None:
            raise NotFound(f"no channel {name!r} is in use here")
        return lane.channel


def _once(channel: str, shown: str) -> str:
    return f"{channel} {hashlib.sha256(shown.encode()).hexdigest()}"
