"""Whatever a modem, its network and a service that comes and goes do, in any order: nothing is claimed of a text without evidence."""

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from outbox.outcome import (
    Absent,
    Accepted,
    CannotTell,
    Deferred,
    Found,
    Lookup,
    Outcome,
    ReceiptState,
    Rejected,
    Unknown,
)
from tests.support.modem_shop import ADA, BEN, Shop, look_up, open_shop


@dataclass
class Story:
    """What was claimed of each try, and what really happened to it."""

    shop: Shop
    claims: dict[tuple[str, int], Outcome | Lookup] = field(default_factory=dict)
    numbers: dict[tuple[str, int], str] = field(default_factory=dict)

    async def send(self, message: str, to: str) -> None:
        attempt = 1 + sum(name == message for name, _ in self.numbers)
        name = (message, attempt)
        self.numbers[name] = to
        self.claims[name] = await self.shop.send(f"{message} {attempt}", to=to, message=message, attempt=attempt)

    async def look_up(self) -> None:
        for name, claim in list(self.claims.items()):
            if isinstance(claim, Unknown | CannotTell):
                self.claims[name] = await look_up(self.shop, name[1], message=name[0], to=self.numbers[name])

    def check(self) -> None:
        modem = self.shop.modem
        really = {
            one.text: (one.number, reference) for one, reference in zip(modem.sent, modem.references, strict=True)
        }
        assert {number for number, _ in really.values()} <= {ADA, BEN}
        arrived = [update for update in self.shop.record.receipts if update.state is ReceiptState.DELIVERED]
        delivered = {update.provider_id for update in arrived}
        for name, claim in self.claims.items():
            if isinstance(claim, Accepted | Found):
                taken = [
                    reference
                    for text, (number, reference) in really.items()
                    if text.split()[0] == name[0] and number == self.numbers[name]
                ]
                reference = int(claim.provider_id.rpartition("-")[2])
                assert reference in taken, (name, claim)
                if reference in self.undelivered:
                    assert claim.provider_id not in delivered
                    assert getattr(claim, "receipt", None) is not ReceiptState.DELIVERED
            elif isinstance(claim, Absent | Deferred | Rejected):
                assert " ".join(map(str, name)) not in really, (name, claim)

    @property
    def undelivered(self) -> set[int]:
        """References whose phones were off."""
        return {one for one in self.shop.modem.references if one % 2}


_STEPS = st.one_of(
    st.tuples(st.just("send"), st.sampled_from(["m1", "m2", "m3"]), st.sampled_from([ADA, BEN])),
    st.tuples(st.just("late"), st.integers(1, 140), st.none()),
    st.tuples(st.just("slow"), st.integers(1, 55), st.none()),
    st.tuples(st.just("wait"), st.integers(1, 120), st.none()),
    st.tuples(
        st.sampled_from(
            ["silent", "refuse", "refuse for good", "error", "no prompt", "forget", "RDY", "repeat", "restart", "kill",
             "replug", "first"]
        ),
        st.none(),
        st.none(),
    ),
)  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(st.lists(_STEPS, min_size=3, max_size=14), st.sampled_from(["plain", "ec25", "e3372", "sierra"]))
def test_whatever_comes_in_whatever_order_nothing_is_claimed_without_evidence(
    steps: list[tuple[str, int | str | None, str | None]], character: str
) -> None:
    async def run(folder: Path) -> None:
        async with open_shop(folder, character=character) as shop:
            await shop.ready()
            story = Story(shop)
            shop.modem.report_for = lambda reference: 0x46 if reference % 2 else 0x00
            for step, argument, to in steps:
                await _play(story, step, argument, to)
                await story.look_up()
            for _ in range(3):
                await shop.clock.sleep(60)
                await story.look_up()
            story.check()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))


async def _play(story: Story, step: str, argument: int | str | None, to: str | None) -> None:
    shop, faults = story.shop, story.shop.modem.faults
    match step:
        case "send":
            await story.send(str(argument), to or ADA)
            faults.silent_after_pdu = faults.no_prompt = False
            faults.network_seconds = 0.0
        case "late":
            faults.answers_later = float(argument or 0)
        case "slow":
            faults.network_seconds = float(argument or 0)
        case "wait":
            await shop.clock.sleep(float(argument or 0))
        case "silent":
            faults.silent_after_pdu = True
        case "refuse" | "refuse for good" | "error":
            final = {"refuse": "+CMS ERROR: 38", "error": "ERROR"}.get(step, "+CMS ERROR: 28")
            faults.errors["AT+CMGS"] = [final]
        case "no prompt":
            faults.no_prompt = True
        case "forget":
            shop.modem.start_anew()
            shop.modem.state.text_mode = True
        case "RDY":
            shop.modem.start_anew("RDY")
        case "repeat":
            shop.modem.repeat_reports()
        case "first":
            faults.report_first = not faults.report_first
        case "replug":
            shop.plug.pull()
            shop.plug.put()
        case "restart" | "kill":
            await shop.again(killed=step == "kill")
