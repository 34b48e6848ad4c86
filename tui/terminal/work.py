"""Work beside the screen, owned by what is on it: Textual cancels it when its owner goes."""

from collections.abc import Callable, Coroutine
from typing import Any

from textual.dom import DOMNode
from textual.worker import Worker


def run_newest(owner: DOMNode, work: Callable[[], Coroutine[Any, Any, None]], group: str) -> None:
    """Run it; an older run of the same group is cancelled, since its answer is no longer wanted."""
    _worker: Worker[None] = owner.run_worker(work, group=group, exclusive=True)
