"""How long a restart waits for the answer to a text of before: as long as it may still come, and not for days."""

from pathlib import Path

import pytest

from outbox.errors import StorageBusy
from outbox.outcome import Accepted, CannotTell, Found, Unknown
from tests.support.gsm import MemoryNotes
from tests.support.modem_shop import look_up, open_shop


@pytest.mark.parametrize("answer", ["none", "none, but a report", "too late", "unclear"])
async def test_an_answer_that_is_awaited_no_more_holds_nobody_up_after_a_restart(tmp_path: Path, answer: str) -> None:
    notes = MemoryNotes()
    async with open_shop(tmp_path, notes=notes) as shop:
        await shop.ready()
        shop.modem.faults.report_status = 0x00 if answer == "none, but a report" else None
        shop.modem.faults.silent_after_pdu = answer.startswith("none")
        shop.modem.faults.answers_later = 300 if answer == "too late" else None
        shop.modem.faults.errors["AT+CMGS"] = ["+CMS ERROR: 500"] * (answer == "unclear")
        assert isinstance(await shop.send(), Unknown)
        if answer == "none, but a report":
            assert isinstance(await look_up(shop), Found)
        await shop.clock.sleep(160)
        writes = notes.writes
        await shop.clock.sleep(600)
        assert notes.writes == writes or answer == "too late"
        await shop.again()
        await shop.ready()
        assert shop.channel.obstacle() is None
        if answer == "too late":
            assert isinstance(await look_up(shop), Found)


async def test_that_it_is_awaited_no_more_is_put_on_record_also_where_that_fails_at_first(tmp_path: Path) -> None:
    class Moody(MemoryNotes):
        is_busy = False

        async def set(self, key: str, value: str) -> None:
            if self.is_busy:
                raise StorageBusy("another program holds the database")
            await super().set(key, value)

    notes = Moody()
    async with open_shop(tmp_path, notes=notes) as shop:
        await shop.ready()
        shop.modem.faults.silent_after_pdu, shop.modem.faults.report_status = True, None
        assert isinstance(await shop.send(), Unknown)
        notes.is_busy = True
        await shop.clock.sleep(160)
        notes.is_busy = False
        await shop.clock.sleep(70)
        await shop.again()
        await shop.ready()
        assert shop.channel.obstacle() is None


async def test_an_answer_that_is_still_awaited_is_waited_for_after_a_restart(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.silent_after_pdu = True
        assert isinstance(await shop.send(), Unknown)
        await shop.clock.sleep(60)
        await shop.again()
        await shop.ready()
        shown = shop.channel.obstacle()
        assert shown is not None
        assert "may still answer" in shown.reason


@pytest.mark.parametrize(
    ("was", "is_now"),
    [("]]", "]}"), ("[[", "[k"), ('"', "\ufffd"), (",{},", ",[],"), (",1,", ",A,"), (',"",0,', ',"t",0,'), ("-", "=")],
)
async def test_what_is_noted_of_the_last_texts_and_can_t_be_read_any_more_ends_no_start(
    tmp_path: Path, was: str, is_now: str
) -> None:
    """A card that flips a bit. Of what was noted there nobody can say that it never left."""
    notes = MemoryNotes()
    async with open_shop(tmp_path, notes=notes) as shop:
        await shop.ready()
        assert isinstance(await shop.send(), Accepted)
        await shop.end()
        assert was in notes.kept["modem.sent"]
        notes.kept["modem.sent"] = notes.kept["modem.sent"].replace(was, is_now, 1)
        shop.channel = shop.make()
        shop.start()
        await shop.ready()
        assert isinstance(await look_up(shop), CannotTell)
        assert shop.channel.obstacle() is not None  # its answer may still come
        await shop.clock.until(lambda: shop.channel.obstacle() is None)
        assert isinstance(await shop.send(message="m2"), Accepted)
        await shop.again()
        await shop.ready()
        assert isinstance(await look_up(shop), CannotTell)
        assert isinstance(await look_up(shop, message="m2"), Found)
