"""Root works on the service's files as the service's user: a file of root's among them would stop the service."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def as_owner_of(path: Path) -> Iterator[None]:
    """While in it, act as the owner of the nearest folder that there is; for all but root, nothing changes."""
    folder = next(each for each in (path, *path.absolute().parents) if each.exists())
    owner = folder.stat()
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
