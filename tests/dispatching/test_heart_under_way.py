"""A long text that the modem has been sending for longer than anybody waits is not sent a second time meanwhile."""

from typing import Any

import pytest

from daemon.channels.base import Sent
from outbox.model import State
from outbox.outcome import CannotTell, Found, Lookup, Unknown
from tests.support.heart import Heart


@pytest.mark.parametrize("gets_there", [True, False])
async def test_what_is_still_being_sent_is_not_repeated(heart: Heart, gets_there: bool) -> None:
    under_way = True

    async def lookup(sent: Sent) -> Lookup:
        if under_way:
            return CannotTell("the modem is still at it", again=10, under_way=True)
        return Found("P1") if gets_there else CannotTell("waiting for a status report", again=10)

    channel: Any = heart.engine.lanes["twilio"].channel
    channel.lookup = lookup
    heart.providers.will("twilio", Unknown("the modem is still at it", code="cut_off"))
    await heart.tell("e1")
    await heart.pass_time(3600)
    assert await heart.states() == [State.UNKNOWN]
    assert len(heart.providers.left) == 1
    under_way = False
    await heart.pass_time(600)
    assert await heart.states() == [State.SENT if gets_there else State.UNKNOWN]
    assert len(heart.providers.left) == 1
    await heart.pass_time(600)
    assert len(heart.providers.left) == (1 if gets_there else 2)
