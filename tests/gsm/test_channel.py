"""The modem as a channel: outcomes, and what it says of itself."""

import random
from pathlib import Path

import pytest

from daemon.channels import registry
from daemon.channels.base import Misconfigured, Surroundings
from daemon.channels.modem import ModemSettings
from daemon.config import ConfigError, decode
from daemon.modem.simulator import CHARACTERS, Sim
from outbox.outcome import Accepted, Deferred, Rejected, Scope, Unknown
from tests.support.fake_clock import FakeClock
from tests.support.gsm import MemoryNotes
from tests.support.modem_shop import ADA, TEXT, open_shop

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
        ("+CMS ERROR: 95", Rejected, Scope.MESSAGE),
        ("+CMS ERROR: 21", Rejected, Scope.RECIPIENT),
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
        shop.modem.faults.errors["AT+CMGS"] = [final, final]
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
        held = await shop.send()
        assert isinstance(held, Deferred)
        assert (held.code, held.throttled) == ("owing", True)
        assert 80 < (held.after or 0) <= 90
        await shop.clock.sleep(held.after or 0)
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
        shop.modem.on_sent = lambda _: shop.modem.faults.errors.update({"AT+CMGS": ["+CMS ERROR: 38"] * 3})
        outcome = await shop.send("a" * 200)
        assert outcome == Unknown("1 of 2 parts were sent", code="partial", left=1)


async def test_a_part_that_is_refused_for_good_ends_the_text(tmp_path: Path) -> None:
    """Its first part need not go out again and again for a second one that never will."""
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.on_sent = lambda _: shop.modem.faults.errors.update({"AT+CMGS": ["+CMS ERROR: 28"]})
        outcome = await shop.send("a" * 200)
        assert outcome == Rejected(Scope.RECIPIENT, "CMS 28", "part 2 of 2: subscriber not identified", left=1)
        assert len(shop.modem.sent) == 1


