"""What a customer said to their order by the shop's exact words: that they are outside, yes, or no. Pure."""

from daemon.wire.orders import Order
from tui.i18n import Texts, text
from tui.wording.times import Times
from tui.wording.words import BAD, GOOD, WARN, Say

HEARD = {"arrived": text("is outside"), "yes": text("answers YES"), "no": text("answers NO")}
"""By the service's names."""


def heard(order: Order, t: Texts, times: Times, now: int) -> Say | None:
    """What still counts of it, with its time: who is outside waits while the order is open; an answer is one to the question that the order's
    status asks, and to no other."""
    if order.arrived_at is not None and order.stage != "done":
        return Say(f"{t(HEARD['arrived'])} {times.brief(order.arrived_at, now)}", WARN)
    answered = order.answered
    if answered is not None and answered.answer in HEARD and answered.at >= (order.status_at or 0):
        return Say(
            f"{t(HEARD[answered.answer])} {times.brief(answered.at, now)}", BAD if answered.answer == "no" else GOOD
        )
    return None
