"""Text as it is compared: without capitals and accents."""

import unicodedata


def fold(typed: str) -> str:
    """Without capitals and accents: "Zoë" is found by "zoe"."""
    if typed.isascii():
        return typed.lower()
    spread = unicodedata.normalize("NFKD", typed.casefold())
    if spread.isascii():
        return spread  # as with "+44…0123", and so with most orders that the line looks through at each letter
    return "".join(character for character in spread if not unicodedata.combining(character))
