"""Text as it is compared: without capitals and accents."""

import unicodedata


def fold(typed: str) -> str:
    """Without capitals and accents: "Zoë" is found by "zoe"."""
    if typed.isascii():
        return typed.lower()
    spread = unicodedata.normalize("NFKD", typed.casefold())
    return "".join(character for character in spread if not unicodedata.combining(character))
