"""The circuit breaker of one channel: after failures in a row it lets nothing through for a while, then one probe at a time."""

THRESHOLD = 5
FIRST_WAIT = 30.0
LONGEST_WAIT = 300.0


class Breaker:
    """Closed, open, or half open. Times are monotonic seconds, passed in."""

    def __init__(self) -> None:
        self.failures = 0
        self._wait = FIRST_WAIT
        self._open_until: float | None = None
        self._probing = False

    @property
    def is_open(self) -> bool:
        return self._open_until is not None

    def room(self, now: float) -> int | None:
        """How many may start: None while closed, 0 while open, 1 when it is time for a probe."""
        if self._open_until is None:
            return None
        return 1 if now >= self._open_until and not self._probing else 0

    def seconds_until_probe(self, now: float) -> float:
        return 0.0 if self._open_until is None else max(0.0, self._open_until - now)

    def start(self) -> None:
        """An attempt starts: while open it is the probe."""
        self._probing = self.is_open

    def succeed(self) -> bool:
        """The provider answered as one that works. True if this closed the breaker."""
        was_open = self.is_open
        self.failures, self._wait, self._open_until, self._probing = 0, FIRST_WAIT, None, False
        return was_open

    def abandon(self) -> None:
        """An attempt ended that says nothing of the provider (it was cut by us, or by the line)."""
        self._probing = False

    def fail(self, now: float) -> bool:
        """The provider failed. True if this opened the breaker (a failed probe opens it again, for longer)."""
        self.failures += 1
        if self.is_open:
            if not self._probing:
                return False
            self._wait = min(self._wait * 2, LONGEST_WAIT)
        elif self.failures < THRESHOLD:
            return False
        self._probing = False
        self._open_until = now + self._wait
        return True
