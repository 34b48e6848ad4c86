"""Where the HTTP face listens: TCP for tills and scripts, the unix socket for the counter. Each listener is made with its own door."""

import asyncio
import errno
import ipaddress
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from socket import (
    AF_INET,
    AF_INET6,
    AF_UNIX,
    AI_PASSIVE,
    EAI_AGAIN,
    IPPROTO_IP,
    IPPROTO_IPV6,
    IPV6_V6ONLY,
    SO_RCVBUF,
    SO_REUSEADDR,
    SOCK_DGRAM,
    SOCK_STREAM,
    SOL_SOCKET,
    gaierror,
    getaddrinfo,
    socket,
)
from typing import Any

import structlog

from daemon.api.app import make_app, set_up
from daemon.api.plumbing.gate import SocketGate, TokenGate
from daemon.api.plumbing.guards import Guards
from daemon.api.plumbing.peers import Peers
from daemon.api.plumbing.places import Places
from daemon.api.plumbing.services import Services
from daemon.config import ConfigError, Hook
from daemon.runtime.acceptor import Acceptor
from daemon.runtime.descriptors import rooms
from daemon.runtime.tls import tls_context
from daemon.supervise import call_off

log = structlog.get_logger(__name__)

SHUTDOWN_SECONDS = 5.0
"""How long requests under way may take once the service stops."""
BACKLOG = 512
RECEIVED_AT_ONCE = 32 * 2**10
"""What the system takes in of a connection before it is read: with TLS each such piece is held three times over."""
IP_FREEBIND = 15
"""Listen at an address that the machine does not have yet (ip(7)); it counts for both families."""
LOOK_AGAIN_SECONDS = 5.0
NOBODY = "no till on the network gets through"
SOCKET_MODE = 0o666
"""Any user may knock: the door asks the kernel who it is, and the folder's own permissions say who gets as far as that."""


@asynccontextmanager
async def listening(services: Services, path: Path, *, folder: Path, unattended: bool = False) -> AsyncIterator[str]:
    """Serve both doors; yields the TCP door's URL. Raises ConfigError when one can't be opened.

    `unattended`: nobody is there to read a refusal, and a Pi is often up before the router has given it its address, or says what a name stands
    for; or another program has the port for a while. So the service works without (`absent_address` or `Services.hook_trouble` says so), and
    tills get through once it comes."""
    guards, hook = Guards(services.clock), services.settings.hook
    async with AsyncExitStack() as doors:
        early = unattended and bool(absent_address(hook))
        try:
            url = await doors.enter_async_context(tcp_door(services, guards, folder=folder, early=early))
        except ConfigError as error:
            if not (unattended and _may_come_yet(hook, error.__cause__)):
                raise
            await doors.enter_async_context(_tcp_door_to_come(services, guards, folder=folder, why=str(error)))
            url = f"unix:{path}"
        await doors.enter_async_context(unix_door(services, guards, path))
        yield url


@asynccontextmanager
async def tcp_door(services: Services, guards: Guards, *, folder: Path, early: bool = False) -> AsyncIterator[str]:
    """Tokens and signatures, over TLS where it is set up; yields the URL. `early`: the machine may not have the address yet."""
    hook = services.settings.hook
    context = tls_context(hook, folder)
    with _tcp_sockets(hook, early=early) as sockets:
        places = guards.places["tcp"] = Places(rooms().tcp, services.clock, guards.tally)
        runner = await set_up(make_app(TokenGate(services, guards)), shutdown_timeout=SHUTDOWN_SECONDS)
        async with Acceptor(runner, places, guards.tally, services.clock, context=context).accepting(sockets):
            host, port = sockets[0].getsockname()[:2]
            yield f"{'https' if context else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def _may_come_yet(hook: Hook, error: BaseException | None) -> bool:
    """Whether it is for want of what the network says of a name, since a wrong one can't be told from that; or another program is there, which
    may end."""
    code = getattr(error, "errno", None)
    is_of_the_network = isinstance(error, gaierror) or code == errno.EADDRNOTAVAIL
    return (is_of_the_network and not _is_address(hook.host)) or code == errno.EADDRINUSE


@asynccontextmanager
async def _tcp_door_to_come(services: Services, guards: Guards, *, folder: Path, why: str) -> AsyncIterator[None]:
    """The TCP door, opened as soon as its name stands for an address of this machine, and its port is free."""
    services.hook_trouble = f"{NOBODY}: {why}"
    failure: Exception | None = None
    ended = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        opening = group.create_task(_open_once_it_can_be(services, guards, folder, ended), name="TCP door")
        try:
            yield
        except Exception as error:  # raised again below as it is: the group would wrap it
            failure = error
        finally:
            ended.set()
            if services.hook_trouble:  # else the door is open, and answers what is under way before it closes
                await call_off(opening)
    if failure is not None:
        raise failure


