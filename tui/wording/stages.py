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


def stands_at(order: Order, status: str) -> str:
    """The newest status of that one's kind: of returns and refunds, which move no order, or else where it stands."""
    return order.after_sale if status.startswith(("return.", "refund.")) else order.status


def moved_to(before: Order, now: Order, status: str) -> str:
    """What somebody set meanwhile that whoever is about to set that status should know of; "" for nothing."""
    kinds = (status, now.status)
    return next((stands_at(now, each) for each in kinds if stands_at(now, each) != stands_at(before, each)), "")