async def test_a_part_that_may_have_gone_is_sent_again_by_itself(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.on_sent = lambda one: (
            shop.modem.faults.errors.update({"AT+CMGS": ["+CMS ERROR: 500"]}) if len(shop.modem.sent) == 1 else None
        )
        outcome = await shop.send("a" * 200)
        assert isinstance(outcome, Accepted)
        assert outcome.left == 3  # each may cost one
        assert [one.part[2] for one in shop.modem.sent] == [1, 2]
        shop.modem.on_sent = lambda _: None
        shop.modem.faults.errors["AT+CMGS"] = ["+CMS ERROR: 500", "+CMS ERROR: 38"]
        given_up = await shop.send("a" * 200, message="m2")
        assert isinstance(given_up, Deferred)
        assert given_up.left == 1


async def test_a_message_that_the_line_garbled_once_is_sent_again(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.errors["AT+CMGS"] = ["+CMS ERROR: 304"]
        assert isinstance(await shop.send(), Accepted)
        shop.modem.faults.errors["AT+CMGS"] = ["+CMS ERROR: 304"] * 2
        refused = await shop.send(message="m2")
        assert isinstance(refused, Rejected)
        assert (refused.scope, refused.code) == (Scope.MESSAGE, "CMS 304")


@pytest.mark.parametrize("begin", [["+CMS ERROR: 500"], ["+CMS ERROR: 500"] * 2, ["COMMAND NOT SUPPORT"]])
async def test_a_first_garbled_message_is_sent_again_whatever_was_refused_before_it(
    tmp_path: Path, begin: list[str]
) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.errors["AT+CMGS"] = [*begin, "+CMS ERROR: 304"]
        assert isinstance(await shop.send("a" * 200), Accepted)


@pytest.mark.parametrize("final", ["COMMAND NOT SUPPORT", "+CMS ERROR: 303", "+CME ERROR: 3"])
async def test_a_modem_that_has_sent_before_is_not_given_up_for_saying_that_it_can_not(
    tmp_path: Path, final: str
) -> None:
    """A bit flipped in what it was told, or it is not itself: everybody else's texts still go."""
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.errors["AT+CMGS"] = [final]
        assert isinstance(await shop.send(), Accepted)
        for killed in (False, True):
            if killed:
                await shop.again(killed=True)
                await shop.ready()
            shop.modem.faults.errors["AT+CMGS"] = [final] * 2
            assert isinstance(await shop.send(message="m2"), Deferred)
        assert isinstance(await shop.send(message="m3"), Accepted)


async def test_a_modem_that_says_again_and_again_that_it_can_not_costs_no_text(tmp_path: Path) -> None:
    """Its SIM was exchanged for one without texts: what waits goes its next way, or waits, and does not use up its tries."""
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        assert isinstance(await shop.send(), Accepted)
        shop.modem.faults.errors["AT+CMGS"] = ["+CMS ERROR: 303"] * 6
        tries = [await shop.send(message=f"m{n}") for n in range(2, 5)]
        assert [isinstance(each, Deferred) for each in tries] == [True, True, False]
        assert isinstance(tries[2], Rejected)
        assert (tries[2].scope, bool(tries[2].remedy), bool(tries[2].after)) == (Scope.CHANNEL, True, True)
        assert isinstance(await shop.send(message="m5"), Accepted)


async def test_refusals_of_two_kinds_are_not_added_up(tmp_path: Path) -> None:
    """Twice a garbled command, and then one number that is barred, say nothing of the SIM."""
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        assert isinstance(await shop.send(), Accepted)
        for to in (ADA, "+447700900124"):
            shop.modem.faults.errors["AT+CMGS"] = ["+CMS ERROR: 303"] * 2
            assert isinstance(await shop.send(to=to), Deferred)
        shop.modem.faults.errors["AT+CMGS"] = ["+CMS ERROR: 8"]
        barred = await shop.send(to="+447700900125")
        assert isinstance(barred, Rejected)
        assert barred.scope is Scope.RECIPIENT


@pytest.mark.parametrize("code", [8, 10, 21, 29, 50])
async def test_one_barred_number_stops_nobody_else_and_three_in_a_row_stop_the_sim(tmp_path: Path, code: int) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        final = f"+CMS ERROR: {code}"

        async def barred(to: str) -> Scope:
            shop.modem.faults.errors["AT+CMGS"] = [final]
            outcome = await shop.send(to=to)
            assert isinstance(outcome, Rejected)
            assert bool(outcome.remedy) == (outcome.scope is Scope.CHANNEL)
            return outcome.scope

        ben, cy = "+447700900124", "+447700900125"
        assert [await barred(ADA) for _ in range(4)] == [Scope.RECIPIENT] * 4  # it is Ada's number
        assert await barred(ben) is Scope.RECIPIENT
        assert isinstance(await shop.send(to=cy), Accepted)  # it is not the SIM
        scopes = [await barred(to) for to in (ADA, ben, cy)]
        assert scopes == [Scope.RECIPIENT, Scope.RECIPIENT, Scope.CHANNEL]


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


@pytest.mark.parametrize("max_parts", [4, 1000])
async def test_more_parts_than_can_be_joined_are_counted_and_refused(tmp_path: Path, max_parts: int) -> None:
    """A text of the store's own that lists a shop's order of hundreds of lines."""
    async with open_shop(tmp_path, settings={"max_parts": max_parts}) as shop:
        await shop.ready()
        text = "Шар из фольги, с лентой\n" * 1000
        assert shop.channel.units(shop.outgoing(text)) > 255
        refused = await shop.send(text)
        assert isinstance(refused, Rejected)
        assert (refused.scope, refused.code) == (Scope.MESSAGE, "too_long")


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


@pytest.mark.parametrize(
    ("settings", "secrets", "what"),
    [
        ({"smsc": "+44 7785 016005"}, {}, "smsc"),
        ({"smsc": "Simulated Mobile"}, {}, "smsc"),
        ({"ussd_balance": "BAL"}, {}, "ussd_balance"),
        ({"ussd_balance": "*100# "}, {}, "ussd_balance"),
        ({}, {"MODEM_PIN": "47 11"}, "MODEM_PIN"),
        ({}, {"MODEM_PIN": "4711\u00a0"}, "MODEM_PIN"),
        ({}, {"MODEM_PIN": "471"}, "MODEM_PIN"),
    ],
)
def test_what_can_not_be_meant_is_said_at_the_start(
    settings: dict[str, str], secrets: dict[str, str], what: str
) -> None:
    """Rather than at each text, or by a try of the SIM's PIN."""
    around = Surroundings(clock=FakeClock(), rng=random.Random(1), notes=MemoryNotes(), country="GB")
    with pytest.raises(Misconfigured, match=what) as caught:
        registry.build("modem", settings, secrets, None, around)  # type: ignore[arg-type]
    assert not any(pin in str(caught.value) for pin in secrets.values())


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


@pytest.mark.parametrize("character", CHARACTERS)
async def test_a_modem_that_restarted_unnoticed_is_unlocked_and_set_up_at_once(tmp_path: Path, character: str) -> None:
    """A brown-out amid the day, and not a word of it: the SIM asks for its PIN again, and nobody is sending."""
    if character == "bare":
        pytest.skip("it can't be asked for its SIM")
    async with open_shop(tmp_path, character=character, sim=Sim(pin="4711"), secrets={"MODEM_PIN": "4711"}) as shop:
        await shop.ready()
        await shop.clock.sleep(100)
        shop.modem.state.forget()
        await shop.clock.until(lambda: shop.modem.state.sim.unlocked, within=30)
        await shop.clock.until(lambda: shop.modem.state.announces == 1, within=30)
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
    pin = "47114711"  # longer than a port, and hardly to be met in an object's address
    async with open_shop(tmp_path, sim=Sim(pin=pin), secrets={"MODEM_PIN": pin}) as shop:
        await shop.ready()
        assert pin not in repr(vars(shop.channel)) + repr(shop.channel.detail())


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


async def test_what_to_do_is_of_what_stands_in_the_way_now(tmp_path: Path) -> None:
    """The team read "no network (searching): plug the modem in", of one that hung in the hub beside them."""
    async with open_shop(tmp_path, kind="pty", character="ec25") as shop:
        await shop.ready()
        assert shop.channel.detail()["network"] == "4G"
        shop.plug.pull()
        await shop.clock.until(lambda: shop.channel.status().remedy)
        gone = shop.channel.obstacle()
        assert gone is not None
        assert "plug the modem in" in gone.reason
        assert shop.channel.detail()["network"] == ""
        shop.modem.state.registration = 2
        shop.plug.put()
        await shop.clock.until(lambda: shop.channel.status().stage == "searching")
        searching = shop.channel.obstacle()
        assert searching is not None
        assert searching.reason == "no network (searching)"
        assert shop.channel.detail()["remedy"] == ""


async def test_a_service_code(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        assert (await shop.channel.ussd("*100#")).text == "Your credit is 10.00"


def test_its_table_of_settings() -> None:
    table = {"device": "auto", "rate": "6/m", "daily_limit": 100, "power_command": ["uhubctl", "-a", "cycle"]}
    settings = decode(table, ModemSettings, where="test")
    assert settings.power_command == ("uhubctl", "-a", "cycle")
    assert settings.timeout == 180
    with pytest.raises(ConfigError, match="did you mean 'device'"):
        decode({"devise": "x"}, ModemSettings, where="test")
