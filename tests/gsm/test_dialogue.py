"""One command at a time: answers, time limits, the prompt, and what may and may not count as sent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from daemon.modem.codes import Kind
from daemon.modem.dialogue import CommandRefused, Dialogue, Silent, Submission, Taken
from daemon.modem.errors import CommandFailed, NoAnswer, PortLost
from daemon.modem.framing import Unsolicited
from tests.support.fake_clock import FakeClock, settle

PDU = "0001000B915155214365F700000731D98C56B3DD00"


class Line:
    """A port whose other end the test plays by hand."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.fails_after: int | None = None
        self.syncs = True
        """Answers the question that a dialogue asks before its first command and after a silence."""
        self._incoming: asyncio.Queue[bytes] = asyncio.Queue()

    def say(self, data: bytes) -> None:
        self._incoming.put_nowait(data)

    def pull(self) -> None:
        self._incoming.put_nowait(b"")

    async def read(self) -> bytes:
        data = await self._incoming.get()
        if not data:
            raise PortLost("pulled out")
        return data

    async def write(self, data: bytes) -> None:
        if data == b"AT+CMEE?\r" and self.syncs:
            self.say(b"+CMEE: 1\r\n\r\nOK\r\n")
            return
        if data == b"AT+CMGF=0\r":
            self.say(b"\r\nOK\r\n")
            return
        if self.fails_after is not None and len(self.written) >= self.fails_after:
            raise PortLost("pulled out")
        self.written += data

    def close(self) -> None:
        pass


class Talk:
    def __init__(self) -> None:
        self.line, self.clock = Line(), FakeClock()
        self.heard: list[Unsolicited] = []
        self.link = Dialogue(self.line, self.clock, self.heard.append)


@asynccontextmanager
async def talking() -> AsyncIterator[Talk]:
    talk = Talk()
    async with asyncio.TaskGroup() as group:
        listening = group.create_task(talk.link.listen())
        yield talk
        listening.cancel()


async def test_an_answer_is_its_lines() -> None:
    async with talking() as t, asyncio.TaskGroup() as group:
        answer = group.create_task(t.link.command("AT+CSQ"))
        await settle()
        assert t.line.written == b"AT+CSQ\r"
        t.line.say(b"AT+CSQ\r\r\n+CSQ: 20,99\r\n\r\nOK\r\n")
        assert await answer == ["+CSQ: 20,99"]


async def test_words_out_of_turn_are_no_part_of_an_answer() -> None:
    async with talking() as t, asyncio.TaskGroup() as group:
        answer = group.create_task(t.link.command("AT+CPMS?"))
        await settle()
        t.line.say(b'+CMTI: "SM",1\r\n+CREG: 1\r\n+CPMS: "SM",1,20\r\n^RSSI:9\r\nOK\r\n')
        assert await answer == ['+CPMS: "SM",1,20']
    assert [word.text for word in t.heard] == ['+CMTI: "SM",1', "+CREG: 1", "^RSSI:9"]


async def test_a_state_that_was_asked_for_is_the_answer() -> None:
    async with talking() as t, asyncio.TaskGroup() as group:
        answer = group.create_task(t.link.command("AT+CREG?"))
        await settle()
        t.line.say(b"+CREG: 0,1\r\nOK\r\n")
        assert await answer == ["+CREG: 0,1"]
    assert t.heard == []


async def test_an_error_says_what_it_means_and_no_argument() -> None:
    async with talking() as t, asyncio.TaskGroup() as group:

        async def enter() -> None:
            with pytest.raises(CommandFailed, match="AT\\+CPIN with CME 16") as caught:
                await t.link.command('AT+CPIN="4711"')
            assert caught.value.fault.kind is Kind.CARD
            assert "4711" not in str(caught.value)

        entering = group.create_task(enter())
        await settle()
        t.line.say(b"+CME ERROR: 16\r\n")
        await entering


async def test_silence_ends_at_the_limit_with_what_was_said() -> None:
    async with talking() as t, asyncio.TaskGroup() as group:

        async def ask() -> None:
            with pytest.raises(NoAnswer) as caught:
                await t.link.command("AT+CPIN?", timeout=5)
            assert caught.value.lines == ("+CPIN: READY",)

        asking = group.create_task(ask())
        await settle()
        t.line.say(b"+CPIN: READY\r\n")
        await t.clock.advance(4.9)
        assert not asking.done()
        await t.clock.advance(0.2)
        await asking


async def test_a_line_may_be_enough() -> None:
    async with talking() as t, asyncio.TaskGroup() as group:
        answer = group.create_task(t.link.command("AT+CPIN?", enough="+CPIN:"))
        await settle()
        t.line.say(b"+CPIN: READY\r\n")
        await t.clock.advance(5)
        assert await answer == ["+CPIN: READY"]


