"""The probe of the line, against networks that are there by half."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from daemon.dispatch.probe import Probe
from tests.support.busy import LONGEST, MOST, until


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
        assert await Probe()("both.example", 443, MOST)


async def test_one_that_nobody_answers_ends_in_time() -> None:
    with nobody_answers() as (host, port):
        assert not await Probe()(host, port, 0.2)


async def test_while_name_servers_say_nothing_a_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """For hours, every five seconds: each lookup would hold one of the few threads that customers' messages need too."""
    over, asked = threading.Event(), list[str]()

    def hangs(host: str, *place: Any, **more: Any) -> Any:
        asked.append(host)
        over.wait(LONGEST)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", hangs)

    async def begun(*names: str) -> None:
        async def are_looked_up() -> bool:
            return len(asked) >= len(names)

        await until(are_looked_up)
        assert asked == [*names]

    probe = Probe()
    try:
        for _ in range(3):
            assert not await probe("api.example.com", 443, 0.05)
        await begun("api.example.com")
        assert not await probe("other.example.com", 443, 0.05)
        await begun("api.example.com", "other.example.com")
    finally:
        over.set()
    assert not await probe("api.example.com", 443, 10)
    before = len(asked)
    assert not await probe("api.example.com", 443, 10)
    assert len(asked) == before + 1, "what has ended is looked up anew"


async def test_what_is_still_looked_up_at_the_end_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *place, **more: over.wait(20))
    probe = Probe()
    assert not await probe("api.example.com", 443, 0.05)
    probe.close()
    over.set()
