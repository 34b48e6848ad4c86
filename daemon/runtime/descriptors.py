"""How many connections this process can hold: what the system allows it to open, less what its own work needs."""

import resource
from contextlib import suppress
from dataclasses import dataclass

from daemon.api.plumbing.places import Room

ENOUGH = 4096
"""More descriptors are never needed."""
OWN_WORK = 192
"""For the database, templates, the modem, and the requests that leave."""
TCP, SOCKET = 192, 96
"""Connections that each door has where the system allows as much."""
LEAST_TCP, LEAST_SOCKET = 16, 8
IDLE_STRANGER_S = 10.0


@dataclass(frozen=True)
class Rooms:
    tcp: Room
    socket: Room


def rooms() -> Rooms:
    """What each door may take, by RLIMIT_NOFILE (raised first as far as this process may)."""
    allowed = max(0, _allowed() - OWN_WORK)
    tcp = max(LEAST_TCP, min(TCP, allowed * 3 // 4))
    own = max(LEAST_SOCKET, min(SOCKET, allowed // 4))
    return Rooms(
        tcp=Room(total=tcp, each=max(8, tcp * 2 // 3), each_known=tcp * 3 // 4, kept=tcp // 4, wait=IDLE_STRANGER_S),
        socket=Room(total=own, each=max(2, own // 8), each_known=own // 2, kept=own // 2, wait=IDLE_STRANGER_S),
    )


def _allowed() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(ENOUGH, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # where it may not be raised, there are fewer places
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return ENOUGH if soft == resource.RLIM_INFINITY else min(soft, ENOUGH)
