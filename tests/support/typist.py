"""Somebody at the counter's keyboard, or its scanner: keys with the times at which they reached the terminal."""

from collections.abc import Sequence, Set

from textual import events
from textual.keys import _character_to_key
from textual.message import Message

from tests.support.counter import Counter

HOLD = 0.5
"""Seconds that a screen is held up for."""
_KEYS = {"\r": "enter", "\n": "ctrl+j", "\t": "tab"}


class Typist:
    """Types into a counter. Some time goes by before each text."""

    def __init__(self, counter: Counter, at: float | None = None) -> None:
        """`at`: when they begin, by the clock that keys are stamped by; None: now."""
        self.counter = counter
        self._at = Message().time if at is None else at

    async def rest(self) -> None:
        self._at += 10
        await self.counter.clock.advance(2)
        await self.counter.pilot.pause(0.005)

    async def types(self, typed: str, before: Sequence[float], holds: Set[int] = frozenset()) -> None:
        """`before`: seconds before each key; behind those numbered in `holds` the screen is held up."""
        held_until = self._at
        for number, (character, pause) in enumerate(zip(typed, before, strict=True)):
            self._at += pause
            key = events.Key(_KEYS.get(character) or _character_to_key(character), character)
            key.time = self._at
            self.counter.app.post_message(key)
            if number in holds:
                held_until = self._at + HOLD
            if self._at >= held_until:
                await self.counter.pilot.pause(0.001)
        await self.counter.pilot.pause(0.005)

    async def presses(self, key: str) -> None:
        """One key by its name, after a rest, and what comes of it."""
        await self.rest()
        pressed = events.Key(key, key if len(key) == 1 else None)
        pressed.time = self._at
        self.counter.app.post_message(pressed)
        await self.counter.pilot.pause(0.02)
        await self.counter.clock.advance(0.5)
        await self.counter.pilot.pause(0.05)
