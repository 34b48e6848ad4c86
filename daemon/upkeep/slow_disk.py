"""Asking a disk that may not answer: a stick that dies, a share whose server is off. The kernel waits for it as long as it likes, and nothing
can call that off, so nobody else may have to wait.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from typing import TypeVar

from daemon.upkeep.errors import BackupError

T = TypeVar("T")

LONGEST = 30.0
_hanging: set[Thread] = set()
"""Those that have not come back."""


async def in_time(folder: Path, work: Callable[[], T]) -> T:
    """What work on that folder comes to, in a thread of its own, which keeps no process from ending. Raises BackupError where it takes too
    long, and from then on at once, until the disk has answered: hardly a second thread hangs beside the first."""
    _hanging.difference_update([thread for thread in _hanging if not thread.is_alive()])
    if _hanging:
        raise BackupError(
            f"{folder} can't be looked at: a disk has not answered yet what it was asked before ([backup] to)"
        )
    outcome: Future[T] = Future()
    thread = Thread(target=_do, args=(work, outcome), name="backup store", daemon=True)
    thread.start()
    try:
        async with asyncio.timeout(LONGEST):
            return await asyncio.wrap_future(outcome)
    except TimeoutError as error:
        _hanging.add(thread)
        raise BackupError(
            f"{folder} does not answer: is the stick well, is the share's server on? ([backup] to)"
        ) from error


def _do(work: Callable[[], T], outcome: "Future[T]") -> None:
    outcome.set_running_or_notify_cancel()
    try:
        outcome.set_result(work())
    except Exception as error:  # whoever asked gets it
        outcome.set_exception(error)
