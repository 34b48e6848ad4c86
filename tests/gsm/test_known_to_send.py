"""Whether a modem can send, by what it has sent: what it says once may be a bit that flipped."""

from daemon.modem.reports import WINDOW_MS, Course, Ledger
from tests.support.fake_clock import FakeClock
from tests.support.gsm import MemoryNotes


async def test_that_it_can_is_known_however_long_ago_it_did() -> None:
    """It is there for outages: the first text after a quiet month must not stop it for everybody."""
    clock, notes = FakeClock(), MemoryNotes()
    ledger = Ledger(notes, clock)
    assert not await ledger.has_sent("m")
    sent = await ledger.begin(device="m", number="+447700900123", reference="m1.1", parts=1)
    await ledger.end(sent, [7], Course.TAKEN)
    await clock.advance(WINDOW_MS / 1000 + 1)
    refused = await ledger.begin(device="m", number="+447700900123", reference="m2.1", parts=1)
    await ledger.end(refused, [], None)
    assert await ledger.has_sent("m")
    assert await Ledger(notes, clock).has_sent("m")
    assert not await ledger.has_sent("another")
