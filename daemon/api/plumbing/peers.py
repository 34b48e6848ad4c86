"""Who is at the other end of the unix socket, as the kernel says it (SO_PEERCRED, SO_PEERGROUPS), and what that user may do here."""

import array
import grp
import os
import pwd
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass

SO_PEERGROUPS = 59
"""asm-generic/socket.h; Python has no name for it."""
_CREDENTIALS = struct.Struct("iII")
_MOST_BYTES = 1024
"""As much as Python asks a socket for: 256 groups."""
ROOT = 0
_WIDEST_FIRST = ("admin", "staff", "read", "events")


@dataclass(frozen=True, slots=True)
class Peer:
    """The user whose process connected."""

    uid: int
    user: str
    scopes: frozenset[str]

    @property
    def name(self) -> str:
        """For the record: the name may be given to another user one day, the number is what the kernel saw."""
        return f"{self.user} (uid {self.uid})" if self.user else f"uid {self.uid}"

    @property
    def label(self) -> str:
        """The same where it stands in brackets itself."""
        return f"{self.user}, uid {self.uid}" if self.user else f"uid {self.uid}"


class Peers:
    """Reads who connected. `groups`: the scope that each group of the system gives (`[hook] socket_groups`)."""

    def __init__(self, groups: Mapping[str, str], *, owner: int) -> None:
        self._groups = groups
        self._admins = frozenset({ROOT, os.geteuid(), owner})
        """`owner`: the user whose folder the socket lies in."""

    def of(self, connection: socket.socket) -> Peer:
        """Raises OSError when the kernel does not say: then nobody is there."""
        _, uid, gid = _CREDENTIALS.unpack(
            connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        )
        if uid in self._admins:
            return Peer(uid, _user(uid), frozenset({"admin"}))
        user = _user(uid)
        return Peer(uid, user, self._scopes(_groups_of(connection, user, gid)))

    def refusal(self, peer: Peer) -> str:
        """What a user is told who belongs to none of the groups."""
        given = ", ".join(f"{group!r} gives the scope {scope}" for group, scope in self._groups.items())
        remedy = (
            f"belong to one ({given}): `sudo usermod -aG GROUP {peer.user or peer.uid}`, then sign in anew"
            if given
            else 'none gives anything here: `[hook] socket_groups = {"GROUP" = "staff"}` in tether.toml does'
        )
        return f"the user {peer.name} is in no group that may use this socket; {remedy}"

    def which(self, scope: str) -> str:
        """Which group gives a scope."""
        names = [repr(name) for name, given in self._groups.items() if given == scope]
        return f"the group {' or '.join(names)} gives it" if names else "no group of `[hook] socket_groups` gives it"

    def _scopes(self, ids: set[int]) -> frozenset[str]:
        """The widest of those that the user's groups give."""
        given = {scope for name, scope in self._groups.items() if _gid(name) in ids}
        widest = next((scope for scope in _WIDEST_FIRST if scope in given), None)
        return frozenset() if widest is None else frozenset({widest, *(given & {"events"})})


def _groups_of(connection: socket.socket, user: str, gid: int) -> set[int]:
    """The groups that the peer's process has; where the kernel can't say (before 4.13, or too many), those on file for its user."""
    try:
        found = array.array("I", connection.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, _MOST_BYTES))
    except OSError:
        return {gid, *(os.getgrouplist(user, gid) if user else ())}
    return {gid, *found}


def _gid(group: str) -> int | None:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        return None


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""
