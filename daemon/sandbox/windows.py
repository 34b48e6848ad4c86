"""Who wrote to the store of late: Meta lets a business answer freely for 24 hours, and after that by approved templates only."""

OPEN_FOR = 24 * 3600 * 1000
"""ms"""


class Windows:
    """When each customer last wrote, by provider. Bounded: the oldest is forgotten first."""

    _KEEP = 10_000

    def __init__(self) -> None:
        self._wrote: dict[tuple[str, str], int] = {}

    def wrote(self, provider: str, customer: str, now: int) -> None:
        """The customer wrote at wall ms `now`."""
        self._wrote.pop((provider, customer), None)
        self._wrote[provider, customer] = now
        if len(self._wrote) > self._KEEP:
            del self._wrote[next(iter(self._wrote))]

    def is_open(self, provider: str, customer: str, now: int) -> bool:
        at = self._wrote.get((provider, customer))
        return at is not None and now - at < OPEN_FOR

    def clear(self) -> None:
        self._wrote.clear()
