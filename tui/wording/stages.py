"""What staff call the stages and statuses of orders. Which they are, and what comes next, the service says."""

from daemon.wire.orders import Order
from daemon.wire.stages import Stage, standing
from tui.i18n import text

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


def stage_of(order: Order) -> Stage:
    """The stage that the service names. One that this release does not know stands with what is made: it is not done."""
    return standing(order.stage)
