"""The modem as a channel: outcomes, receipts, replies, and what it says of itself."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from daemon.channels.base import Outgoing, ReceiptUpdate, Reply, Sent, Surroundings
from daemon.channels.modem import ModemChannel, ModemSettings
from daemon.config import ConfigError, decode
from daemon.modem.simulator import Plug, Sim, SimulatedModem
from outbox.errors import StorageBusy
from outbox.model import Attempt, Rendered
from outbox.outcome import Accepted, CannotTell, Deferred, Found, Outcome, ReceiptState, Rejected, Scope, Unknown
from tests.support.gsm import MemoryNotes, PassingClock, plugged

ADA = "+447700900123"
TEXT = "Hi Ada, your balloons (order B-1042) are ready to collect. Balloon Loft"


@dataclass
class Record:
    """What the outbox would hold."""

    clock: PassingClock
    attempts: list[Attempt] = field(default_factory=list)
    receipts: list[ReceiptUpdate] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    busy: bool = False

    async def on_reply(self, reply: Reply) -> None:
        self._look()
        self.replies.append(reply)

    async def on_receipt(self, update: ReceiptUpdate) -> None:
        self._look()
        self.receipts.append(update)

    def _look(self) -> None:
        if self.busy:
            raise StorageBusy("another program holds the database")

    def keep(self, outcome: Outcome, *, text: str = TEXT, to: str = ADA, started_at: int | None = None) -> Attempt:
        attempt = Attempt(
            seq=len(self.attempts) + 1,
            message_seq=1,
            message_id="m1",
            n=1,
            channel="modem",
            address=to,
            started_at=self.clock.now() if started_at is None else started_at,
            provider_id=outcome.provider_id if isinstance(outcome, Accepted) else "",
            sent=Rendered(text=text),
        )
        self.attempts.append(attempt)
        return attempt


@dataclass
class Shop:
    clock: PassingClock
    modem: SimulatedModem
    plug: Plug
    channel: ModemChannel
    record: Record

    async def ready(self) -> None:
        await self.clock.until(lambda: self.channel.status().stage == "ready")

    async def send(self, text: str = TEXT, *, to: str = ADA, expires_in: float | None = None) -> Outcome:
        now = self.clock.now()
        return await self.channel.send(
            Outgoing(
                message_id="m1",
                attempt=1,
                to=to,
                addresses={"phone": to},
                trigger="order.ready",
                template="order.ready",
                order_ref="B-1042",
                order_source_id="B-1042",
                name="Ada",
                locale="en-GB",
                rendered=Rendered(text=text),
                data={},
                order={},
                now=now,
                expires_at=None if expires_in is None else now + round(expires_in * 1000),
            )
        )


@asynccontextmanager
async def open_shop(
    folder: Path,
    *,
    character: str = "plain",
    sim: Sim | None = None,
    settings: dict[str, Any] | None = None,
    secrets: dict[str, str] | None = None,
    record: Record | None = None,
    notes: MemoryNotes | None = None,
) -> AsyncIterator[Shop]:
    clock, rng, stop = PassingClock(), random.Random(3), asyncio.Event()
    modem = SimulatedModem(clock, rng, character=character, sim=sim)
    record = record or Record(clock)
    record.clock = clock
    async with plugged("tcp", modem, clock, rng, folder) as plug:
        channel = ModemChannel(
            decode({"device": plug.device, **(settings or {})}, ModemSettings, where="test"),
            secrets or {},
            Surroundings(clock=clock, rng=rng, notes=notes or MemoryNotes(), country="GB"),
        )
        async with asyncio.TaskGroup() as group:
            passing = group.create_task(clock.pass_by())
            running = group.create_task(channel.run(stop, record))
            try:
                yield Shop(clock, modem, plug, channel, record)
            finally:
                stop.set()
                await asyncio.wait([running], timeout=10)
                running.cancel()
                passing.cancel()


# ------------------------------------------------------------ outcomes


async def test_accepted_with_the_networks_reference(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        outcome = await shop.send()
        assert isinstance(outcome, Accepted)
        assert outcome.provider_id.endswith(f"-{shop.modem.references[0]}")
        assert outcome.detail == "1 SMS"
        assert shop.modem.texts() == [(ADA, TEXT)]
        assert shop.modem.sent[0].wants_report


@pytest.mark.parametrize(
    ("final", "kind", "scope"),
    [
        ("+CMS ERROR: 1", Rejected, Scope.RECIPIENT),
        ("+CMS ERROR: 28", Rejected, Scope.RECIPIENT),
        ("+CMS ERROR: 304", Rejected, Scope.MESSAGE),
        ("+CMS ERROR: 21", Rejected, Scope.CHANNEL),
        ("+CMS ERROR: 330", Rejected, Scope.CHANNEL),
        ("COMMAND NOT SUPPORT", Rejected, Scope.CHANNEL),
        ("+CMS ERROR: 38", Deferred, None),
        ("+CMS ERROR: 322", Deferred, None),
        ("+CMS ERROR: 500", Unknown, None),
        ("+CMS ERROR: 300", Unknown, None),
        ("ERROR", Unknown, None),
    ],
)
async def test_errors_after_the_pdu(tmp_path: Path, final: str, kind: type, scope: Scope | None) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.errors["AT+CMGS"] = [final]
        outcome = await shop.send()
        assert isinstance(outcome, kind)
        if isinstance(outcome, Rejected):
            assert outcome.scope is scope
            assert bool(outcome.remedy) == (scope is Scope.CHANNEL)


async def test_an_error_before_the_pdu_is_never_unknown(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.early_errors = ["ERROR", "+CMS ERROR: 500"]
        assert isinstance(await shop.send(), Deferred)
        assert isinstance(await shop.send(), Deferred)


async def test_silence_and_a_lost_port(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.silent_after_pdu = True
        assert isinstance(await shop.send(), Unknown)
        shop.modem.faults.silent_after_pdu = False
        shop.modem.faults.no_prompt = True
        assert isinstance(await shop.send(), Deferred)
        shop.modem.faults.no_prompt = False
        shop.modem.faults.unplug_after_pdu = True
        assert isinstance(await shop.send(), Unknown)
        outcome = await shop.send()
        assert isinstance(outcome, Deferred)
        assert not outcome.unreachable


async def test_a_text_that_went_in_part_is_unknown(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.on_sent = lambda _: shop.modem.faults.errors.update({"AT+CMGS": ["+CMS ERROR: 1"]})
        outcome = await shop.send("a" * 200)
        assert outcome == Unknown("1 of 2 parts were sent", code="partial")


async def test_who_waits_no_longer_does_not_know(tmp_path: Path) -> None:
    async with open_shop(tmp_path, settings={"timeout": "20s"}) as shop:
        await shop.ready()
        shop.modem.faults.network_seconds = 50
        assert isinstance(await shop.send(), Unknown)


async def test_too_long_and_no_number(tmp_path: Path) -> None:
    async with open_shop(tmp_path, settings={"max_parts": 2}) as shop:
        await shop.ready()
        long = await shop.send("a" * 307)
        assert isinstance(long, Rejected)
        assert (long.scope, long.code) == (Scope.MESSAGE, "too_long")
        nobody = await shop.send(to="Balloon")
        assert isinstance(nobody, Rejected)
        assert nobody.scope is Scope.RECIPIENT
        assert shop.modem.sent == []


@pytest.mark.parametrize(("expires_in", "minutes"), [(None, None), (3600, 60), (60, 5), (86400, 1440), (-5, 5)])
async def test_the_network_drops_what_has_expired(
    tmp_path: Path, expires_in: float | None, minutes: int | None
) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        await shop.send(expires_in=expires_in)
        assert shop.modem.sent[0].validity_minutes == minutes


async def test_the_owners_service_centre_is_used(tmp_path: Path) -> None:
    async with open_shop(tmp_path, settings={"smsc": "+447785016005"}) as shop:
        await shop.ready()
        await shop.send()
        assert shop.modem.sent[0].service_centre == "+447785016005"


async def test_before_it_runs_and_while_it_searches_it_defers(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        shop.modem.state.registration = 2
        assert isinstance(await shop.send(), Deferred)
        await shop.clock.until(lambda: shop.channel.status().stage == "searching")
        outcome = await shop.send()
        assert isinstance(outcome, Deferred)
        assert outcome.code == "searching"


async def test_a_sim_that_needs_a_person_stops_the_channel(tmp_path: Path) -> None:
    async with open_shop(tmp_path, sim=Sim(present=False)) as shop:
        await shop.clock.until(lambda: shop.channel.status().stage == "needs_person")
        outcome = await shop.send()
        assert isinstance(outcome, Rejected)
        assert outcome.scope is Scope.CHANNEL
        assert "SIM" in outcome.remedy
        assert outcome.after
        health = await shop.channel.check()
        assert not health.ok
        assert health.remedy == outcome.remedy


async def test_a_modem_that_restarted_unnoticed_is_set_up_again(tmp_path: Path) -> None:
    """A brown-out amid the day: the SIM asks for its PIN again, and only the next message shows it."""
    async with open_shop(tmp_path, sim=Sim(pin="4711"), secrets={"MODEM_PIN": "4711"}) as shop:
        await shop.ready()
        shop.modem.state.forget()
        outcome = await shop.send()
        assert isinstance(outcome, Deferred)
        await shop.clock.until(lambda: shop.modem.state.sim.unlocked)
        await shop.ready()
        assert isinstance(await shop.send(), Accepted)


async def test_a_sim_that_is_taken_out_is_noticed(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.state.sim.present = False
        shop.modem.say("+CPIN: NOT INSERTED")
        await shop.clock.until(lambda: shop.channel.status().stage == "needs_person", within=60)
        assert isinstance(await shop.send(), Rejected)


async def test_the_pin_comes_from_the_secrets_and_shows_nowhere(tmp_path: Path) -> None:
    async with open_shop(tmp_path, sim=Sim(pin="4711"), secrets={"MODEM_PIN": "4711"}) as shop:
        await shop.ready()
        assert "4711" not in repr(vars(shop.channel)) + repr(shop.channel.detail())


# ------------------------------------------------------------ receipts


async def _taken(shop: Shop, text: str = TEXT) -> Accepted:
    outcome = await shop.send(text)
    assert isinstance(outcome, Accepted)
    return outcome


@pytest.mark.parametrize(
    ("status", "state"),
    [(0x00, ReceiptState.DELIVERED), (0x46, ReceiptState.UNDELIVERED), (0x01, ReceiptState.SENT)],
)
async def test_a_report_becomes_a_receipt(tmp_path: Path, status: int, state: ReceiptState) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.report_status = status
        outcome = await _taken(shop)
        await shop.clock.until(lambda: shop.record.receipts)
        (update,) = shop.record.receipts
        assert (update.state, update.provider_id) == (state, outcome.provider_id)
        assert update.at
        assert update.code == f"ST {status:#04x}"


async def test_a_report_that_comes_before_the_networks_answer(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.report_first = True
        outcome = await _taken(shop)
        await shop.clock.until(lambda: shop.record.receipts, within=5)
        assert shop.record.receipts[0].provider_id == outcome.provider_id


async def test_a_long_text_is_delivered_when_all_its_parts_are_across_a_restart(tmp_path: Path) -> None:
    notes = MemoryNotes()
    async with open_shop(tmp_path, notes=notes) as shop:
        await shop.ready()
        shop.modem.faults.report_status = None
        outcome = await _taken(shop, "a" * 400)
        references = shop.modem.references
        record = shop.record
        for reference in references[:2]:
            shop.modem.report(reference, ADA, 0)
        await shop.clock.until(lambda: notes.kept["modem.sent"].count("delivered") == 2)
        assert record.receipts == []
    async with open_shop(tmp_path, notes=notes, record=record) as shop:
        await shop.ready()
        shop.modem.report(references[2], "447700900123", 0)
        await shop.clock.until(lambda: record.receipts)
        assert [(update.state, update.provider_id) for update in record.receipts] == [
            (ReceiptState.DELIVERED, outcome.provider_id)
        ]


async def test_a_wrapped_reference_means_the_newest(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.report_status = None
        first = await _taken(shop)
        shop.modem._reference -= 1
        await shop.clock.sleep(1000)
        second = await _taken(shop)
        assert shop.modem.references[0] == shop.modem.references[1]
        assert first.provider_id != second.provider_id
        shop.modem.report(shop.modem.references[0], ADA, 0)
        await shop.clock.until(lambda: shop.record.receipts)
        assert shop.record.receipts[0].provider_id == second.provider_id


async def test_a_busy_database_loses_no_report(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.record.busy = True
        await _taken(shop)
        await shop.clock.sleep(130)
        shop.record.busy = False
        await shop.clock.until(lambda: shop.record.receipts)


async def test_a_report_of_somebody_elses_is_no_receipt(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.report(7, ADA, 0)
        await shop.clock.sleep(130)
        assert shop.record.receipts == []


# ------------------------------------------------------------ looking up what is unknown


async def test_a_report_tells_that_an_unknown_message_was_sent(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.silent_after_pdu = True
        shop.modem.faults.report_seconds = 70
        started = shop.clock.now()
        outcome = await shop.send()
        assert isinstance(outcome, Unknown)
        attempt = shop.record.keep(outcome, started_at=started)
        sent = Sent(attempt=attempt, order_ref="B-1042", trigger="order.ready", now=shop.clock.now())
        assert isinstance(await shop.channel.lookup(sent), CannotTell)
        await shop.clock.until(lambda: shop.channel._unmatched)
        found = await shop.channel.lookup(sent)
        assert isinstance(found, Found)
        assert found.receipt is ReceiptState.DELIVERED
        assert found.provider_id.endswith(f"-{shop.modem.references[0]}")
        assert isinstance(await shop.channel.lookup(sent), CannotTell)  # one report answers for one message


async def test_a_reference_that_comes_late_tells_that_an_unknown_message_was_sent(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.network_seconds = 75
        shop.modem.faults.report_status = None
        attempt = shop.record.keep(Unknown("x"))
        assert isinstance(await shop.send(), Unknown)
        shop.modem.faults.network_seconds = 0
        await shop.clock.until(lambda: shop.modem.references)
        await shop.clock.sleep(5)
        found = await shop.channel.lookup(
            Sent(attempt=attempt, order_ref="B-1042", trigger="order.ready", now=shop.clock.now())
        )
        assert isinstance(found, Found)
        assert found.provider_id.endswith(f"-{shop.modem.references[0]}")


async def test_what_was_taken_just_before_a_crash_is_found(tmp_path: Path) -> None:
    """The network gave its reference, and the service died before the outcome was on record."""
    notes = MemoryNotes()
    async with open_shop(tmp_path, notes=notes) as shop:
        await shop.ready()
        attempt = shop.record.keep(Unknown("the service stopped"))
        outcome = await _taken(shop)
    async with open_shop(tmp_path, notes=notes) as shop:
        sent = Sent(attempt=attempt, order_ref="B-1042", trigger="order.ready", now=shop.clock.now())
        assert await shop.channel.lookup(sent) == Found(outcome.provider_id)


async def test_looking_up_gives_a_report_time_since_the_attempt_and_since_the_modem_is_ready(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        hour_ago = shop.clock.now() - 3_600_000
        attempt = shop.record.keep(Unknown("x"), started_at=hour_ago)

        async def lookup(seconds: float) -> bool:
            now = shop.clock.now() + round(seconds * 1000)
            answer = await shop.channel.lookup(Sent(attempt=attempt, order_ref="B", trigger="order.ready", now=now))
            assert isinstance(answer, CannotTell)
            return answer.again is not None

        assert not await lookup(0)  # the modem is not there, and it is long ago
        await shop.ready()
        assert await lookup(10)
        assert not await lookup(120)
        attempt = shop.record.keep(Unknown("x"))
        assert await lookup(80)
        assert not await lookup(120)


# ------------------------------------------------------------ replies


@pytest.mark.parametrize(
    ("text", "consent"),
    [("STOP", "stop"), ("Arrêt !", "stop"), ("START", "start"), ("HELP", None), ("on my way!", None)],
)
async def test_what_customers_write(tmp_path: Path, text: str, consent: str | None) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.receive(text, ADA)
        await shop.clock.until(lambda: shop.record.replies)
        (reply,) = shop.record.replies
        assert (reply.address, reply.text, reply.consent) == (ADA, text, consent)
        assert reply.id
        assert reply.at


@pytest.mark.parametrize(
    ("sender", "address", "consent"),
    [("07700900123", ADA, "stop"), ("Balloon", "Balloon", None), ("60777", "60777", None)],
)
async def test_who_wrote_and_whether_they_can_opt_out(
    tmp_path: Path, sender: str, address: str, consent: str | None
) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.receive("STOP", sender)
        await shop.clock.until(lambda: shop.record.replies)
        assert (shop.record.replies[0].address, shop.record.replies[0].consent) == (address, consent)


async def test_a_reply_stays_in_the_modem_until_it_is_on_record(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.record.busy = True
        shop.modem.receive("STOP", ADA)
        await shop.clock.sleep(130)
        assert any(shop.modem.state.memories.values())
        shop.record.busy = False
        await shop.clock.until(lambda: shop.record.replies)
        await shop.clock.until(lambda: not any(shop.modem.state.memories.values()))


# ------------------------------------------------------------ what it says of itself


async def test_what_people_see(tmp_path: Path) -> None:
    async with open_shop(tmp_path, settings={"ussd_balance": "*100#"}) as shop:
        await shop.ready()
        await shop.clock.until(lambda: shop.channel.status().credit)
        detail = shop.channel.detail()
        assert detail["stage"] == "ready"
        assert (detail["bars"], detail["signal_dbm"], detail["operator"]) == (4, -73, "Simulated Mobile")
        assert (detail["sim"], detail["registration"], detail["credit"]) == ("ready", "home", "Your credit is 10.00")
        assert shop.modem.state.imei not in str(detail)
        health = await shop.channel.check()
        assert health.ok
        assert health.summary == "Simulated Mobile, -73 dBm, home"


async def test_a_text_of_the_operators_own_and_a_service_code(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        assert isinstance(await shop.channel.test(ADA, "Test from the counter"), Accepted)
        assert (await shop.channel.ussd("*100#")).text == "Your credit is 10.00"


def test_its_table_of_settings() -> None:
    table = {"device": "auto", "rate": "6/m", "daily_limit": 100, "power_command": ["uhubctl", "-a", "cycle"]}
    settings = decode(table, ModemSettings, where="test")
    assert settings.power_command == ("uhubctl", "-a", "cycle")
    assert settings.timeout == 180
    with pytest.raises(ConfigError, match="did you mean 'device'"):
        decode({"devise": "x"}, ModemSettings, where="test")
