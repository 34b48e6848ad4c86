"""Root works on the service's files as the service's user: a file of root's among them would stop the service."""

import os
import pwd
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

ACCESS_LIST = "system.posix_acl_access"


@contextmanager
def as_owner_of(path: Path) -> Iterator[None]:
    """While in it, act as the owner of the nearest folder that there is, or, where that is root's, of a link in its place or below it that
    is not; for all but root, nothing changes."""
    way = (path, *path.absolute().parents)
    near = next(n for n, each in enumerate(way) if each.exists())
    owner = way[near].stat()
    if owner.st_uid == 0:
        links = [each.lstat() for each in way[: near + 1] if each.is_symlink()]
        owner = next((link for link in links if link.st_uid != 0), owner)
    if os.geteuid() != 0 or owner.st_uid == 0:
        yield
        return
    group, mask = os.getegid(), os.umask(0o077)
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.umask(mask)


def lets(entry: Path, reader: os.stat_result, what: int) -> bool:
    """Whether its permissions let that reader: `what` is a bit for others. Where a list of its own (acl(5)) has a say too, it is taken at its
    word."""
    found = entry.stat()
    with suppress(OSError):  # a file system that has no such lists
        if ACCESS_LIST in os.listxattr(entry):
            return True
    if reader.st_uid == 0:
        return True
    if found.st_uid == reader.st_uid:
        what <<= 6
    elif found.st_gid in _groups(reader):
        what <<= 3
    return bool(found.st_mode & what)


def _groups(reader: os.stat_result) -> Sequence[int]:
    try:
        return os.getgrouplist(pwd.getpwuid(reader.st_uid).pw_name, reader.st_gid)
    except KeyError:
        return [reader.st_gid]
