"""The first shift: what new staff try out once, ticked off when it truly was done. Pure."""

from collections.abc import Sequence, Set
from typing import NamedTuple

from daemon.wire.requests.act import Act
from daemon.wire.requests.orders import StatusChange
from tui.i18n import text
from tui.shop.state import Shop
from tui.wording.words import UNTOLD


class Mission(NamedTuple):
    name: str
    does: str
    """In a few words."""
    how: str
    """The keys."""


MISSIONS = (
    Mission("find", text("find an order"), text("type a name or number, enter")),
    Mission("ready", text("make an order ready"), text("n on one being made")),
    Mission("undo", text("take a step back"), text("u while it is offered")),
    Mission("fix", text("reach somebody who was NOT TOLD"), text("f on the red one")),
    Mission("answer", text("answer a customer"), text("4, then m")),
    Mission("hold", text("hold an order's messages"), text("h on its page")),
    Mission("walk-in", text("take a walk-in's order"), text("1, then a")),
)


class Training:
    """Which missions are done. `shown`: whether their line stands on the screen."""

    def __init__(self) -> None:
        self.shown = True
        self._done: set[str] = set()

    @property
    def done(self) -> Set[str]:
        return self._done

    @property
    def open(self) -> Sequence[Mission]:
        """Those that are still to be done, in their order."""
        return [mission for mission in MISSIONS if mission.name not in self._done]

    def tick(self, name: str) -> None:
        self._done.add(name)


def mission_of(call: Act, shop: Shop) -> str:
    """What will be done by a call that staff are about to have made; "" for nothing that is practised."""
    ref, ending = call.path.split("/")[3:4], call.path.rpartition("/")[2]
    order = shop.orders.get(ref[0]) if ref else None
    match ending:
        case "status" if isinstance(call.body, StatusChange) and call.body.status == "order.ready":
            return "ready"
        case "undo" | "hold":
            return ending
        case "contact" | "told" if order is not None and order.told is not None and order.told.state in UNTOLD:
            return "fix"
        case "done" if call.path.startswith("/v1/call-list/"):
            return "fix"
        case "messages" if any(reply.order_ref == ref[0] for reply in shop.replies.values()):
            return "answer"
        case "orders":
            return "walk-in"
        case _:
            return ""
