"""A text is called sent, or delivered, on evidence only: sticks that answer late, or report twice."""

import asyncio
from pathlib import Path

import pytest

from daemon.channels.base import ReceiptUpdate
from outbox.errors import StorageBusy
from outbox.outcome import (
    Absent,
    Accepted,
    CannotTell,
    Deferred,
    Found,
    ReceiptState,
    Unknown,
)
from tests.support.gsm import MemoryNotes
from tests.support.modem_shop import ADA, BEN, look_up, open_shop

both_ports = pytest.mark.parametrize("kind", ["pty", "tcp"])

# ------------------------------------------------------------ answers that come late


async def test_a_late_reference_is_never_the_next_texts(tmp_path: Path) -> None:
    """A's answer comes while B could be under way; B is refused. A was sent, B was not."""
    async with open_shop(tmp_path, kind="pty") as shop:
        await shop.ready()
        shop.modem.faults.report_status = None
        shop.modem.faults.answers_later = 75
        assert isinstance(await shop.send("for Ada"), Unknown)
        shop.modem.faults.errors["AT+CMGS"] = ["+CMS ERROR: 38"]
        held = await shop.send("for Ben", to=BEN, message="m2")
        assert isinstance(held, Deferred)
        assert held.throttled  # costs Ben's text nothing
        await shop.clock.sleep(20)
        found = await look_up(shop)
        assert isinstance(found, Found)
        assert found.provider_id.endswith(f"-{shop.modem.references[0]}")
        refused = await shop.send("for Ben", to=BEN, message="m2", attempt=2)  # at once: nothing is owed any more
        assert isinstance(refused, Deferred)
        assert refused.code == "CMS 38"
        assert shop.modem.texts() == [(ADA, "for Ada")]


