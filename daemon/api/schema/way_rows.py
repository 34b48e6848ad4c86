"""What the HTTP face shows of the line and of all text messages together: who answers for them says it like this."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol


class UplinkRow(Protocol):
    @property
    def state(self) -> str: ...
    @property
    def since(self) -> int: ...


class SmsRow(Protocol):
    @property
    def parts_today(self) -> int: ...
    @property
    def daily_parts(self) -> int: ...
    @property
    def cost_today(self) -> Decimal: ...
    @property
    def daily_cost(self) -> Decimal: ...
    @property
    def countries(self) -> Sequence[str]: ...
    @property
    def held_blocks(self) -> Sequence[str]: ...