async def test_a_lost_port_ends_the_command_and_all_that_follow() -> None:
    async with talking() as t:
        async with asyncio.TaskGroup() as group:

            async def ask() -> None:
                with pytest.raises(PortLost):
                    await t.link.command("AT")

            group.create_task(ask())
            await settle()
            t.line.pull()
        with pytest.raises(PortLost):
            await t.link.command("AT")
        assert await t.link.submit(20, PDU, timeout=60) == Silent("pulled out", written=False)


async def _submit(t: Talk, group: asyncio.TaskGroup) -> asyncio.Task[Submission]:
    task = group.create_task(t.link.submit(20, PDU, timeout=60))
    await settle()
    return task


async def test_the_pdu_goes_after_the_prompt_and_the_reference_makes_it_taken() -> None:
    async with talking() as t, asyncio.TaskGroup() as group:
        submission = await _submit(t, group)
        assert t.line.written == b"AT+CMGS=20\r"
        t.line.say(b"\r\n> ")
        await settle()
        assert t.line.written == b"AT+CMGS=20\r" + PDU.encode() + b"\x1a"
        t.line.say(b"+CMGS: 300,foo\r\n\r\nOK\r\n")
        assert await submission == Taken(300 & 0xFF)


async def test_ok_without_a_reference_is_not_taken() -> None:
    async with talking() as t, asyncio.TaskGroup() as group:
        submission = await _submit(t, group)
        t.line.say(b"> ")
        await settle()
        t.line.say(b"OK\r\n+CMGS:\r\nOK\r\n+CMGS: what\r\nOK\r\n")
        await t.clock.advance(61)
        assert await submission == Silent("the modem did not answer AT+CMGS in time", written=True)


async def test_a_reference_is_enough_where_the_ok_after_it_is_lost() -> None:
    async with talking() as t, asyncio.TaskGroup() as group:
        for ending in (b"\r\nK\r\n", b""):
            submission = await _submit(t, group)
            t.line.say(b"> ")
            await settle()
            t.line.say(b"+CMGS: 77\r\n" + ending)
            if ending:
                await t.clock.advance(61)
            else:
                t.line.pull()
            assert await submission == Taken(77)


async def test_a_reference_that_comes_before_the_pdu_belongs_to_something_else() -> None:
    async with talking() as t, asyncio.TaskGroup() as group:
        submission = await _submit(t, group)
        t.line.say(b"+CMGS: 5\r\nOK\r\n> ")
        await settle()
        assert not submission.done()
        t.line.say(b"+CMGS: 6\r\nOK\r\n")
        assert await submission == Taken(6)
    assert [word.text for word in t.heard] == ["+CMGS: 5"]


async def test_without_a_prompt_nothing_was_written() -> None:
    async with talking() as t, asyncio.TaskGroup() as group:
        submission = await _submit(t, group)
        await t.clock.advance(10)
        assert await submission == Silent("the modem did not ask for the message", written=False)
        assert t.line.written == b"AT+CMGS=20\r"


@pytest.mark.parametrize("final", [b"ERROR", b"+CMS ERROR: 311"])
async def test_an_error_instead_of_the_prompt_wrote_nothing(final: bytes) -> None:
    async with talking() as t, asyncio.TaskGroup() as group:
        submission = await _submit(t, group)
        t.line.say(final + b"\r\n")
        result = await submission
        assert isinstance(result, CommandRefused)
        assert not result.written
        assert t.line.written == b"AT+CMGS=20\r"


async def test_an_error_after_the_pdu_says_so() -> None:
    async with talking() as t, asyncio.TaskGroup() as group:
        submission = await _submit(t, group)
        t.line.say(b"> ")
        await settle()
        t.line.say(b"+CMS ERROR: 38\r\n")
        result = await submission
        assert isinstance(result, CommandRefused)
        assert result.written
        assert result.fault.kind is Kind.RETRY


async def test_a_port_lost_amid_the_pdu_wrote_nothing_and_after_it_something() -> None:
    for fails_after, written in ((len(b"AT+CMGS=20\r"), False), (len(b"AT+CMGS=20\r") + len(PDU), True)):
        async with talking() as t, asyncio.TaskGroup() as group:
            submission = await _submit(t, group)
            t.line.fails_after = fails_after
            t.line.say(b"> ")
            result = await submission
            assert isinstance(result, Silent)
            assert result.written is written


async def test_escape_leaves_a_prompt_and_finds_the_modem() -> None:
    async with talking() as t, asyncio.TaskGroup() as group:
        escaping = group.create_task(t.link.escape())
        await settle()
        assert t.line.written == b"\x1b\r"
        t.line.say(b"ERROR\r\nOK\r\n")  # to whatever it was at
        await t.clock.advance(0.5)
        assert t.line.written == b"\x1b\rAT\r"
        t.line.say(b"OK\r\n")
        assert await escaping


