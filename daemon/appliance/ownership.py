"""Root works on the service's files as the service's user: a file of root's among them would stop the service."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def as_owner_of(path: Path) -> Iterator[None]:
    """While in it, act as the owner of the nearest folder that there is, or, where that is root's, of a link on the way to it that is
    not; for all but root, nothing changes."""
    way = (path, *path.absolute().parents)
    owner = next(each for each in way if each.exists()).stat()
    if owner.st_uid == 0:
        links = [each.lstat() for each in way if each.is_symlink()]
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
