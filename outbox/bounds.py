"""How large what a stranger says may be, as types that its decoder checks: what fits here fits every column that it is kept in, and every clock
that it is shown by. Far beyond what an honest store says. (What no column holds at all, a NUL, is refused in the body as a whole:
`daemon.fleet.wire.unpack`. As a pattern of each text here it took six times as long as all the rest of the decoding.)"""

from typing import Annotated

from msgspec import Meta

Whole = Annotated[int, Meta(ge=0, le=2**53)]
"""A number in a row, or an amount."""
Small = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Written = Annotated[int, Meta(ge=0, le=2**50)]
"""Bytes: so few that an hour of them can be added up."""
Moment = Annotated[int, Meta(ge=0, le=253_402_300_799_999)]
"""ms, up to the year 9999."""
Name = Annotated[str, Meta(max_length=400)]
"""What something is called: short enough for an index."""
Hash = Annotated[str, Meta(max_length=64)]
Text = Annotated[str, Meta(max_length=4000)]
Price = Annotated[str, Meta(pattern=r"\A[0-9]{1,9}(\.[0-9]{1,28})?(E[+-]?[0-9])?\Z")]
"""In the digits that PostgreSQL counts with: `\\d` has those of every script."""
