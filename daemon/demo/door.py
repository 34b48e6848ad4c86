"""Where the demo's screen finds it: one socket of this user's, the same each time, so that a screen comes back by itself."""

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

LONGEST = 100
"""Characters of a socket's path that every system takes."""


def demo_door(environ: Mapping[str, str]) -> Path:
    """The socket of the demo that this user runs. Only its name: a demo may run or not."""
    state = environ.get("XDG_STATE_HOME") or Path(environ.get("HOME") or "/tmp") / ".local" / "state"  # noqa: S108
    return Path(state) / "tether" / "demo.sock"


@contextmanager
def held_door(environ: Mapping[str, str]) -> Iterator[Path | None]:
    """That socket's path for as long as the block lasts. None: another demo holds it, or no socket can be there."""
    door = demo_door(environ)
    try:
        if len(str(door)) > LONGEST:
            raise OSError(f"{door}: longer than a socket's path may be")
        door.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = door.with_suffix(".lock").open("w")
    except OSError:
        yield None
        return
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield door
