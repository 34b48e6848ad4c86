"""Where an order stands in the shop, and what staff may do with it next: the one place that says so. Pure."""

from collections.abc import Mapping, Sequence

from daemon.wire.stages import Stage
from outbox.model import Order

_STAGE_OF: Mapping[str, Stage] = {
    "": "to_confirm",
    "order.placed": "to_confirm",
    "order.customization_needed": "to_confirm",
    "order.out_of_stock": "to_confirm",
    "order.confirmed": "making",
    "order.in_production": "making",
    "order.delayed": "making",
    "order.reopened": "making",
    "order.ready": "ready",
    "order.out_for_delivery": "out",
    "order.completed": "done",
    "order.cancelled": "done",
    "order.deleted": "done",
}
"""What asks the customer something waits for the answer: it is to be confirmed again."""
_OTHERS: Stage = "making"
"""Where an order stands that is at a status of the shop's own."""
_NEXT: Mapping[Stage, str] = {"to_confirm": "order.confirmed", "making": "order.ready", "out": "order.completed"}
_BY_HAND = (
    "order.confirmed",
    "order.in_production",
    "order.ready",
    "order.out_for_delivery",
    "order.completed",
    "order.delayed",
    "order.customization_needed",
    "order.out_of_stock",
    "order.cancelled",
    "order.placed",
    "return.requested",
    "return.received",
    "refund.issued",
)
"""What staff may say of an order, the usual way first."""
_BROUGHT = frozenset({"delivery", "shipping", "ship", "courier", "local_delivery"})


def stage_of(status: str) -> Stage:
    """Where on the counter's board an order of that status stands."""
    return _STAGE_OF.get(status, _OTHERS)


def statuses_of(stages: Sequence[str]) -> list[str]:
    """The statuses that stand at those stages, of those that stand anywhere by name."""
    return [status for status, its in _STAGE_OF.items() if its in stages]


def any_but(stages: Sequence[str]) -> list[str]:
    """Where statuses of the shop's own stand at one of those stages: the statuses that are none. Else none."""
    return list(_STAGE_OF) if _OTHERS in stages else []


def is_brought(fulfilment: str | None) -> bool:
    """Whether the shop takes it to the customer, as far as it is known."""
    return (fulfilment or "").casefold() in _BROUGHT


def next_step(order: Order) -> str:
    """The status that usually follows; "" where it has come to its end."""
    stage = stage_of(order.status)
    if stage == "ready":
        return "order.out_for_delivery" if is_brought(order.fulfilment) else "order.completed"
    return _NEXT.get(stage, "")


def steps(order: Order) -> tuple[str, ...]:
    """All that staff may set by hand, what usually follows first."""
    usual = next_step(order)
    others = tuple(status for status in _BY_HAND if status not in (usual, order.status))
    return (usual, *others) if usual else others
