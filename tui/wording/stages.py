"""Where an order stands in the shop, and what comes next: plain rules on event types."""

from daemon.wire.orders import Order
from tui.i18n import text

STAGES = ("to_confirm", "making", "ready", "out", "done")
OPEN_STAGES = STAGES[:-1]

STAGE_WORDS = {
    "to_confirm": text("to confirm"),
    "making": text("making"),
    "ready": text("ready"),
    "out": text("out"),
    "done": text("done today"),
}

STATUS_WORDS = {
    "order.placed": text("placed"),
    "order.confirmed": text("confirmed"),
    "order.in_production": text("being made"),
    "order.ready": text("ready"),
    "order.out_for_delivery": text("out for delivery"),
    "order.completed": text("completed"),
    "order.cancelled": text("cancelled"),
    "order.delayed": text("delayed"),
    "order.customization_needed": text("question about the design"),
    "order.out_of_stock": text("out of stock"),
    "return.requested": text("return asked for"),
    "return.received": text("return received"),
    "refund.issued": text("refunded"),
    "payment.confirmed": text("paid"),
    "payment.failed": text("payment failed"),
    "order.changed": text("changed"),
    "order.reopened": text("taken up again"),
    "order.deleted": text("deleted in the shop"),
    "payment.pending": text("not paid yet"),
}
"""What staff call each event type; others are shown as they are."""

_STAGE_OF = {
    "order.placed": "to_confirm",
    "order.customization_needed": "to_confirm",
    "order.out_of_stock": "to_confirm",
    "order.confirmed": "making",
    "order.in_production": "making",
    "order.delayed": "making",
    "order.reopened": "making",
    "order.ready": "ready",
    "order.out_for_delivery": "out",
    "": "to_confirm",
}

_SHOPS_OWN = frozenset({"order.changed", "order.reopened", "order.deleted"})
SETTABLE = tuple(
    kind for kind in STATUS_WORDS if kind.startswith(("order.", "return.", "refund.")) and kind not in _SHOPS_OWN
)
"""The statuses that staff may set by hand, as the box lists them."""


def stage_of(order: Order) -> str:
    """The stage the service names, or what its status implies."""
    return order.stage if order.stage in STAGES else _STAGE_OF.get(order.status, "done")


def is_delivered(order: Order) -> bool:
    """Whether the shop takes it to the customer."""
    return order.fulfilment in {"delivery", "shipping", "ship"}


def next_status(order: Order) -> str | None:
    """What `n` does to an order; None where it has come to its end."""
    stage = stage_of(order)
    if stage == "ready":
        return "order.out_for_delivery" if is_delivered(order) else "order.completed"
    return {"to_confirm": "order.confirmed", "making": "order.ready", "out": "order.completed"}.get(stage)
