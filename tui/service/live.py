"""The service's stream of changes, followed for as long as the screen is open: it resumes where it was, and comes back by itself."""

import random
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

import msgspec

from tui.i18n import text
from tui.service.client import Client, Refused, ServiceError
from tui.terminal.clock import Clock

FIRST_WAIT = 0.5
LONGEST_WAIT = 10.0
"""Seconds between tries to reach a service that is away: from the first, doubling, to the longest, with jitter."""
LONGEST_EVENT = 4 * 2**20


class StreamEvent(msgspec.Struct, frozen=True):
    """One server-sent event (WHATWG HTML, 9.2)."""

    name: str
    data: str
    id: str


class Connected(msgspec.Struct, frozen=True):
    """The stream runs. `resumed`: it goes on where it was, so that nothing was missed."""

    resumed: bool


class Gone(msgspec.Struct, frozen=True):
    """The stream broke or could not be had; the next try comes after `wait` seconds. `refused`: the service is there, and says no."""

    reason: str
    wait: float
    refused: bool = False


Signal = Connected | StreamEvent | Gone


class Parser:
    """Bytes of a text/event-stream in, events out; the bytes may be cut anywhere."""

    def __init__(self, last_id: str = "") -> None:
        self.last_id = last_id
        self._rest = b""
        self._name = ""
        self._data: list[str] = []

    def feed(self, data: bytes) -> Iterator[StreamEvent]:
        self._rest += data.replace(b"\r\n", b"\n")
        if len(self._rest) > LONGEST_EVENT:
            raise ServiceError("the stream sends a line without an end")
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            event = self._line(line.removesuffix(b"\r").decode("utf-8", "replace"))
            if event:
                yield event

    def _line(self, line: str) -> StreamEvent | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._name = value
        elif field == "id" and "\0" not in value:
            self.last_id = value
        return None

    def _dispatch(self) -> StreamEvent | None:
        name, data = self._name or "message", self._data
        self._name, self._data = "", []
        return StreamEvent(name, "\n".join(data), self.last_id) if data else None


class Live:
    """Follows one service's stream."""

    def __init__(self, client: Client, clock: Clock, rng: random.Random) -> None:
        self._client = client
        self._clock = clock
        self._rng = rng
        self._last_id = ""
        self._epoch = ""

    async def signals(self) -> AsyncGenerator[Signal]:
        """What happens, without an end. Trouble is a `Gone`, never an exception."""
        failures = 0
        while True:
            reason, refused = text("it closed the stream"), False
            try:
                async with aclosing(self._once()) as once:
                    async for signal in once:
                        failures = 0
                        yield signal
            except ServiceError as error:
                reason, refused = str(error), isinstance(error, Refused)
            wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0**failures) * (0.75 + self._rng.random() / 4)
            failures = min(failures + 1, 16)
            yield Gone(reason, wait, refused)
            await self._clock.sleep(wait)

    async def _once(self) -> AsyncGenerator[Signal]:
        async with self._client.stream(self._last_id) as (content, epoch):
            resumed, self._epoch = bool(self._last_id) and epoch == self._epoch, epoch
            yield Connected(resumed)
            parser = Parser(self._last_id)
            async for chunk in content.iter_any():
                for event in parser.feed(chunk):
                    self._last_id = event.id
                    yield event
