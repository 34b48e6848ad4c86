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
    """By what was asked, in staff's words; the newest last."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_name: dict[str, Failure] = {}
        self._waits_until = 0.0

    def note(self, name: str, text: str) -> None:
        now = self._clock.monotonic()
        self.done(name)
        self._waits_until = now
        self._by_name[name] = Failure(text, now, now + SECONDS)

    def done(self, name: str) -> None:
        """It was done after all."""
        self._by_name.pop(name, None)

    def hush(self) -> None:
        """The newest was read."""
        self._by_name.popitem()

    def wait(self, seconds: float) -> None:
        """Something else is said for so long."""
        self._waits_until = self._clock.monotonic() + seconds
        for name, failure in self._by_name.items():
            self._by_name[name] = msgspec.structs.replace(failure, until=failure.until + seconds)

    @property
    def standing(self) -> Failure | None:
        """The newest one; None while something else is said."""
        now = self._clock.monotonic()
        if now < self._waits_until:
            return None
        self._by_name = {name: failure for name, failure in self._by_name.items() if failure.until > now}
        return next(reversed(self._by_name.values()), None)
