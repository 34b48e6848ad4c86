"""Access tokens that the stand-in token endpoints gave out: they lapse, as real ones do."""

from random import Random


class Tokens:
    """Bounded: beyond `_KEEP` the oldest is forgotten, as good as lapsed."""

    _KEEP = 1000

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._lapse: dict[tuple[str, str], int] = {}

    def issue(self, provider: str, now: int, lifetime: int, *, prefix: str = "") -> str:
        """A new token of that provider, good for `lifetime` seconds from wall ms `now`."""
        token = f"{prefix}{self._rng.getrandbits(256):064x}"
        self._lapse[provider, token] = now + lifetime * 1000
        if len(self._lapse) > self._KEEP:
            del self._lapse[next(iter(self._lapse))]
        return token

    def good(self, provider: str, token: str | None, now: int) -> bool:
        return token is not None and self._lapse.get((provider, token), 0) > now

    def revoke(self) -> None:
        """Every token lapses at once."""
        self._lapse.clear()