async def _open_once_it_can_be(services: Services, guards: Guards, folder: Path, ended: asyncio.Event) -> None:
    hook = services.settings.hook
    while not await services.clock.wait(ended, LOOK_AGAIN_SECONDS):
        if trouble := await asyncio.to_thread(unknown_name, hook):
            services.hook_trouble = trouble
            continue
        try:
            async with tcp_door(services, guards, folder=folder) as url:
                services.hook_trouble = ""
                log.info("tills on the network get through", url=url)
                await ended.wait()
        except ConfigError as error:
            services.hook_trouble = f"{NOBODY}: {error}"


@asynccontextmanager
async def unix_door(services: Services, guards: Guards, path: Path) -> AsyncIterator[None]:
    """The counter's own door: the kernel says who is there."""
    with _unix_socket(path) as listener:
        peers = Peers(services.settings.hook.socket_groups, owner=path.stat().st_uid)
        places = guards.places["socket"] = Places(rooms().socket, services.clock, guards.tally)
        runner = await set_up(make_app(SocketGate(services, guards, peers)), shutdown_timeout=SHUTDOWN_SECONDS)
        async with Acceptor(runner, places, guards.tally, services.clock, peers=peers).accepting([listener]):
            yield


def cannot_listen(hook: Hook, error: OSError) -> str:
    """Why, and what to do: the same words from `run` and from the doctor."""
    place = f"{hook.host}:{hook.port}"
    words = f"hook.host, hook.port: can't listen on {place}: {error.strerror or error}"
    if isinstance(error, gaierror) and error.errno == EAI_AGAIN:
        return f"{words}. The name server that knows {hook.host!r} does not answer: is the router on? An address instead of a name needs none"
    if isinstance(error, gaierror):
        return f"{words}. {hook.host!r} is no name or address of this machine; write 127.0.0.1, or 0.0.0.0 for tills on the LAN"
    if error.errno == errno.EADDRINUSE:
        return (
            f"{words}. Is another Tether running, or another program there? `ss -tlnp 'sport = :{hook.port}'` says which; "
            "stop it, or listen elsewhere: [hook] port, or `tether run --port`"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{words}. That is no address of this machine (`ip addr` lists them); 0.0.0.0 stands for all of them"
    if error.errno == errno.EACCES:
        return f"{words}. Ports below 1024 are the system's; choose another, such as 8787"
    return words


def absent_address(hook: Hook) -> str:
    """Why no till on the network gets through just now; "": not for want of the hook's address."""
    try:
        family = AF_INET6 if ipaddress.ip_address(hook.host).version == 6 else AF_INET
        with socket(family, SOCK_DGRAM) as probe:
            probe.bind((hook.host, 0))
    except ValueError:
        return ""
    except OSError as error:
        if error.errno != errno.EADDRNOTAVAIL:
            return ""
        return (
            f"{NOBODY}: hook.host: {hook.host} is no address of this machine now (`ip addr` lists them). "
            "Is the cable in and the router on? If it gives this machine other addresses, write 0.0.0.0"
        )
    return ""


def unknown_name(hook: Hook) -> str:
    """Why no till on the network gets through, where nobody says just now what the name in `hook.host` stands for; "" else. Takes seconds."""
    try:
        _addresses(hook)
    except gaierror as error:
        return f"{NOBODY}: {cannot_listen(hook, error)}"
    return ""


def _addresses(hook: Hook) -> Iterable[tuple[int, tuple[Any, ...]]]:
    """Of each kind; raises gaierror."""
    found = getaddrinfo(hook.host, hook.port, type=SOCK_STREAM, flags=AI_PASSIVE)
    return dict.fromkeys((family, address) for family, _, _, _, address in found)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def try_to_listen(hook: Hook) -> None:
    """Listen as the service would, and let go. Raises ConfigError."""
    with _tcp_sockets(hook):
        pass


@contextmanager
def _tcp_sockets(hook: Hook, *, early: bool = False) -> Iterator[Sequence[socket]]:
    """One for each address that the host's name stands for."""
    with ExitStack() as stack:
        sockets: list[socket] = []
        try:
            for family, address in _addresses(hook):
                listener = stack.enter_context(socket(family, SOCK_STREAM))
                listener.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
                listener.setsockopt(SOL_SOCKET, SO_RCVBUF, RECEIVED_AT_ONCE)
                if family == AF_INET6:
                    listener.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 1)
                if early:
                    listener.setsockopt(IPPROTO_IP, IP_FREEBIND, 1)
                _listen(listener, address)
                sockets.append(listener)
        except OSError as error:
            raise ConfigError(cannot_listen(hook, error)) from error
        yield sockets


@contextmanager
def _unix_socket(path: Path) -> Iterator[socket]:
    """The owner's lock on the database is held by now: a socket that is still there was left by a process that died."""
    path.unlink(missing_ok=True)
    with socket(AF_UNIX, SOCK_STREAM) as listener:
        try:
            _listen(listener, str(path))
        except OSError as error:
            raise ConfigError(f"hook.socket: can't listen on {path}: {error.strerror or error}") from error
        path.chmod(SOCKET_MODE)
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


def _listen(listener: socket, address: tuple[Any, ...] | str) -> None:
    listener.bind(address)
    listener.listen(BACKLOG)
    listener.setblocking(False)
