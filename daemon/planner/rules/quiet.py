"""Whether the store's quiet hours hold a message back, and until when: pure. Asked before every attempt."""

from datetime import timedelta

from daemon.config import Settings
from daemon.planner.moments import instant, local


def quiet_until(settings: Settings, medium: str, now: int) -> int | None:
    """The instant (ms) at which the quiet hours that `now` (ms) lies in are over for this medium; None: send.

    The window is that of the store's clock and may run over midnight; on a day when the clocks change it begins and ends
    when they first show its times. Equal `from` and `to` mean no window.
    """
    hours = settings.quiet_hours
    if not hours.enabled or medium not in hours.media or hours.from_ == hours.to:
        return None
    end = None
    while (later := _window_end(settings, end or now)) is not None:
        end = later  # where clocks jump over a whole day, two windows may touch
    return end


def _window_end(settings: Settings, now: int) -> int | None:
    hours, zone = settings.quiet_hours, settings.store.zone
    today = local(now, zone).date()
    for day in (today - timedelta(days=1), today):
        last = day if hours.from_ < hours.to else day + timedelta(days=1)
        end = instant(last, hours.to, zone)
        if instant(day, hours.from_, zone) <= now < end:
            return end
    return None
