"""The codes that the world agreed on: currencies (ISO 4217) and countries (ISO 3166), each with what was probably meant. A leaf."""

from functools import cache

import phonenumbers
from babel.numbers import list_currencies

from daemon.wire.near import nearest

_MEANT = {"GER": "DE", "SP": "ES", "USA": "US"}
"""What people write for a country."""
_USUAL = ("GBP", "EUR", "USD", "CHF", "CAD", "AUD", "NZD", "SEK", "NOK", "DKK", "PLN", "CZK", "JPY")


@cache
def currencies() -> frozenset[str]:
    return frozenset(list_currencies())


def currency_trouble(code: str) -> str:
    """What is wrong with it, "" for nothing. Small letters will do."""
    if code.upper() in _USUAL or code.upper() in currencies():
        return ""
    meant = nearest(code.upper(), _USUAL) or "" if len(code) == len(_USUAL[0]) else ""
    return _words(code, "currency", "ISO 4217", meant, "GBP")


def country_trouble(code: str) -> str:
    """What is wrong with it, "" for nothing: a country is one whose telephone numbers are known."""
    if code.upper() in phonenumbers.SUPPORTED_REGIONS:
        return ""
    if code.upper() in ("UK", "EN", "ENG"):
        return f'{code!r} is no country\'s code (ISO 3166); the United Kingdom is "GB"'
    return _words(code, "country", "ISO 3166", _MEANT.get(code.upper(), ""), "GB")


def _words(code: str, what: str, standard: str, meant: str, example: str) -> str:
    hint = f'did you mean "{meant}"?' if meant else f'write it like "{example}"'
    return f"{code!r} is no {what}'s code ({standard}); {hint}"
