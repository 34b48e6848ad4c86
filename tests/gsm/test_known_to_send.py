"""Whether a modem can send, by what it has sent: what it says once may be a bit that flipped."""

from pathlib import Path

from daemon.modem.reports import WINDOW_MS, Course, Ledger
from outbox.errors import StorageBusy
from outbox.outcome import Deferred, Unknown
from tests.support.fake_clock import FakeClock
from tests.support.gsm import MemoryNotes
from tests.support.modem_shop import open_shop


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


async def test_where_it_can_not_be_read_just_now_a_texts_outcome_is_what_the_modem_said(tmp_path: Path) -> None:
    """The first texts of an outage after a quiet week: one was "failed inside" and went out twice, or was given up."""

    class Moody(MemoryNotes):
        async def get(self, key: str) -> str | None:
            if key == "modem.sends":
                raise StorageBusy("the database can't be used (disk I/O error)")
            return await super().get(key)

    async with open_shop(tmp_path, notes=Moody()) as shop:
        await shop.ready()
        shop.modem.faults.errors["AT+CMGS"] = ["+CMS ERROR: 38"]
        refused = await shop.send()
        assert isinstance(refused, Deferred)
        assert refused.code == "CMS 38"
        shop.modem.faults.errors["AT+CMGS"] = ["+CMS ERROR: 303"] * 2
        assert isinstance(await shop.send(message="m2"), Deferred)
        shop.modem.faults.silent_after_pdu = True
        assert isinstance(await shop.send(message="m3"), Unknown)
