"""What nobody wants any more by the time the modem is free for it."""

from pathlib import Path

import msgspec

from daemon.channels.base import CALLED_OFF
from outbox.errors import StorageBusy
from outbox.outcome import Accepted, Deferred
from tests.support.gsm import MemoryNotes
from tests.support.modem_shop import ADA, open_shop


async def test_a_text_that_waits_for_the_modem_as_that_reads_its_recipients_stop_does_not_leave(tmp_path: Path) -> None:
    notes = MemoryNotes()
    async with open_shop(tmp_path, notes=notes) as shop:
        await shop.ready()
        await shop.clock.sleep(5)

        async def wanted() -> bool:
            return not shop.record.replies

        asked = shop.modem.commands.count("AT+CMGL=4")
        shop.modem.faults.slow = 1.0
        shop.modem.receive("STOP", ADA)
        await shop.clock.until(lambda: shop.modem.commands.count("AT+CMGL=4") > asked)
        assert await shop.channel.send(msgspec.structs.replace(shop.outgoing(), wanted=wanted)) == CALLED_OFF
        assert [reply.consent for reply in shop.record.replies] == ["stop"]
        assert shop.modem.sent == []
        assert "modem.sent" not in notes.kept
        assert isinstance(await shop.send(message="m2"), Accepted)


async def test_where_nobody_can_tell_whether_it_is_wanted_it_waits(tmp_path: Path) -> None:
    async def wanted() -> bool:
        raise StorageBusy("another program holds the database")

    async with open_shop(tmp_path) as shop:
        await shop.ready()
        outcome = await shop.channel.send(msgspec.structs.replace(shop.outgoing(), wanted=wanted))
        assert isinstance(outcome, Deferred)
        assert outcome.code == "not_noted"
        assert shop.modem.sent == []