async def test_escape_gives_up_on_a_modem_that_says_nothing() -> None:
    async with talking() as t, asyncio.TaskGroup() as group:
        escaping = group.create_task(t.link.escape())
        await t.clock.advance(30)
        assert not await escaping
        assert t.line.written.count(b"\x1b") == 4


async def test_a_late_answer_is_not_the_next_commands() -> None:
    async with talking() as t, asyncio.TaskGroup() as group:

        async def ask() -> None:
            with pytest.raises(NoAnswer):
                await t.link.command("AT+COPS?", timeout=5)

        asking = group.create_task(ask())
        await t.clock.advance(5)
        await asking
        t.line.syncs = False
        answer = group.create_task(t.link.command("AT+CSQ"))
        await settle()
        assert t.line.written.endswith(b"AT+CMEE?\r")
        t.line.say(b'+COPS: 0,0,"EE",7\r\n\r\nOK\r\n')  # at last
        await settle()
        assert not t.line.written.endswith(b"AT+CSQ\r")
        t.line.say(b"+CMEE: 1\r\n\r\nOK\r\n")
        await settle()
        assert t.line.written.endswith(b"AT+CSQ\r")
        t.line.say(b"+CSQ: 20,99\r\n\r\nOK\r\n")
        assert await answer == ["+CSQ: 20,99"]


async def test_while_late_answers_may_still_come_nothing_else_is_asked() -> None:
    async with talking() as t, asyncio.TaskGroup() as group:

        async def ask(command: str) -> None:
            with pytest.raises(NoAnswer):
                await t.link.command(command)

        group.create_task(ask("AT+COPS?"))
        await t.clock.advance(5)
        t.line.syncs = False
        for _ in range(2):
            group.create_task(ask("AT+CMGR=3"))
            await t.clock.advance(4)
        assert b"AT+CMGR" not in t.line.written


async def test_the_answer_to_a_question_that_was_repeated_is_not_the_next_commands() -> None:
    async with talking() as t, asyncio.TaskGroup() as group:
        t.line.syncs = False
        answer = group.create_task(t.link.command("AT+CPMS?"))
        await t.clock.advance(2.5)
        assert t.line.written.count(b"AT+CMEE?\r") == 2
        t.line.say(b"+CMEE: 1\r\n\r\nOK\r\n")
        await t.clock.advance(2)
        t.line.say(b"+CMEE: 1\r\n\r\nOK\r\n")
        await t.clock.advance(2)
        t.line.say(b'+CPMS: "SM",1,20\r\nOK\r\n')
        assert await answer == ['+CPMS: "SM",1,20']


async def test_a_prompt_that_did_not_come_in_time_is_still_awaited_by_the_next_command() -> None:
    async with talking() as t, asyncio.TaskGroup() as group:
        sending = group.create_task(t.link.submit(20, PDU, timeout=60))
        await t.clock.advance(10)
        assert isinstance(await sending, Silent)
        t.line.syncs = False
        answer = group.create_task(t.link.command("AT+CPMS?"))
        await settle()
        t.line.say(b"\r\n> \r\n+CMS ERROR: 500\r\n")
        await settle()
        t.line.say(b"+CMEE: 1\r\n\r\nOK\r\n")
        await t.clock.advance(4)
        t.line.say(b'+CPMS: "SM",1,20\r\nOK\r\n')
        assert await answer == ['+CPMS: "SM",1,20']


async def test_a_modem_that_can_not_be_asked_for_a_line_of_its_own_is_used_all_the_same() -> None:
    async with talking() as t, asyncio.TaskGroup() as group:
        t.line.syncs = False
        answer = group.create_task(t.link.command("AT+CSQ"))
        for _ in range(2):
            await settle()
            t.line.say(b"ERROR\r\n")
        await settle()
        t.line.say(b"+CSQ: 20,99\r\n\r\nOK\r\n")
        assert await answer == ["+CSQ: 20,99"]


async def test_an_answer_may_need_a_line() -> None:
    async with talking() as t, asyncio.TaskGroup() as group:
        answer = group.create_task(t.link.command("AT+CPMS?", needs="+CPMS:"))
        await settle()
        t.line.say(b"OK\r\n")
        await settle()
        assert not answer.done()
        t.line.say(b'+CPMS: "SM",1,20\r\nOK\r\n')
        assert await answer == ['+CPMS: "SM",1,20']


async def test_a_command_that_no_modem_could_read_is_refused_and_not_sent() -> None:
    async with talking() as t:
        with pytest.raises(CommandFailed, match=r"AT\+CPMS .* not sent"):
            await t.link.command('AT+CPMS="S\xcd"')
        assert t.line.written == b""
