"""Who may hold a connection: so many for one address, so many in all, some of them only for those who proved themselves lately.

When there is no place left, the connection that has waited longest without having proved anything makes room: a flood of idle ones
keeps nobody out.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from daemon.api.plumbing.tally import Tally
from outbox.clock import Clock

KNOWN_FOR_S = 24 * 3600.0
"""How long an address counts as known after a good token or signature came from it."""
MOST_KNOWN = 1024
MOST_UNREAD = 2 * 2**20
"""Bytes of answers that those who have proved nothing may leave lying in all."""
REQUEST_WAIT_S = 60.0
"""How long a request of somebody who has proved nothing may take, and then its answer until it is all taken."""


@dataclass(frozen=True)
class Room:
    """How many connections a door has."""

    total: int
    each: int
    """Of one address."""
    each_known: int
    kept: int
    """Of the total, only for addresses that proved themselves lately."""
    wait: float
    """Seconds until a request must have come from somebody who has proved nothing."""


@dataclass(eq=False)
class Guest:
    """One connection, from the moment it is accepted."""

    address: str
    """Its place is counted for this: an IP address, or a user."""
    since: float
    """When it was accepted, or its latest request came (monotonic)."""
    known: bool
    """Its address proved itself lately, or it did so itself."""
    proved: bool = False
    busy: bool = False
    """A request of its is being answered."""
    stays: bool = False
    """It follows a stream, which has a cap of its own."""
    end: Callable[[], object] = field(default=lambda: None)
    """Hang up at once, whatever is under way and whatever it has not taken."""
    unread: Callable[[], int] = field(default=lambda: 0)
    """Bytes of its answers that it has not taken."""


class Places:
    """The connections of one door."""

    def __init__(self, room: Room, clock: Clock, tally: Tally) -> None:
        self.room = room
        self._clock = clock
        self._tally = tally
        self._guests: dict[str, dict[Guest, None]] = {}
        self._known: dict[str, float] = {}
        self.taken = 0

    def enter(self, address: str) -> Guest | None:
        """A place for one more of that address; None: there is none, not even by making room."""
        is_known = self.knows(address)
        own = self._guests.get(address, {})
        if len(own) >= (self.room.each_known if is_known else self.room.each):
            self._tally.count("connections_address", address=address)
            if not self._make_room(iter(own)):
                return None
        most = self.room.total if is_known else self.room.total - self.room.kept
        if (self.taken if is_known else self._strangers()) >= most or self.taken >= self.room.total:
            self._tally.count("connections_total", address=address)
            if not self._make_room(self._of_strangers()):
                return None
        guest = Guest(address, self._clock.monotonic(), is_known)
        self._guests.setdefault(address, {})[guest] = None
        self.taken += 1
        return guest

    def leave(self, guest: Guest) -> None:
        """May be called twice."""
        own = self._guests.get(guest.address, {})
        if guest in own:
            del own[guest]
            self.taken -= 1
            if not own:
                del self._guests[guest.address]

    def prove(self, guest: Guest) -> None:
        """A good token or signature came this way."""
        guest.proved = guest.known = True
        self._known.pop(guest.address, None)
        self._known[guest.address] = self._clock.monotonic()
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]

    def begin(self, guest: Guest) -> None:
        """A request of its came."""
        guest.busy, guest.since = True, self._clock.monotonic()
        if not guest.proved:
            self._make_room_for_answers()

    def done(self, guest: Guest) -> None:
        """It has its answer."""
        guest.busy, guest.stays, guest.since = False, False, self._clock.monotonic()

    def knows(self, address: str) -> bool:
        at = self._known.get(address)
        return at is not None and self._clock.monotonic() - at < KNOWN_FOR_S

    def sweep(self) -> None:
        """Hang up on those who have proved nothing and take too long."""
        now = self._clock.monotonic()
        for guest in [guest for own in self._guests.values() for guest in own if not guest.proved]:
            if guest.busy or guest.unread():
                if not guest.stays and now - guest.since > REQUEST_WAIT_S:
                    self._end(guest, "request_wait")
            elif now - guest.since > self.room.wait:
                self._end(guest, "header_wait")

    def _make_room_for_answers(self) -> None:
        """Who has proved nothing and leaves most of its answers lying goes."""
        unread = {guest: guest.unread() for own in self._guests.values() for guest in own if not guest.proved}
        held = sum(unread.values())
        while held > MOST_UNREAD:
            most = max(unread, key=lambda guest: unread[guest])
            held -= unread.pop(most)
            self._end(most, "answers")

    def close(self) -> None:
        """The door is shut. Who is left has an answer that they don't take, which the loop would wait for at its end."""
        for guest in [guest for own in self._guests.values() for guest in own]:
            self.leave(guest)
            guest.end()

    def _end(self, guest: Guest, cap: str) -> None:
        self._tally.count(cap, address=guest.address)
        self.leave(guest)
        guest.end()

    def _strangers(self) -> int:
        return sum(len(own) for address, own in self._guests.items() if not self.knows(address))

    def _of_strangers(self) -> Iterator[Guest]:
        return (guest for address, own in self._guests.items() if not self.knows(address) for guest in own)

    def _make_room(self, guests: Iterator[Guest]) -> bool:
        """The one that waits longest without having proved anything goes, else one that merely idles."""
        idle = [guest for guest in guests if not guest.busy]
        if not idle:
            return False
        gone = min(idle, key=lambda guest: (guest.proved, guest.since))
        self.leave(gone)
        gone.end()
        return True
