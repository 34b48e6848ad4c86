"""Tells a barcode scanner from fingers: a scanner types a whole number faster than anybody could."""

GAP = 0.04
"""Seconds between two keys of a scanner at most (they take 1 to 20 ms; a fast typist's keys are 60 ms apart)."""
LEAST = 3
"""Keys that fast in a row before it is taken for a scan."""


class Scanner:
    """Feed it the printable keys that no text field took. `gap` 0 turns it off."""

    def __init__(self, gap: float = GAP) -> None:
        self._gap = gap
        self._burst = ""
        self._last = float("-inf")

    def feed(self, character: str, at: float) -> str | None:
        """The burst so far, once it is clear that it is one. `at`: seconds of a clock that only grows."""
        self._burst = self._burst + character if at - self._last <= self._gap else character
        self._last = at
        repeated = len(set(self._burst)) == 1
        return self._burst if self._gap and len(self._burst) >= LEAST and not repeated else None

    def reset(self) -> None:
        self._burst = ""
