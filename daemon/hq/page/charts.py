"""A week as small charts: a bar an hour, drawn as SVG by the template. Pure."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from daemon.hq.troubles import DISK_LEAST

HOURS = 7 * 24
HEIGHT = 48
LONG_MS = 3_600_000
WORD_SECONDS = 30
"""How often a store says how it is."""


class Bar(msgspec.Struct, frozen=True):
    x: int
    y: float
    height: float
    bad: bool


class Chart(msgspec.Struct, frozen=True):
    """`most`: what the highest bar stands for; `last`: the newest hour's."""

    name: str
    bars: Sequence[Bar]
    most: float
    last: float
    days: Sequence[int]
    """Where days begin."""


class Hour(msgspec.Struct, frozen=True):
    hour: datetime
    heard: int
    line_down: int
    queued: int
    waited: int
    disk_free: int
    written: int


def charts(rows: Sequence[tuple[Any, ...]], now: datetime) -> list[Chart]:
    hours = {hour.hour: hour for hour in (Hour(*row) for row in rows)}
    first = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    each = [hours.get(first + timedelta(hours=n)) for n in range(HOURS)]
    days = [n for n in range(HOURS) if (first + timedelta(hours=n)).hour == 0]

    def chart(
        name: str, value: Callable[[Hour], float], bad: Callable[[Hour], bool], top: float | None = None
    ) -> Chart:
        values = [None if hour is None else value(hour) for hour in each]
        known = [each for each in values if each is not None]
        most = top or max(known, default=0.0)
        bars = [
            _bar(n, found, most, bad(hour))
            for n, (found, hour) in enumerate(zip(values, each, strict=True))
            if found is not None and hour
        ]
        return Chart(name, bars, max(known, default=0.0), known[-1] if known else 0.0, days)

    def heard(hour: Hour) -> float:
        """In per cent of the words that could have come by now."""
        seconds = min((now - hour.hour).total_seconds(), 3600.0)
        return min(100.0 * hour.heard / max(seconds / WORD_SECONDS, 1.0), 100.0)

    return [
        chart("heard", heard, lambda hour: heard(hour) < 50.0, 100.0),
        chart("line", lambda hour: 100.0 * hour.line_down / max(hour.heard, 1), lambda hour: hour.line_down > 0, 100.0),
        chart("queued", lambda hour: hour.queued, lambda hour: hour.waited > LONG_MS),
        chart("waited", lambda hour: hour.waited / 60_000, lambda hour: hour.waited > LONG_MS),
        chart("disk", lambda hour: hour.disk_free, lambda hour: hour.disk_free < DISK_LEAST),
        chart("written", lambda hour: hour.written, lambda hour: False),
    ]


def _bar(n: int, value: float, most: float, bad: bool) -> Bar:
    height = round(HEIGHT * min(value / most, 1.0), 1) if most else 0.0
    height = max(height, 1.0) if value else 0.5
    return Bar(n, round(HEIGHT - height, 1), height, bad)
