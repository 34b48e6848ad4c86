"""What somebody probably meant who wrote another word."""

from collections.abc import Collection, Iterable


def nearest(word: str, known: Iterable[str], *, alike: float = 0.6) -> str | None:
    """The one of them that is most like it; None where none is, by that measure (0 to 1)."""
    from difflib import get_close_matches  # a service whose settings have no mistake never needs it

    return next(iter(get_close_matches(word, list(known), n=1, cutoff=alike)), None)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a sentence that says there is no such thing; nothing where none is like it."""
    near = nearest(word, known)
    return f"; did you mean {near!r}?" if near else ""


def or_known(word: str, known: Collection[str], *, known_are: str = "known are") -> str:
    """The same, with all there are where none is like it."""
    return did_you_mean(word, known) or f"; {known_are} {', '.join(known) or 'none'}"