async def test_a_late_refusal_tells_that_it_did_not_go_out(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.errors["AT+CMGS"] = ["+CMS ERROR: 38"]
        shop.modem.faults.answers_later = 75
        assert isinstance(await shop.send(), Unknown)
        await shop.clock.sleep(30)
        assert await look_up(shop) == Absent()
        assert shop.modem.sent == []


@pytest.mark.parametrize("last", [1, 2])
async def test_a_late_reference_of_a_long_texts_last_part_tells_of_the_whole_text(tmp_path: Path, last: int) -> None:
    """Of three; that of the one before it tells nothing of the last, which was not handed over."""
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.report_status = None
        shop.modem.on_sent = lambda _: (
            setattr(shop.modem.faults, "answers_later", 70) if len(shop.modem.sent) == last else None
        )
        assert isinstance(await shop.send("a" * 400), Unknown)
        await shop.clock.sleep(20)
        found = await look_up(shop)
        assert isinstance(found, Found if last == 2 else CannotTell)
        for reference in shop.modem.references:
            shop.modem.report(reference, ADA, 0)
        await shop.clock.sleep(5)
        whole = [".".join(map(str, shop.modem.references))] * (last == 2)
        assert [update.provider_id.rpartition("-")[2] for update in shop.record.receipts] == whole


async def test_a_late_error_of_another_command_is_not_the_unanswered_texts(tmp_path: Path) -> None:
    """The list of texts was given up as well, and its error comes before the text's own answer."""
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        await shop.clock.sleep(5)  # until what lay in the modem was looked for
        shop.modem.faults.report_status = None
        shop.modem.faults.answers_later = 125
        shop.modem.faults.late["AT+CMGL=4"] = 25
        shop.modem.faults.errors["AT+CMGL"] = ["+CMS ERROR: 314"]
        assert isinstance(await shop.send("for Ada"), Unknown)
        await shop.clock.until(lambda: not shop.modem.faults.errors["AT+CMGL"])
        await shop.clock.sleep(5)
        assert isinstance(await look_up(shop), CannotTell)
        await shop.clock.sleep(45)
        assert isinstance(await look_up(shop), Found)


@pytest.mark.parametrize("late", [1, 3, 6])
@pytest.mark.parametrize("final", ["+CMS ERROR: 38", "ERROR"])
async def test_a_late_refusal_amid_a_list_of_texts_deletes_none_that_nobody_read(
    tmp_path: Path, late: float, final: str
) -> None:
    """Taken for the list's own end, it would put each later answer one behind: a STOP is taken for the text before it."""
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        await shop.clock.sleep(5)
        began = shop.clock.monotonic()
        shop.modem.faults.errors["AT+CMGS"] = [final]
        shop.modem.faults.answers_later = 75
        assert isinstance(await shop.send(), Unknown)
        await shop.clock.sleep(75 - late / 2 - (shop.clock.monotonic() - began))
        shop.modem.faults.slow = 0.2
        shop.modem.faults.late["AT+CMGL=4"] = late
        shop.modem.receive("On my way", BEN)
        shop.modem.receive("STOP", ADA)
        await shop.clock.until(lambda: not shop.modem.faults.late, within=5)
        await shop.clock.sleep(120)
        assert sorted((reply.text, reply.consent) for reply in shop.record.replies) == [
            ("On my way", None),
            ("STOP", "stop"),
        ]
        assert not any(shop.modem.state.memories.values())


@pytest.mark.parametrize("command", ["AT+CGSMS", "AT+CREG"])
async def test_an_error_to_another_command_does_not_undo_a_text_that_may_have_gone(
    tmp_path: Path, command: str
) -> None:
    """Its own answer came, and says nothing; it would be sent again at once."""
    async with open_shop(tmp_path, character="ec25") as shop:
        await shop.ready()
        shop.modem.faults.report_status = None
        shop.modem.faults.errors["AT+CMGS"] = ["+CMS ERROR: 500"] * 3
        shop.modem.faults.errors[command] = ["+CMS ERROR: 303"]
        for name in ("m1", "m2", "m3"):
            assert isinstance(await shop.send(message=name), Unknown)
        await shop.clock.sleep(80)
        assert not shop.modem.faults.errors[command]
        assert isinstance(await look_up(shop, message="m3"), CannotTell)


async def test_a_late_reference_is_not_the_next_texts_after_the_service_was_killed(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.report_status = None
        shop.modem.faults.answers_later = 40
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(shop.send("for Ada"))
            await shop.clock.until(lambda: shop.modem.sent)
            await shop.again(killed=True)
            sending.cancel()
        await shop.ready()
        held = await shop.send("for Ben", to=BEN, message="m2")
        assert isinstance(held, Deferred)
        assert held.code == "owing"
        await shop.clock.sleep(45)
        found = await look_up(shop)
        assert isinstance(found, Found)
        assert found.provider_id.endswith(f"-{shop.modem.references[0]}")
        assert isinstance(await shop.send("for Ben", to=BEN, message="m2", attempt=2), Accepted)


async def test_a_late_reference_that_comes_as_the_service_stops_counts(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.report_status = None
        shop.modem.faults.slow, shop.modem.faults.answers_later = 0.4, 60.7
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(shop.send())
            await shop.clock.until(lambda: shop.modem.sent)
            await shop.clock.until(lambda: not shop.modem._later, within=70)
            await shop.again()
        assert isinstance(sending.result(), Unknown)
        assert isinstance(await look_up(shop), Found)


@pytest.mark.parametrize("killed", [False, True])
async def test_a_late_reference_is_not_the_next_texts_though_a_report_came_before_it(
    tmp_path: Path, killed: bool
) -> None:
    """Ada has hers, as the network reports; the service is restarted, and Ben's text waits for its answer as Ada's comes."""
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.answers_later = 134
        assert isinstance(await shop.send("for Ada"), Unknown)
        assert isinstance(await look_up(shop), Found)
        await shop.again(killed=killed)
        await shop.ready()
        shop.modem.faults.answers_later = 71
        held = await shop.send("for Ben", to=BEN, message="m2")
        assert isinstance(held, Deferred)
        assert held.code == "owing"
        await shop.clock.sleep(120)
        shop.modem.faults.answers_later = None
        sent = await shop.send("for Ben", to=BEN, message="m2", attempt=2)
        assert isinstance(sent, Accepted)
        assert sent.provider_id.endswith(f"-{shop.modem.references[1]}")


async def test_a_late_refusal_does_not_undo_what_a_report_says(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.silent_after_pdu = True
        assert isinstance(await shop.send("for Ada"), Unknown)
        assert isinstance(await look_up(shop), Found)
        shop.modem.say("+CMS ERROR: 38")
        await shop.clock.sleep(5)
        assert isinstance(await look_up(shop), Found)


async def test_what_comes_while_the_modem_is_set_up_after_a_crash_is_heard(tmp_path: Path) -> None:
    """The late reference of the text that was under way, and the network's report on the one before it."""
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.report_status = None
        before = await shop.send("for Ben", to=BEN, message="m2")
        assert isinstance(before, Accepted)
        shop.modem.faults.answers_later = 8
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(shop.send("for Ada"))
            await shop.clock.until(lambda: shop.modem._later)
            shop.modem.faults.slow = 1.0
            await shop.again(killed=True)
            sending.cancel()
        await shop.clock.until(lambda: "AT+CGMI" in shop.modem.commands[-5:])
        shop.modem.report(shop.modem.references[0], BEN, 0)
        await shop.clock.until(lambda: len(shop.modem.references) == 2)
        assert shop.channel.status().stage == "starting"
        await shop.ready()
        await shop.clock.until(lambda: shop.record.receipts, within=60)
        assert [update.provider_id for update in shop.record.receipts] == [before.provider_id]
        found = await look_up(shop)
        assert isinstance(found, Found)
        assert found.provider_id.endswith(f"-{shop.modem.references[1]}")


async def test_after_a_while_an_answer_that_never_came_holds_nobody_up(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.silent_after_pdu = True
        shop.modem.faults.report_status = None
        assert isinstance(await shop.send("for Ada"), Unknown)
        shop.modem.faults.silent_after_pdu = False
        shown = shop.channel.obstacle()
        assert shown is not None
        assert (shown.passes, "may still answer" in shown.reason) == (
            True,
            True,
        )  # messages wait, untried, and people see why
        held = await shop.send("for Ben", to=BEN, message="m2")
        assert isinstance(held, Deferred)
        assert held.after
        await shop.clock.sleep(held.after)
        assert shop.channel.obstacle() is None
        assert isinstance(await shop.send("for Ben", to=BEN, message="m2", attempt=2), Accepted)
        await shop.again()
        await shop.ready()
        assert isinstance(await shop.send("for Cy", message="m3"), Accepted)  # the last one was answered


async def test_a_modem_that_started_anew_owes_nothing(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.silent_after_pdu = True
        assert isinstance(await shop.send("for Ada"), Unknown)
        shop.modem.faults.silent_after_pdu = False
        shop.modem.state.forget()
        shop.modem.say("RDY")
        await shop.clock.until(lambda: shop.modem.state.announces)
        await shop.ready()
        assert isinstance(await shop.send("for Ben", to=BEN, message="m2"), Accepted)


async def test_a_database_that_can_not_be_read_for_a_moment_ends_nothing_and_gives_no_text_up(tmp_path: Path) -> None:
    class Moody(MemoryNotes):
        busy = False

        async def get(self, key: str) -> str | None:
            if self.busy and key == "modem.sent":
                raise StorageBusy("the database can't be used (disk I/O error)")
            return await super().get(key)

    notes = Moody()
    async with open_shop(tmp_path, notes=notes) as shop:
        await shop.ready()
        shop.modem.faults.report_status = None
        shop.modem.faults.answers_later = 130
        assert isinstance(await shop.send("for Ada"), Unknown)
        notes.busy = True
        await shop.again(killed=True)
        await shop.ready()
        told = await look_up(shop)
        assert isinstance(told, CannotTell)
        assert told.again
        held = await shop.send("for Ben", to=BEN, message="m2")
        assert isinstance(held, Deferred)
        assert held.code == "owing"
        notes.busy = False
        await shop.clock.sleep(90)
        assert isinstance(await look_up(shop), Found)


# ------------------------------------------------------------ reports that come twice


async def test_a_repeated_report_of_one_text_delivers_no_other(tmp_path: Path) -> None:
    """A to the same customer was delivered; B is unanswered; the network says once more that A was delivered."""
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        taken_at = shop.clock.now()
        first = await shop.send("A")
        assert isinstance(first, Accepted)
        await shop.clock.until(lambda: shop.record.receipts)
        shop.modem.faults.silent_after_pdu = True
        shop.modem.faults.report_status = None
        await shop.clock.sleep(60)
        assert isinstance(await shop.send("B", message="m2"), Unknown)
        shop.modem.report(shop.modem.references[0], ADA, 0, taken_at=taken_at)
        await shop.clock.sleep(5)
        assert isinstance(await look_up(shop, message="m2"), CannotTell)
        assert {update.provider_id for update in shop.record.receipts} == {first.provider_id}


async def test_a_report_that_came_before_its_texts_late_reference_is_no_other_texts(tmp_path: Path) -> None:
    """A to Ada is unclear and never went; B to her is taken, its report comes, and only then its reference."""
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.errors["AT+CMGS"] = ["ERROR"]
        assert isinstance(await shop.send("A"), Unknown)
        shop.modem.faults.answers_later = 70
        shop.modem.faults.report_status = None
        began = shop.clock.now()
        assert isinstance(await shop.send("B", message="m2"), Unknown)
        shop.modem.report(shop.modem.references[0], ADA, 0, taken_at=began)
        await shop.clock.sleep(30)
        assert not isinstance(await look_up(shop), Found)
        found = await look_up(shop, message="m2")
        assert isinstance(found, Found)
        assert [(update.provider_id, update.state) for update in shop.record.receipts] == [
            (found.provider_id, ReceiptState.DELIVERED)
        ]


@pytest.mark.parametrize("killed", [False, True])
async def test_a_report_on_a_part_that_went_out_twice_delivers_no_other_text(tmp_path: Path, killed: bool) -> None:
    """Its first answer was unclear, so it was handed over once more. Both arrive, and the reference of one is not known."""
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.report_status = None
        shop.modem.faults.errors["AT+CMGS"] = ["ERROR"]
        began = shop.clock.now()
        assert isinstance(await shop.send("a" * 300), Accepted)
        if killed:
            await shop.again(killed=True)
            await shop.ready()
        shop.modem.faults.errors["AT+CMGS"] = ["ERROR"]
        assert isinstance(await shop.send("B", message="m2"), Unknown)
        shop.modem.report((shop.modem.references[0] - 1) % 256, ADA, 0, taken_at=began)
        await shop.clock.sleep(5)
        assert isinstance(await look_up(shop, message="m2"), CannotTell)


async def test_a_report_that_is_looked_at_from_two_sides_at_once_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ada's late reference comes, and her report with it is put on record, while Ben's text is looked up; the card is slow."""
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.report_status = None
        shop.modem.faults.errors["AT+CMGS"] = ["ERROR"]
        assert isinstance(await shop.send("for Ben", to=BEN, message="m2"), Unknown)
        shop.modem.faults.answers_later = 70
        began = shop.clock.now()
        assert isinstance(await shop.send("for Ada"), Unknown)
        shop.modem.report(shop.modem.references[0], ADA, 0, taken_at=began)
        await shop.clock.until(lambda: shop.channel._unmatched)
        told, written = shop.record.on_receipt, asyncio.Event()

        async def slow(update: ReceiptUpdate) -> None:
            await written.wait()
            await told(update)

        monkeypatch.setattr(shop.record, "on_receipt", slow)
        await shop.clock.sleep(20)
        async with asyncio.TaskGroup() as group:
            looking = group.create_task(look_up(shop, message="m2", to=BEN))
            await shop.clock.sleep(1)
            written.set()
        assert isinstance(looking.result(), CannotTell)
        assert isinstance(await look_up(shop), Found)
        assert isinstance(await shop.send("for Cy", message="m3"), Accepted)
