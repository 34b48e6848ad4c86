"""What text messages have cost today, in parts and in money, over all channels and the modem together. Pure: days and amounts in, words out."""

from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

from daemon.dispatch.limits import StoreDay
from outbox.reasons import Reason


class Spent(msgspec.Struct, frozen=True):
    """One message's share of its day, to be given back where it turns out not to have left."""

    day: str
    parts: int
    cost: Decimal


class Spending:
    """The store's day, which begins at its midnight."""

    def __init__(self, daily_parts: int, daily_cost: Decimal, zone: ZoneInfo) -> None:
        self.daily_parts = daily_parts
        self.daily_cost = daily_cost
        self._day = StoreDay(zone)
        self._parts = 0
        self._cost = Decimal(0)

    def parts(self, now: int) -> int:
        self._turn(now)
        return self._parts

    def cost(self, now: int) -> Decimal:
        self._turn(now)
        return self._cost

    def exceeded_by(self, parts: int, cost: Decimal, now: int) -> Reason | None:
        """Which limit one more message of that size would pass; None for none."""
        self._turn(now)
        if self._parts + parts > self.daily_parts:
            limit = self.daily_parts
            return Reason(
                f"today's {limit} parts of text messages are used up ([sms] daily_parts)", "sms_parts", limit=limit
            )
        if self._cost + cost > self.daily_cost:
            money = f"{self.daily_cost:.2f}"
            return Reason(f"today's {money} for text messages is used up ([sms] daily_cost)", "sms_cost", limit=money)
        return None

    def spend(self, parts: int, cost: Decimal, now: int) -> Spent:
        self._turn(now)
        self._parts += parts
        self._cost += cost
        return Spent(self._day.name, parts, cost)

    def give_back(self, spent: Spent, parts: int | None = None) -> None:
        """So many of its parts did not leave (None: none did; fewer than none: more left). What was counted on another day is over with it."""
        if spent.day == self._day.name:
            unspent = spent.parts if parts is None else parts
            self._parts -= unspent
            self._cost -= spent.cost * unspent / spent.parts

    def _turn(self, now: int) -> None:
        if self._day.is_another(now):
            self._parts, self._cost = 0, Decimal(0)
