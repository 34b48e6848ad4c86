"""Words about the box that go as text messages: within the limits that guard the SIM and the store's money, as all that leaves."""

from pathlib import Path
from typing import Any

import pytest

from daemon.channels.base import Channel, Outgoing
from daemon.upkeep.messenger import Messenger
from outbox.outcome import Accepted, Deferred, Outcome, Rejected, Scope, Unknown
from tests.support.heart import Heart, shop
from tests.support.scripted import ScriptedChannel

OWNER = "+447400123456"
OTHER = "+447400123457"
WORDS = "the disk is full"


def _heart(folder: Path, *phones: str, **modem: Any) -> Heart:
    trouble = {"via": ["modem"], "audience": "owner"}
    return Heart(folder, shop(channels={"modem": modem}, trouble=trouble, audiences={"owner": {"phone": list(phones)}}))


def _messenger(heart: Heart) -> Messenger:
    def channel(name: str) -> Channel | None:
        return heart.engine.lanes[name].channel

    async def text(by: Channel, out: Outgoing) -> Outcome | None:
        return await heart.engine.board.word(by.name, out)

    return Messenger(lambda: heart.settings, channel, heart.clock, text)


async def _counted(heart: Heart) -> tuple[int, int]:
    """Of the modem's day, and of all text messages'."""
    [row] = await heart.engine.board.board()
    return row.sent_today, (await heart.engine.board.sms()).parts_today


async def test_they_take_of_the_days_limit_and_a_restart_does_not_forget_them(tmp_path: Path) -> None:
    async with _heart(tmp_path, OWNER, daily_limit=2) as heart:
        assert await _messenger(heart).tell(WORDS)
        await heart.stop()
        await heart.start()
        assert await _counted(heart) == (1, 1)
        assert await _messenger(heart).tell(WORDS)
        for _ in range(2):
            assert not await _messenger(heart).tell(WORDS)
            await heart.reload(heart.settings)
        assert await _counted(heart) == (2, 2)
        assert len(heart.providers.left) == 2


async def test_they_count_though_a_reload_took_their_channel_away(tmp_path: Path) -> None:
    async with _heart(tmp_path, OWNER) as heart:
        assert await _messenger(heart).tell(WORDS)
        await heart.reload(shop(channels={"twilio": {}}))
        assert (await heart.engine.board.sms()).parts_today == 1


async def test_a_modem_that_its_owner_paused_tells_nothing(tmp_path: Path) -> None:
    async with _heart(tmp_path, OWNER) as heart:
        await heart.engine.board.pause("modem", reason="the SIM's bill", actor="Kim")
        assert not await _messenger(heart).tell(WORDS)
        assert heart.providers.left == []


async def test_one_without_a_signal_is_not_asked(tmp_path: Path) -> None:
    async with _heart(tmp_path, OWNER) as heart:
        heart.providers.obstacles.add("modem")
        assert not await _messenger(heart).tell(WORDS)
        assert heart.providers.left == []


async def test_all_are_told_at_once_and_the_rate_holds_for_what_comes_after(tmp_path: Path) -> None:
    async with _heart(tmp_path, OWNER, OTHER, rate="10/m") as heart:
        assert await _messenger(heart).tell(WORDS)
        assert [request.out.to for request in heart.providers.left] == [OWNER, OTHER]
        assert not (await heart.engine.board.test("modem", OWNER)).ok
        await heart.pass_time(12)
        assert (await heart.engine.board.test("modem", OWNER)).ok


@pytest.mark.parametrize(
    ("outcome", "left"),
    [
        (Deferred("no signal"), 0),
        (Rejected(Scope.CHANNEL, "20003", "no credit"), 0),
        (Rejected(Scope.RECIPIENT, "CMS 28", "part 3 of 3: subscriber not identified", left=2), 2),
        (Accepted("1"), 3),
        (Accepted("1", left=4), 4),
        (Unknown("cut"), 3),
    ],
)
async def test_what_never_leaves_takes_no_text_from_a_customer(
    tmp_path: Path, outcome: Outcome, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are told again every half minute: two hours of a modem without a signal, and the day's texts were used up."""
    monkeypatch.setattr(ScriptedChannel, "units", lambda channel, out: 3)

    async def answer(channel: ScriptedChannel, out: Outgoing) -> Outcome:
        return outcome

    monkeypatch.setattr(ScriptedChannel, "send", answer)
    async with _heart(tmp_path, OWNER) as heart:
        for _ in range(1 if left else 300):
            told = await _messenger(heart).tell(WORDS * 25)
            assert told == isinstance(outcome, Accepted | Unknown)
        assert await _counted(heart) == (left, left)
        await heart.stop()
        await heart.start()
        assert await _counted(heart) == (left, left)
