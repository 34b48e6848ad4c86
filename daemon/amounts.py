"""A decimal number out of a stranger's words, small enough to be written out."""

from decimal import Decimal, InvalidOperation

_DIGITS = 100
"""1E-300000000 has eleven letters, and written out three hundred million."""
_BEYOND = Decimal(10) ** 15


def decimal_of(text: str) -> Decimal | None:
    """None: it is no number, or one that no amount can be."""
    try:
        amount = Decimal(text) if len(text) <= _DIGITS else None
    except InvalidOperation:
        return None
    if amount is None or not amount.is_finite() or abs(amount.adjusted()) > _DIGITS or abs(amount) >= _BEYOND:
        return None
    return amount
