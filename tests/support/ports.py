"""A port for a service that must be told one, or wants its own back."""

import socket

from daemon.hq.engines import free_ports


def free_port() -> int:
    """One that nobody listens on at the moment, nor is given meanwhile."""
    (port,) = free_ports(1)
    return port


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
