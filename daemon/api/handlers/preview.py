"""What would go out, and what stands in its way: the plan of an event that did not happen. Changes nothing."""

from collections.abc import Iterator, Mapping
from typing import Literal

from daemon.api.plumbing import present
from daemon.api.plumbing.services import Services
from daemon.dispatch.board import ChannelStatus
from daemon.planner.preview import Preview, preview
from daemon.planner.quiet import quiet_until
from daemon.planner.render import RenderError
from daemon.wire.steps import Caution, Planned
from daemon.wire.values import When
from outbox.masks import mask_address
from outbox.model import Order, PlannedMessage, Planner, Posted, Rendered, State
from outbox.orders import project
from outbox.reasons import whole_args

MEDIUM_ADDRESS = {"sms": "phone", "email": "email"}


async def prospect(services: Services, order: Order | None, posted: Posted, plan: Planner) -> tuple[Planned, ...]:
    """The messages that this event would lead to, each rendered for the channel it would take first."""
    after = project(order, posted)
    channels = {row.name: row for row in await services.engine.board.board()}
    found = [await _one(services, each, posted, after, channels) for each in plan(posted, order, after).messages]
    return tuple(found)


async def _one(
    services: Services, message: PlannedMessage, posted: Posted, order: Order, channels: Mapping[str, ChannelStatus]
) -> Planned:
    channel = _first(message, channels)
    warnings = [*_planned_trouble(message), *await _trouble(services, message, order, channel)]
    text = Preview(rendered=Rendered(""))
    if channel is not None:
        try:
            text = preview(
                services.engine.renderer,
                message.template,
                channel.medium,
                order.customer.locale,
                event=posted.event,
                order=order,
                text=message.text,
                subject=message.subject,
                audience=message.audience,
            )
        except RenderError as error:
            warnings.append(Caution("template_broken", detail=str(error)))
    return Planned(
        audience=message.audience,
        to=mask_address(_address(message, channel)),
        medium=channel.medium if channel else None,
        channel=channel.name if channel else "",
        via=message.via,
        subject=text.rendered.subject,
        text=text.rendered.text,
        sms=present.sms_size(text),
        due_at=When(message.due_at) if message.due_at > posted.received_at else None,
        warnings=tuple(warnings),
    )


def _first(message: PlannedMessage, channels: Mapping[str, ChannelStatus]) -> ChannelStatus | None:
    """The channel it would take: the first that is well, else the first of its ways."""
    ways = [channels[name] for name in message.via if name in channels]
    return next((way for way in ways if way.state == "ready"), ways[0] if ways else None)


def _address(message: PlannedMessage, channel: ChannelStatus | None) -> str:
    kind = MEDIUM_ADDRESS.get(channel.medium, channel.name) if channel else ""
    return message.addresses.get(kind) or next(iter(message.addresses.values()), "")


def _planned_trouble(message: PlannedMessage) -> Iterator[Caution]:
    if message.state is State.QUEUED:
        return
    why = message.reason
    suppressed = "no_address" if message.audience == "customer" else "no_channel"
    code: Literal["no_address", "no_channel", "not_sent"] = (
        suppressed if message.state is State.SUPPRESSED else "not_sent"  # type: ignore[assignment]
    )
    yield Caution(code, detail=str(why), reason_code=why.code, reason_args=whole_args(why))


async def _trouble(
    services: Services, message: PlannedMessage, order: Order, channel: ChannelStatus | None
) -> list[Caution]:
    if channel is None:
        return (
            [] if message.state is not State.QUEUED else [Caution("no_channel", detail="no channel is enabled for it")]
        )
    found: list[Caution] = []
    if channel.state in ("misconfigured", "paused"):
        found.append(Caution("no_channel", channel.medium, detail=f"{channel.title}: {channel.reason}"))
    medium, address = channel.medium, _address(message, channel)
    if address and (reason := await services.box.consent.blocked(medium, address)):
        since = reason.args.get("since")
        found.append(
            Caution(
                "opted_out",
                medium,
                since=When(since) if since else None,
                detail=str(reason),
                reason_code=reason.code,
                reason_args=whole_args(reason),
            )
        )
    until = None if message.policy.urgent else quiet_until(services.settings, medium, message.due_at)
    if until is not None:
        found.append(Caution("quiet_hours", medium, until=When(until)))
    if services.engine.board.uplink().state == "down" and channel.name != "modem":
        found.append(Caution("line_down", medium, detail="it waits for the line" + _or_modem(message)))
    if order.held and not message.policy.manual:
        found.append(Caution("held", detail="the order's automatic messages are on hold"))
    if channel.daily_limit is not None and channel.sent_today >= channel.daily_limit:
        found.append(
            Caution("limit_used", medium, detail=f"{channel.title} has sent its {channel.daily_limit} of today")
        )
    return found


def _or_modem(message: PlannedMessage) -> str:
    return ", or goes by the modem" if "modem" in message.via else ""
