"""What all doors of one service share: what was turned away, the bodies that nobody vouched for yet, and how long the hook took."""

from daemon.api.plumbing.latency import Latency
from daemon.api.plumbing.places import Places
from daemon.api.plumbing.tally import Tally
from daemon.api.plumbing.unvouched import UnvouchedBodies
from outbox.clock import Clock


class Guards:
    """Made once for a service; each door's application is made with it."""

    def __init__(self, clock: Clock) -> None:
        self.tally = Tally(clock)
        self.bodies = UnvouchedBodies(clock, self.tally)
        self.accepts = Latency()
        self.places: dict[str, Places] = {}
        """By door: "tcp", "socket"."""
