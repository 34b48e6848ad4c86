"""Ports for services that must be told one, or want their own back. Each of pytest's workers draws from its own, in turn: between being found
free and being listened on none is given to another."""

import os
import socket
from collections.abc import Iterator
from itertools import chain, cycle, islice

LOWEST, HIGHEST = 11_000, 20_000
"""Below those that systems give outgoing connections, and those that demos of ours find; and above the last that browsers refuse."""


def ports_of(worker: int, workers: int, start: int = 0) -> Iterator[int]:
    """Those of one of so many workers, again and again, from its `start`th on."""
    size = (HIGHEST - LOWEST) // workers
    first = LOWEST + worker % workers * size
    begin = first + start % size
    return cycle(chain(range(begin, first + size), range(first, begin)))


_own = ports_of(
    int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")),
    int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")),
    start=os.getpid(),
)
"""Two suites on one machine begin at different places."""


def free_ports(count: int) -> list[int]:
    """Nobody listens on them at the moment, nor is given them meanwhile."""
    return list(islice(filter(_is_free, _own), count))


def free_port() -> int:
    (port,) = free_ports(1)
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class HeldPort:
    """Bound, so that no other program is given it meanwhile, and deaf."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None

    def hold(self, address: tuple[str, int]) -> None:
        if self._socket is None:
            self._socket = socket.socket()
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind(address)

    def let_go(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
