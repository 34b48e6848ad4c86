"""What somebody probably meant who wrote another word."""

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], *, alike: float = 0.6) -> str | None:
    """The one of them that is most like it; None where none is, by that measure (0 to 1)."""
    from difflib import get_close_matches  # a service whose settings have no mistake never needs it

    return next(iter(get_close_matches(word, list(known), n=1, cutoff=alike)), None)
