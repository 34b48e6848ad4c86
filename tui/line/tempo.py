"""How commands and text are told apart by time: the one table of waits."""

from typing import NamedTuple


class Tempo(NamedTuple):
    """Seconds. All 0: every key is what it is bound to, at once."""

    settle: float = 0.4
    """A further character within this turns both into text."""
    join: float = 1.2
    """So long a character that is no command here still belongs to the commands before it: slow fingers spell a name."""
    arm: float = 0.6
    """No box takes Enter before it has been seen for this long."""
    slide: float = 0.5
    """No key does anything to what came under the cursor by itself before it has been there for this long."""
    scan: float = 0.04
    """Between two keys of a scanner at most (they take 1 to 20 ms; a fast typist's keys are 60 ms apart)."""
    held: float = 0.12
    """Between two Enters of a key that is held down at most (the Pi's own console repeats it every 92 ms); who presses twice is slower."""


AT_ONCE = Tempo(0, 0, 0, 0, 0, 0)
