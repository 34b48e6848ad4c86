"""What was asked of the service and was not done, or may not have been. It stands for a minute, and again after whatever is said meanwhile:
hands are faster than answers."""

import msgspec

from tui.terminal.clock import Clock

SECONDS = 60.0


class Failure(msgspec.Struct, frozen=True):
    """A sentence about it, since when and until when it stands (monotonic seconds)."""

    text: str
    at: float
    until: float


class Failures:
    """By what was asked of whom; the newest last."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_key: dict[str, Failure] = {}
        self._waits_until = 0.0

    def note(self, key: str, text: str) -> None:
        now = self._clock.monotonic()
        self.done(key)
        self._waits_until = now
        self._by_key[key] = Failure(text, now, now + SECONDS)

    def done(self, key: str) -> None:
        """It was done after all."""
        self._by_key.pop(key, None)

    def hush(self) -> None:
        """The newest was read."""
        self._by_key.popitem()

    def wait(self, seconds: float) -> None:
        """Something else is said for so long."""
        self._waits_until = self._clock.monotonic() + seconds
        self.prolong(seconds)

    def prolong(self, seconds: float) -> None:
        for key, failure in self._by_key.items():
            self._by_key[key] = msgspec.structs.replace(failure, until=failure.until + seconds)

    @property
    def standing(self) -> Failure | None:
        """The newest one; None while something else is said."""
        now = self._clock.monotonic()
        if now < self._waits_until:
            return None
        self._by_key = {key: failure for key, failure in self._by_key.items() if failure.until > now}
        return next(reversed(self._by_key.values()), None)
