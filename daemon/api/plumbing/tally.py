"""What was turned away, and at which cap: counted for /metrics, told in the log at most once a minute for each cap."""

from collections import Counter
from collections.abc import Mapping

import structlog

from outbox.clock import Clock

log = structlog.get_logger(__name__)

TELL_EVERY_S = 60.0
CAPS: Mapping[str, str] = {
    "connections_address": "connections of one address",
    "connections_total": "connections in all",
    "header_wait": "connections that sent no request in time",
    "header_bytes": "request headers too long, or too many requests ahead",
    "request_wait": "requests of strangers that took too long",
    "answers": "bytes of answers that strangers do not take",
    "descriptors": "connections not taken because this machine ran out of descriptors or memory",
    "bodies": "bodies that nobody has vouched for yet, at a time",
    "body_bytes": "bodies too large",
    "body_wait": "bodies that did not arrive in time",
    "credentials": "wrong tokens and signatures of one address",
    "rate": "calls of one token or address",
    "streams": "streams that are open at a time",
    "unavailable": "requests that could not be served at present",
    "gone": "requests whose connection was gone",
}
"""Every cap by name, with what it limits."""


class Tally:
    """One for the whole service: whatever turns somebody away counts it here."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: dict[str, float] = {}
        self._untold: Counter[str] = Counter()
        self.counts: dict[str, int] = dict.fromkeys(CAPS, 0)

    def count(self, cap: str, **about: object) -> None:
        """One more; `about` says of the latest where it came from."""
        self.counts[cap] += 1
        self._untold[cap] += 1
        now = self._clock.monotonic()
        if now - self._told.get(cap, float("-inf")) >= TELL_EVERY_S:
            self._told[cap] = now
            log.warning("turned away", cap=cap, what=CAPS[cap], times=self._untold.pop(cap), **about)
