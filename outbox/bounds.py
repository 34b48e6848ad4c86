"""How large what a stranger says may be, as types that its decoder checks: what fits here fits every column that it is kept in, and every clock
that it is shown by. Far beyond what an honest store says."""

from typing import Annotated

from msgspec import Meta

_NO_NUL = r"\A[^\x00]*\Z"

Whole = Annotated[int, Meta(ge=0, le=2**53)]
"""A number in a row, or an amount."""
Small = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Written = Annotated[int, Meta(ge=0, le=2**50)]
"""Bytes: so few that an hour of them can be added up."""
Moment = Annotated[int, Meta(ge=0, le=253_402_300_799_999)]
"""ms, up to the year 9999."""
Name = Annotated[str, Meta(max_length=400, pattern=_NO_NUL)]
"""What something is called: short enough for an index."""
Hash = Annotated[str, Meta(max_length=64, pattern=_NO_NUL)]
Text = Annotated[str, Meta(max_length=4000, pattern=_NO_NUL)]
Long = Annotated[str, Meta(pattern=_NO_NUL)]
"""As long as what it comes in may be."""
Price = Annotated[str, Meta(pattern=r"\A\d{1,9}(\.\d{1,28})?(E[+-]?\d)?\Z")]
