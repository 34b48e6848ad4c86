"""What the HTTP face asks of the rest (`daemon.api.services`), answered by the engine that is in force."""

from typing import TYPE_CHECKING

from daemon.api.services import Manual, PreviewText, Services
from daemon.channels.base import Channel, Inbound, InboundRequest
from daemon.engine import Engine
from daemon.planner.manual import Wish, manual_planner
from daemon.planner.preview import preview
from daemon.planner.render import RenderError
from outbox.errors import NotFound
from outbox.model import Event, Medium, Order, Plan, Planner, Posted

if TYPE_CHECKING:
    from daemon.app import Service


class PlanningFace:
    """The store's routes, and messages by hand."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.plan: Planner = engine.planner

    def manual(self, wish: Manual) -> Planner:
        try:
            return manual_planner(
                Wish(
                    template=wish.template,
                    text=wish.text,
                    subject=wish.subject,
                    audience=wish.audience,
                    via=wish.via or (),
                ),
                self._engine.settings,
                self._engine.reach,
            )
        except LookupError as error:
            raise ValueError(str(error)) from error


class ReceiptsFace:
    """Providers' requests, read by their channel and put on record by the desk."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def receive(self, channel: str, request: InboundRequest) -> Inbound:
        return self._channel(channel).receive(request)

    async def apply_inbound(self, channel: str, inbound: Inbound) -> None:
        await self._engine.desk.apply_inbound(self._channel(channel), inbound)

    def _channel(self, name: str) -> Channel:
        lane = self._engine.lanes.get(name)
        if lane is None or lane.channel is None:
            raise NotFound(f"no channel {name!r} is in use here")
        return lane.channel
