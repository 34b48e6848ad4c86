"""What an order is promised for: a moment, or a day. Pure; moments are on the store's clock."""

from datetime import datetime, time, timedelta


def is_day(promised: datetime) -> bool:
    """Whether it names a day and no time of it: its beginning, which is what stands where a shop asks its customers for a date alone.
    Nobody collects balloons then. That is midnight, or one o'clock where the clocks go forward at midnight."""
    return promised.timestamp() == _begin(promised).timestamp()


def kept_until(promised: datetime) -> datetime:
    """Until when it is kept: a day that is promised, until it is over."""
    return _begin(promised + timedelta(days=1)) if is_day(promised) else promised


def _begin(moment: datetime) -> datetime:
    return datetime.combine(moment.date(), time(), moment.tzinfo)
