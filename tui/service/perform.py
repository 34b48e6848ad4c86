"""Has actions done: none is lost silently, none is done twice.

Not connected: tried again for a while, then given up, and nothing was done. No answer: asked again under the same id for as long as the
screen runs, if that can't do it twice; else it is said that nobody knows.
"""

import random
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from daemon.wire.requests.act import Act
from tui.service.client import Away, Busy, Client, Failing, Lost, Refused, ServiceError
from tui.terminal.clock import Clock

PATIENCE = 8.0
"""Seconds to go on trying to connect for one action."""
FIRST_WAIT = 0.3
LONGEST_WAIT = 5.0


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """A call that somebody wants made now. Asked again under the same `id`, it is done once."""

    call: Act
    id: str
    name: str
    """In staff's words, for when it could not be done: "B-1042: ready"."""

    @property
    def body(self) -> msgspec.Struct | Mapping[str, Any]:
        body = self.call.body
        if not self.call.id_in_body:
            return body
        return {**body, "id": self.id} if isinstance(body, Mapping) else msgspec.structs.replace(body, id=self.id)


class Performer:
    """Performs actions on one service."""

    def __init__(self, client: Client, clock: Clock, rng: random.Random) -> None:
        self._client = client
        self._clock = clock
        self._rng = rng

    async def perform(self, action: Action, unsure: Callable[[Action], None]) -> bytes:
        """The service's answer. `unsure` is called once when an answer stays out and it is asked again.

        Raises Refused (the service said no), Away or Busy (it was not done), Lost or Failing (nobody knows whether it was done: a refusal
        of what is asked again speaks of the repeat alone).
        """
        give_up_at = self._clock.monotonic() + PATIENCE
        may_be_done = False
        tries = 0
        while True:
            try:
                return await self._client.act(
                    action.call.method, action.call.path, action.body, action.id, seconds=action.call.seconds
                )
            except (Away, Busy):
                if not may_be_done and self._clock.monotonic() >= give_up_at:
                    raise
            except Refused as error:
                if may_be_done:
                    raise Failing(str(error)) from error
                raise
            except (Lost, Failing):
                if not action.call.repeatable:
                    raise
                if not may_be_done:
                    may_be_done = True
                    unsure(action)
            await self._clock.sleep(min(LONGEST_WAIT, FIRST_WAIT * 2.0**tries) * (0.75 + self._rng.random() / 4))
            tries = min(tries + 1, 16)


def not_done(error: ServiceError) -> bool:
    """Whether it is sure that nothing was done."""
    return not isinstance(error, Lost | Failing)
