"""Which disks should be mounted, and are: what is meant for one must not go to the card that lies beneath, where nobody looks for it."""

import re
from pathlib import Path

TO_BE_MOUNTED, MOUNTED = Path("/etc/fstab"), Path("/proc/self/mountinfo")
"""What the owner wants mounted (fstab(5)), and what is (proc_pid_mountinfo(5))."""


def bare_mount_point(path: Path) -> Path | None:
    """The folder on the way to it where a disk should be mounted and none is, so that it lies on the card; None: there is none."""
    whole = path.resolve()
    mounted = _places(MOUNTED, 4, root=3)
    wanted = _places(TO_BE_MOUNTED, 1) & {whole, *whole.parents} - {Path("/")}
    return min(filter(_is_of_the_disk_around, wanted - mounted), default=None) if mounted else None


def _is_of_the_disk_around(folder: Path) -> bool:
    """Whatever the tables say, on a disk of its own something is mounted."""
    try:
        return folder.stat().st_dev == folder.parent.stat().st_dev
    except OSError:
        return True


def _places(file: Path, column: int, *, root: int | None = None) -> set[Path]:
    """The mount points in a table of the system's, whose spaces are written as octal numbers. `root`: the column that says what of its disk
    is mounted there: what systemd binds onto itself, so that the service may write there, is no disk."""
    try:
        rows = [line.split() for line in file.read_text(encoding="utf-8", errors="surrogateescape").splitlines()]
    except OSError:
        return set()
    named = (
        row[column]
        for row in rows
        if len(row) > column
        and not row[0].startswith("#")
        and (root is None or row[root] != row[column] or row[root] == "/")
    )
    return {Path(re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), name)) for name in named}
