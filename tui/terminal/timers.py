"""Timers that come, however late."""

from textual.timer import Timer


def however_late(timer: Timer, *, pause: bool = False) -> Timer:
    """Textual 8 leaves out a turn that its process was too busy for, also the only one of a timer that has no other: what waits for it, such as a
    terminal's new size, would wait for ever. `timer`: made paused, since from Python 3.12 on Textual has it look at the clock while it is made."""
    timer._skip = False
    if not pause:
        timer.resume()
    return timer
