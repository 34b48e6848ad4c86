"""The doctor's look at the modem: wrong only where something is, with what would mend it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from daemon.appliance.checks.modem import check_modem
from daemon.appliance.examination import Examination
from daemon.appliance.finding import Finding, Level
from daemon.appliance.machine import Machine, Ran
from daemon.cli.frame import read
from daemon.cli.modem_words import told
from daemon.config import Settings
from daemon.http import open_http
from daemon.wire.modem import Modem
from daemon.wire.service import Channel
from tests.gsm.test_sticks import plug_in
from tests.support.fake_clock import FakeClock

WELL = Ran(0, "")
CD_ROM = ("12d1", "1f01", [("08", "06", "usb-storage", "")])
NO_DRIVER = ("1e0e", "9001", [("ff", "00", "", "")])
READY = {"stage": "ready", "operator": "EE", "registration": "home", "signal_dbm": -73, "bars": 4}


class Box(Machine):
    """A machine that notes what it is to run."""

    def __init__(self, root: Path, ran: Ran | None = WELL) -> None:
        super().__init__(root)
        self.commands: list[str] = []
        self._ran = ran

    async def run(self, *command: Any, **_: Any) -> Ran | None:
        self.commands.append(" ".join(map(str, command)))
        return self._ran


async def _look(
    machine: Machine, *, row: dict[str, Any] | None = None, fix: bool = False, device: str = "auto"
) -> Sequence[Finding]:
    async def ask(path: str) -> object:
        assert path == "/v1/channels"
        return {"items": [{"name": "modem", "state": "ready", "reason": "", **(row or {})}]}

    clock = FakeClock()
    async with open_http(clock) as http:
        case = Examination(
            settings=Settings(),
            clock=clock,
            http=http,
            machine=machine,
            running=row is not None,
            offline=True,
            fix=fix,
            ask_service=ask,
        )
        return await check_modem(case, {"device": device, "probe": []})


def _usb(root: Path, *devices: Any) -> Path:
    plug_in(root / "sys/bus/usb/devices", *devices)
    return root


@pytest.mark.parametrize(
    ("detail", "level", "words"),
    [
        (READY, Level.OK, "EE, home, -73 dBm"),
        ({**READY, "trouble": "the network refused it", "remedy": "ask"}, Level.OK, "EE, home"),
        ({**READY, "signal_dbm": -111}, Level.ADVICE, "very weak"),
        ({**READY, "storage": {"used": 20, "total": 20}}, Level.ADVICE, "memory is full"),
        ({**READY, "storage": {"used": 19, "total": 20}}, Level.OK, "EE, home"),
        ({**READY, "storage": {"used": 0, "total": 0}}, Level.OK, "EE, home"),
        (
            {"stage": "starting", "since": 1_795_515_290_000, "reason": "the modem is starting"},
            Level.ADVICE,
            "starting",
        ),
        ({"stage": "searching", "since": 0, "reason": "no network (searching)"}, Level.PROBLEM, "no network"),
        ({"stage": "absent", "reason": "no modem is plugged in"}, Level.PROBLEM, "no modem"),
        ({"stage": "needs_person", "reason": "no SIM", "remedy": "push it in"}, Level.PROBLEM, "no SIM"),
    ],
)
async def test_as_the_service_sees_it(tmp_path: Path, detail: dict[str, Any], level: Level, words: str) -> None:
    [finding] = await _look(Box(tmp_path), row={"detail": detail})
    assert finding.level is level
    assert words in finding.summary
    assert bool(finding.remedy) == (level is not Level.OK)


async def test_a_paused_one_is_wrong(tmp_path: Path) -> None:
    [finding] = await _look(Box(tmp_path), row={"state": "paused", "reason": "paused by Ada", "detail": READY})
    assert (finding.level, finding.summary) == (Level.PROBLEM, "paused by Ada")


async def test_what_keeps_a_stick_from_being_used_is_told_beside(tmp_path: Path) -> None:
    row = {"state": "open", "detail": {"stage": "absent", "reason": "no modem is plugged in"}}
    findings = await _look(Box(_usb(tmp_path, CD_ROM)), row=row)
    assert [finding.level for finding in findings] == [Level.PROBLEM] * 2
    assert "usb-modeswitch" in findings[1].remedy


async def test_without_the_service_it_looks_at_what_is_plugged_in(tmp_path: Path) -> None:
    [nothing] = await _look(Box(tmp_path), device=str(tmp_path / "modem"))
    assert (nothing.level, "no such device" in nothing.summary) == (Level.PROBLEM, True)
    (tmp_path / "modem").touch()
    [there] = await _look(Box(tmp_path), device=str(tmp_path / "modem"))
    assert there.level is Level.OK
    [hint] = await _look(Box(_usb(tmp_path, NO_DRIVER)))
    assert "modprobe option" in hint.remedy


async def test_it_mends_what_it_may(tmp_path: Path) -> None:
    machine = Box(_usb(tmp_path, CD_ROM, NO_DRIVER))
    row = {"state": "open", "detail": {"stage": "absent", "reason": "no modem is plugged in"}}
    await _look(machine, row=row)
    assert machine.commands == []  # never unasked
    findings = await _look(machine, row=row, fix=True)
    assert machine.commands == [
        "usb_modeswitch -v 12d1 -p 1f01 -J",
        "modprobe option",
        "sh -c echo 1e0e 9001 > /sys/bus/usb-serial/drivers/option1/new_id",
    ]
    assert [finding.level for finding in findings[1:]] == [Level.ADVICE] * 2


@pytest.mark.parametrize(
    ("ran", "why"), [(None, "no such program"), (Ran(1, "Permission denied"), "Permission denied")]
)
async def test_it_says_why_it_could_not_mend_it(tmp_path: Path, ran: Ran | None, why: str) -> None:
    findings = await _look(Box(_usb(tmp_path, CD_ROM), ran), row={"detail": READY}, fix=True)
    [failed] = [finding for finding in findings if finding.level is Level.PROBLEM]
    assert why in failed.summary
    assert "apt install usb-modeswitch" in failed.remedy


def test_how_it_is_is_said_in_words() -> None:
    """No field names, no JSON, and no moment as a number."""
    detail = {
        **READY,
        "device": "/dev/ttyUSB2",
        "identity": {"manufacturer": "Quectel", "model": "EC25"},
        "sim": "ready",
        "storage": {"used": 1, "total": 20},
        "credit": "Your credit is 10.00",
        "credit_at": 1_795_515_300_000,
        "trouble": "no network",
        "trouble_at": 1_795_515_300_000,
        "resets": 2,
        "sent": 3,
        "heard": 1,
        "ignored": 1,
    }
    row = Channel(name="modem", state="ready", queued=2, sent_today=3, daily_limit=200)
    words = dict(told(row, read(detail, Modem)))
    assert words["network"] == "EE, home, signal -73 dBm, 4 of 4 bars"
    assert words["today"] == "3 of 200 SMS, 2 messages wait"
    assert words["memory"] == "1 of 20 places are taken"
    full = dict(told(row, read({**detail, "storage": {"used": 20, "total": 20}}, Modem)))
    assert "delete them" in full["memory"]
    assert words["since start"] == "3 SMS sent, 1 messages and reports came in, 1 of no interest, brought back 2 times"
    assert words["last trouble"].endswith("; it passed")
    assert not any(mark in said for said in words.values() for mark in ("{", "1795515300000", "None"))


REFUSED = {**READY, "trouble": "network out of order", "trouble_at": 1_795_515_300_000}
KEEP_3G = {**REFUSED, "remedy": "keep the modem in 3G (AT+CNMP=14)"}


@pytest.mark.parametrize(
    ("detail", "row", "line", "words", "passed"),
    [
        (REFUSED, {"state": "ready"}, "last trouble", "network out of order", True),
        (KEEP_3G, {"state": "ready"}, "last trouble", "AT+CNMP=14", False),
        (KEEP_3G, {"state": "ready", "last_success": 1_795_515_400_000}, "last trouble", "AT+CNMP=14", True),
        (KEEP_3G, {"state": "open", "reason": "network out of order"}, "last trouble", "AT+CNMP=14", False),
        (READY, {"state": "open", "reason": "it may still answer: 57 s more"}, "modem", "57 s more", False),
        (KEEP_3G, {"state": "open", "reason": "network out of order"}, "modem", "network out of order", False),
    ],
)
def test_a_modem_that_is_registered_and_can_not_send_is_not_called_well(
    detail: dict[str, Any], row: dict[str, Any], line: str, words: str, passed: bool
) -> None:
    """It said "ready", "it passed" and "it can't send now" in one breath, and what would help nowhere."""
    said = dict(told(read({"name": "modem", **row}, Channel), read(detail, Modem)))
    assert words in said[line]
    assert ("it passed" in said[line]) == passed
    assert ("modem", "ready") not in said.items() or row["state"] == "ready"


@pytest.mark.parametrize("device", ["auto", "/dev/ttyUSB2"])
async def test_the_unit_that_tells_of_a_failed_service_blames_no_modem_that_it_can_t_see(
    device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The team read "no modem is plugged in" and drove to the shop, where it was."""
    unit = (Path(__file__).parents[2] / "systemd" / "tether-failed@.service").read_text(encoding="utf-8")
    assert "PrivateDevices=yes" in unit.splitlines()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    [finding] = await _look(Box(tmp_path), device=device)
    assert finding.level is Level.OK
    [hint] = await _look(Box(_usb(tmp_path, NO_DRIVER)))
    assert "modprobe option" in hint.remedy
