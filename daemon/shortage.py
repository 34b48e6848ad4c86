"""This machine ran short of descriptors or memory: that says nothing of whoever was to be reached or of what was to be sent, and passes."""

import errno
import os
import socket

_SHORT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
CODE = "short"


def is_short(error: BaseException) -> bool:
    """Whether that is what an error comes from, however it was wrapped."""
    at: BaseException | None = error
    while at is not None:
        if isinstance(at, MemoryError) or (isinstance(at, OSError) and at.errno in _SHORT):
            return True
        if isinstance(at, socket.gaierror) and _no_descriptor_left():  # the resolver does not say what it lacked
            return True
        at = getattr(at, "os_error", None) or at.__cause__
    return False


def words(error: BaseException) -> str:
    """For the record: what was lacking."""
    lack = "memory" if isinstance(error, MemoryError) else getattr(error, "strerror", None) or type(error).__name__
    return f"this machine ran short ({lack})"


def _no_descriptor_left() -> bool:
    try:
        os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return error.errno in _SHORT
    return False
