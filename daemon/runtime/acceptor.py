"""Accepts connections at one door: each gets a place, or none, before a byte of it is read or a handshake begun."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from struct import pack

from aiohttp import web

from daemon.api.app import SERVER_OPTIONS
from daemon.api.plumbing.connection import Connection
from daemon.api.plumbing.peers import Peer, Peers
from daemon.api.plumbing.places import Guest, Places
from daemon.api.plumbing.tally import Tally
from outbox.clock import Clock

SWEEP_EVERY_S = 1.0
HANDSHAKE_S = 10.0
GOODBYE_S = 2.0
"""For the other side's half of closing a TLS connection."""
SHORT_OF_DESCRIPTORS_S = 0.5
_RESET = pack("ii", 1, 0)


class Acceptor:
    """One door's: its places, and who is at the other end where the door is the socket."""

    def __init__(
        self,
        runner: web.AppRunner,
        places: Places,
        tally: Tally,
        clock: Clock,
        *,
        peers: Peers | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._runner = runner
        self._places = places
        self._tally = tally
        self._clock = clock
        self._peers = peers
        self._context = context

    @asynccontextmanager
    async def accepting(self, sockets: Sequence[socket.socket]) -> AsyncIterator[None]:
        """Accept while in it; then answer what is under way, and close."""
        failure: Exception | None = None
        async with asyncio.TaskGroup() as group:
            works = [group.create_task(self._accept(each, group), name="accept") for each in sockets]
            works.append(group.create_task(self._sweep(), name="sweep"))
            try:
                yield
            except Exception as error:  # raised again below as it is: the group would wrap it
                failure = error
            finally:
                for work in works:
                    work.cancel()
                await self._runner.cleanup()
                self._places.close()
        if failure is not None:
            raise failure

    async def _accept(self, listening: socket.socket, group: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, address = await loop.sock_accept(listening)
            except (OSError, MemoryError) as error:
                self._tally.count("descriptors", why=str(error))
                await self._clock.sleep(SHORT_OF_DESCRIPTORS_S)
                continue
            self._receive(accepted, address, group)

    def _receive(self, accepted: socket.socket, address: object, group: asyncio.TaskGroup) -> None:
        peer = None
        if self._peers is not None:
            try:
                peer = self._peers.of(accepted)
            except OSError:  # gone already
                accepted.close()
                return
            name = f"uid {peer.uid}"
        else:
            name = str(address[0]) if isinstance(address, tuple) else "unknown"
        guest = self._places.enter(name)
        if guest is None:
            _reset(accepted)
            return
        if peer is not None and peer.scopes:
            self._places.prove(guest)
        serving = group.create_task(self._serve(accepted, guest, peer), name="connection")
        guest.end = serving.cancel
        serving.add_done_callback(lambda done: self._let_go(accepted, guest) if done.cancelled() else None)

    async def _serve(self, accepted: socket.socket, guest: Guest, peer: Peer | None) -> None:
        """Hand it to the HTTP face, after its handshake where there is one."""
        server = self._runner.server
        if server is None:  # closing
            self._let_go(accepted, guest)
            return

        def connection() -> Connection:
            return Connection(server, guest=guest, peer=peer, places=self._places, tally=self._tally, **SERVER_OPTIONS)

        waits = {"ssl_handshake_timeout": HANDSHAKE_S, "ssl_shutdown_timeout": GOODBYE_S} if self._context else {}
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(connection, accepted, ssl=self._context, **waits)
        except (OSError, MemoryError):
            self._let_go(accepted, guest)

    def _let_go(self, accepted: socket.socket, guest: Guest) -> None:
        self._places.leave(guest)
        accepted.close()

    async def _sweep(self) -> None:
        while True:
            await self._clock.sleep(SWEEP_EVERY_S)
            self._places.sweep()


def _reset(connection: socket.socket) -> None:
    """Hang up without lingering: nothing of it stays in the kernel either."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    finally:
        connection.close()
