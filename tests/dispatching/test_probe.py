"""The probe of the line, against networks that are there by half."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from daemon.dispatch.uplink import connect


@contextmanager
def nobody_answers() -> Iterator[tuple[Any, ...]]:
    """A place whose backlog is full: whoever connects is left waiting."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as dead, ExitStack() as stack:
        for _ in range(4):
            held = stack.enter_context(socket.socket())
            held.setblocking(False)
            held.connect_ex(dead.getsockname())
        yield dead.getsockname()


async def test_it_takes_whichever_address_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """IPv6 that the router promises and nobody carries: requests leave by IPv4 all the same (RFC 8305), and the line was down for good."""
    with nobody_answers() as dead, socket.create_server(("127.0.0.1", 0)) as good:
        places = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", each) for each in (dead, good.getsockname())]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *place, **more: places)
        assert await connect("both.example", 443, 2.0)


async def test_one_that_nobody_answers_ends_in_time() -> None:
    with nobody_answers() as (host, port):
        assert not await connect(host, port, 0.2)
