"""Work beside the screen, owned by what is on it: Textual cancels it when its owner goes."""

from collections.abc import Callable, Coroutine
from typing import Any

from textual.css.query import NoMatches
from textual.dom import DOMNode
from textual.worker import Worker


def run_newest(owner: DOMNode, work: Callable[[], Coroutine[Any, Any, None]], group: str) -> None:
    """Run it; an older run of the same group is cancelled, since its answer is no longer wanted."""

    async def run() -> None:
        try:
            await work()
        except NoMatches:
            if not owner._pruning:
                raise  # else the answer came while its owner was being taken down, its widgets first: nobody waits for it

    _worker: Worker[None] = owner.run_worker(run, group=group, exclusive=True)
