"""Amounts as senders write them (cents, decimal text, JSON numbers) into decimal strings. Pure."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from daemon.amounts import decimal_of

MoneyForm = Literal["decimal", "minor", "number"]

_NONE = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
)
_THREE = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])


def exponent(currency: str) -> int:
    """How many decimals its minor unit has (Stripe's list)."""
    code = currency.upper()
    return 0 if code in _NONE else 3 if code in _THREE else 2


def amount_of(text: str, form: MoneyForm, currency: str, decimals: Mapping[str, int] = {}) -> str | None:
    """A decimal string; None: it is no amount. Text and numbers are rounded to the currency's decimals. `decimals`: by currency, where
    the sender counts in other minor units."""
    amount = decimal_of(text)
    if amount is None:
        return None
    places = decimals.get(currency.upper(), exponent(currency))
    if form == "minor":
        amount = amount.scaleb(-places)
    return f"{amount.quantize(Decimal(1).scaleb(-places)):f}"


def rounded(amount: Decimal, currency: str | None) -> str:
    """With the currency's decimals, of which some senders drop the zeros."""
    return f"{amount:.{exponent(currency or '')}f}"
