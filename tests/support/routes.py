"""All calls of the HTTP face, as it declares them."""

from daemon.api import app as module
from daemon.api.handlers.board import Board
from daemon.api.handlers.metrics import Metrics
from daemon.api.handlers.stream import Stream
from daemon.api.plumbing.gate import TokenGate
from daemon.api.plumbing.guards import Guards
from daemon.api.plumbing.route import AnyRoute
from tests.support.small_store import open_store


async def routes() -> list[AnyRoute]:
    async with open_store() as store:
        guards = Guards(store.clock)
        gate = TokenGate(store.services, guards)
        return list(module._table(gate, Metrics(guards), Stream(store.services), Board(store.services), ""))
