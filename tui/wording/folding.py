"""Text as it is compared: without capitals and accents."""

import unicodedata

WHOLE = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"})
"""Letters that Unicode takes for letters of their own, and keyboards without them for others."""


def fold(typed: str) -> str:
    """Without capitals and accents: "Zoë" is found by "zoe", "Łukasz" by "lukasz"."""
    if typed.isascii():
        return typed.lower()
    spread = unicodedata.normalize("NFKD", typed.casefold()).translate(WHOLE)
    if spread.isascii():
        return spread  # as with "+44…0123", and so with most orders that the line looks through at each letter
    return "".join(character for character in spread if not unicodedata.combining(character))
