"""Contacts that a CRM was just asked to make. Its search shows them some seconds late, and where nothing but a number names somebody, a
second try, or the next message, would make them once more."""

from outbox.outcome import Deferred

SEARCH_LAGS_MS = 30_000
"""After which a search shows for sure what was made."""


class JustMade:
    """By number. In memory: a restart takes about as long as a search lags."""

    def __init__(self) -> None:
        self._at: dict[str, int] = {}

    def note(self, number: str, now: int) -> None:
        """It is being made at that moment (ms)."""
        self._at = {each: at for each, at in self._at.items() if abs(now - at) < SEARCH_LAGS_MS}
        self._at[number] = now

    def wait(self, number: str, now: int) -> Deferred | None:
        """How long to wait for the search to show it; None: nobody of that number was made lately."""
        left = self._at.get(number, now - SEARCH_LAGS_MS) + SEARCH_LAGS_MS - now
        if not 0 < left <= SEARCH_LAGS_MS:
            return None
        return Deferred("the search may not show yet what was just made", "search_lags", after=left / 1000)
