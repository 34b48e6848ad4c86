"""What would go out, and what stands in its way, as it is told to staff. Changes nothing."""

from collections.abc import Mapping

from daemon.api.plumbing.present import sms_size
from daemon.api.plumbing.services import Services
from daemon.dispatch.forecast import Foreseen, Hindrance
from daemon.wire.steps import Caution, Planned
from daemon.wire.values import When
from outbox.masks import mask_address
from outbox.model import Medium, Order, Planner, Posted, State
from outbox.reasons import whole_args

CAUTIONS: Mapping[str, str] = {
    "opted_out": "opted_out",
    "opted_out_elsewhere": "opted_out",
    "declined": "opted_out",
    "no_address": "no_address",
    "bad_address": "no_address",
    "quiet_hours": "quiet_hours",
    "line_down": "line_down",
    "on_hold": "held",
    "after_restore": "held",
    "after_repair": "held",
    "daily_limit": "limit_used",
    "sms_parts": "limit_used",
    "sms_cost": "limit_used",
    "no_channel": "no_channel",
    "not_enabled": "no_channel",
    "no_team": "no_channel",
    "channel_out": "no_channel",
    "text_broken": "template_broken",
}
"""By the reason that the dispatcher, or the planner before it, would give."""


async def prospect(services: Services, order: Order | None, posted: Posted, plan: Planner) -> tuple[Planned, ...]:
    """The messages that this event would lead to, each rendered for the channel it would take first."""
    found = await services.engine.forecast.of(order, posted, plan)
    return tuple(_told(each, posted.received_at) for each in found)


def _told(each: Foreseen, now: int) -> Planned:
    due_at, message = each.message.due_at, each.message
    unknown = "no_address" if message.state is State.SUPPRESSED and message.audience == "customer" else "not_sent"
    return Planned(
        audience=each.message.audience,
        to=mask_address(each.to),
        medium=each.medium,
        channel=each.channel,
        via=each.message.via,
        subject=each.text.subject,
        text=each.text.text,
        sms=sms_size(each.sms),
        due_at=When(due_at) if due_at > now else None,
        warnings=tuple(_caution(one, each.medium, unknown) for one in each.hindrances),
    )


def _caution(one: Hindrance, medium: Medium | None, unknown: str) -> Caution:
    why, since = one.reason, one.reason.args.get("since")
    return Caution(
        CAUTIONS.get(why.code, unknown),
        medium,
        until=None if one.until is None else When(one.until),
        since=When(since) if since else None,
        detail=str(why),
        reason_code=why.code,
        reason_args=whole_args(why),
    )
