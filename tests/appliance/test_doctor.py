"""The doctor finds what is wrong and says what to do; what it may mend it mends when asked."""

import asyncio
import json
import socket
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.appliance.checks.disk import check_disk
from daemon.appliance.checks.fleet import check_fleet
from daemon.appliance.checks.network import check_line
from daemon.appliance.checks.unit import MOST_EXPOSURE, check_unit
from daemon.appliance.doctor import examine
from daemon.appliance.examination import Examination
from daemon.appliance.finding import Finding, Level
from daemon.appliance.machine import Machine, Ran
from daemon.config import Settings, load
from daemon.http import open_http
from daemon.runtime.clockwatch import RELEASED
from daemon.upkeep.backup_note import LastBackup, note_path
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import accept_one, open_box, open_own_box, planned
from tests.support.shop import open_shop

pytestmark = pytest.mark.usefixtures("shipped_texts_checked_once")


class Box(Machine):
    """A machine with programs that say what the test wants; what is not named is not there."""

    def __init__(self, root: Path, programs: dict[str, Ran] | None = None) -> None:
        super().__init__(root)
        self._programs = programs or {}

    async def run(self, *command: Any, **options: Any) -> Ran | None:
        return next(
            (ran for words, ran in self._programs.items() if " ".join(map(str, command)).startswith(words)), None
        )


@asynccontextmanager
async def examination(settings: Settings, **changes: Any) -> AsyncIterator[Examination]:
    clock = changes.pop("clock", FakeClock())

    async def ask(path: str) -> object:
        raise AssertionError("the service does not run")

    async with open_http(clock) as http:
        plain: dict[str, Any] = {
            "settings": settings,
            "clock": clock,
            "http": http,
            "machine": Box(settings.folder),
            "running": False,
            "offline": True,
            "fix": False,
            "ask_service": ask,
        }
        yield Examination(**{**plain, **changes})


async def found(settings: Settings, **changes: Any) -> Sequence[Finding]:
    async with examination(settings, **changes) as case:
        return await examine(case)


def of(findings: Sequence[Finding], check: str) -> list[Finding]:
    return [finding for finding in findings if finding.check == check]


def wrong(findings: Sequence[Finding]) -> list[str]:
    return [finding.check for finding in findings if finding.level is Level.PROBLEM]


def configured(folder: Path, text: str = "", secrets: str = "") -> Settings:
    (folder / "tether.toml").write_text('[hook]\nport = 0\n[store]\nname = "Balloon Loft"\n' + text)
    (folder / ".env").write_text(secrets)
    (folder / ".env").chmod(0o600)
    return load(folder / "tether.toml", environ={})


TWILIO = '[channels.twilio]\nfrom = "+15005550006"\n'
SECRETS = "TWILIO_ACCOUNT_SID=AC0123\nTWILIO_AUTH_TOKEN=hush-hush\n"


async def test_a_good_box_has_nothing_to_mend(tmp_path: Path) -> None:
    findings = await found(configured(tmp_path, TWILIO, SECRETS))
    assert wrong(findings) == []
    checks = {finding.check for finding in findings}
    assert {"config", "permissions", "clock", "disk", "database", "port", "channel twilio"} <= checks


async def test_each_problem_says_what_to_do(tmp_path: Path) -> None:
    settings = configured(tmp_path, TWILIO + "[data]\nreserve = '1000000GiB'\n")
    (tmp_path / ".env").chmod(0o644)
    (tmp_path / "tether.db").write_bytes(b"no database" * 1000)
    findings = await found(settings, clock=FakeClock(now=1000))
    assert sorted(set(wrong(findings))) == ["channel twilio", "clock", "database", "disk", "permissions"]
    assert all(finding.remedy for finding in findings if finding.level is not Level.OK)


async def test_a_database_with_two_names_is_told(tmp_path: Path) -> None:
    settings = configured(tmp_path, TWILIO, SECRETS)
    async with open_box(tmp_path):
        """Made, and closed again."""
    assert "permissions" not in wrong(await found(settings))
    settings.database.with_name("second.db").hardlink_to(settings.database)
    assert "permissions" in wrong(await found(settings))


async def test_a_secret_that_is_missing_is_named_and_never_shown(tmp_path: Path) -> None:
    findings = await found(configured(tmp_path, TWILIO, "TWILIO_ACCOUNT_SID=AC-very-secret\n"))
    (missing,) = of(findings, "channel twilio")
    assert "TWILIO_AUTH_TOKEN" in missing.summary
    assert "AC-very-secret" not in str(findings)


@pytest.mark.parametrize("written", ["TWILIO_AUTH_TOKN", "twilio_auth_token"])
async def test_a_secret_under_almost_its_name_is_pointed_out(tmp_path: Path, written: str) -> None:
    """The owner had just put it there, and read that it is missing."""
    findings = await found(configured(tmp_path, TWILIO, f"TWILIO_ACCOUNT_SID=AC0123\n{written}=hush-hush\n"))
    (missing,) = of(findings, "channel twilio")
    assert f"{tmp_path / '.env'} has {written}, which nothing reads" in missing.remedy


async def test_a_clock_before_this_release(tmp_path: Path) -> None:
    assert wrong(await found(configured(tmp_path), clock=FakeClock(now=RELEASED - 1))) == ["clock"]


async def test_a_chain_that_was_broken(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    async with open_own_box(tmp_path, FakeClock()) as box:
        await accept_one(box, planned("m1"), id="e1")
    with closing(sqlite3.connect(tmp_path / "tether.db", isolation_level=None)) as db:
        db.execute("UPDATE audit SET kind = 'nothing' WHERE seq = 2")
    findings = await found(settings)
    assert wrong(findings) == ["audit"]
    assert "entry 2" in of(findings, "audit")[0].summary


async def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        settings = configured(tmp_path)
        taken = msgspec.structs.replace(settings.hook, port=other.getsockname()[1])
        assert wrong(await found(msgspec.structs.replace(settings, hook=taken))) == ["port"]


async def test_a_hook_in_the_clear_on_the_shop_s_network(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    open_to_all = msgspec.structs.replace(settings.hook, host="0.0.0.0")
    findings = await found(msgspec.structs.replace(settings, hook=open_to_all))
    assert any(finding.level is Level.ADVICE and "in the clear" in finding.summary for finding in of(findings, "port"))


@pytest.mark.parametrize(
    ("note", "level", "words"),
    [
        (None, Level.PROBLEM, "none was made yet"),
        (LastBackup(at=FakeClock().now(), name="tether-x"), Level.OK, "tether-x"),
        (LastBackup(at=FakeClock().now(), error="no stick"), Level.PROBLEM, "no stick"),
        (LastBackup(at=FakeClock().now() - 4 * 86_400_000, name="tether-x"), Level.PROBLEM, "4 days old"),
        (LastBackup(at=FakeClock().now() + 4 * 86_400_000, name="tether-x"), Level.PROBLEM, "a day that has not come"),
        (LastBackup(at=FakeClock().now() + 3_600_000, name="tether-x"), Level.OK, "tether-x, 0 hours old"),
    ],
)
async def test_backups(tmp_path: Path, note: LastBackup | None, level: Level, words: str) -> None:
    settings = configured(tmp_path, '[backup]\nto = "kept"\n')
    if note is not None:
        note_path(settings).write_bytes(msgspec.json.encode(note))
    first = of(await found(settings), "backup")[0]
    assert (first.level, words in first.summary) == (level, True)


async def test_a_check_that_never_ends_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def forever(case: Examination) -> Sequence[Finding]:
        await asyncio.Event().wait()
        return []

    async def nothing(case: Examination) -> Sequence[Finding]:
        return []

    monkeypatch.setattr("daemon.appliance.doctor.CHECKS", [("plain", nothing), ("odd", forever)])
    monkeypatch.setattr("daemon.appliance.doctor.LONGEST", 0.5)
    assert wrong(await found(configured(tmp_path))) == ["odd"]


# ---------------------------------------------------------------- the machine

ACTIVE = "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nNRestarts=3\nResult=success\nNeedDaemonReload=no"


@pytest.mark.parametrize(
    ("shown", "exposure", "problems", "advices"),
    [
        (ACTIVE, f"{MOST_EXPOSURE} OK", 0, 0),
        (ACTIVE, "9.6 UNSAFE", 0, 1),
        (ACTIVE.replace("=active", "=failed").replace("success", "watchdog"), f"{MOST_EXPOSURE} OK", 1, 0),
        (ACTIVE.replace("=enabled", "=disabled"), f"{MOST_EXPOSURE} OK", 1, 0),
        (ACTIVE.replace("=loaded", "=not-found"), f"{MOST_EXPOSURE} OK", 0, 1),
        (ACTIVE.replace("Reload=no", "Reload=yes"), f"{MOST_EXPOSURE} OK", 0, 1),
    ],
)
async def test_the_unit(tmp_path: Path, shown: str, exposure: str, problems: int, advices: int) -> None:
    said = f"→ Overall exposure level for tether.service: {exposure} 🙂"
    machine = Box(tmp_path, {"systemctl show": Ran(0, shown), "systemd-analyze security": Ran(0, said)})
    async with examination(configured(tmp_path), machine=machine) as case:
        findings = await check_unit(case)
    levels = [finding.level for finding in findings]
    assert (levels.count(Level.PROBLEM), levels.count(Level.ADVICE)) == (problems, advices)


@pytest.mark.parametrize(("life", "level"), [("0x01 0x02", Level.OK), ("0x0b 0x01", Level.PROBLEM)])
async def test_a_card_s_own_word_on_its_life(tmp_path: Path, life: str, level: Level) -> None:
    device = tmp_path / "sys/block/mmcblk0/device"
    device.mkdir(parents=True)
    (device / "life_time").write_text(life + "\n")
    async with examination(configured(tmp_path)) as case:
        (finding,) = [each for each in await check_disk(case) if "mmcblk0" in each.summary]
    assert finding.level is level


@pytest.mark.parametrize(("alarm", "level"), [("0", Level.OK), ("1", Level.PROBLEM)])
async def test_a_weak_power_supply(tmp_path: Path, alarm: str, level: Level) -> None:
    sensor = tmp_path / "sys/class/hwmon/hwmon1"
    sensor.mkdir(parents=True)
    (sensor / "name").write_text("rpi_volt\n")
    (sensor / "in0_lcrit_alarm").write_text(alarm + "\n")
    async with examination(configured(tmp_path)) as case:
        (finding,) = [each for each in await check_disk(case) if each.check == "power"]
    assert finding.level is level


async def test_a_program_that_hangs_is_ended() -> None:
    machine = Machine()
    assert await machine.run("no-such-program-anywhere") is None
    ran = await machine.run("cat", "/dev/zero", seconds=0.3)
    assert ran is not None
    assert ran.code == -1


# ---------------------------------------------------------------- on a whole shop


async def test_the_doctor_on_a_shop_that_runs(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        shop.configure(["twilio", "sendgrid"], extra='[backup]\nto = "kept"\n')
        await shop.start()
        await asyncio.to_thread(shop.tether, "backup")
        done = await asyncio.to_thread(shop.tether, "doctor", "--json", check=False)
        findings = json.loads(done.stdout)
        channels = {each["check"]: each["level"] for each in findings if each["check"].startswith("channel")}
        assert channels == {"channel twilio": "ok", "channel sendgrid": "ok"}
        assert not [each for each in findings if each["level"] == "problem"], findings
        assert done.returncode == 0


async def test_a_configuration_that_can_t_be_read_is_a_finding_too(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        shop.configure(["twilio"])
        shop.config.write_text("[store]\nnmae = 'x'\n")
        done = await asyncio.to_thread(shop.tether, "doctor", "--json", check=False)
        assert done.returncode == 78
        (finding,) = json.loads(done.stdout)
        assert "did you mean 'name'" in finding["summary"]


async def test_what_systemd_calls_when_the_service_failed_tells_the_team(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        shop.configure(["slack"], extra='[trouble]\nvia = ["slack"]\n')
        await asyncio.to_thread(shop.tether, "doctor", "--offline", "--tell", "tether.service failed", check=False)
        texts = [mail.text for mail in shop.sandbox.mailbox]
        assert any("Balloon Loft: tether.service failed" in text for text in texts), texts


async def test_words_that_are_none_are_a_finding_and_no_crash(tmp_path: Path) -> None:
    """Somebody copied eleven of the twelve."""
    settings = configured(tmp_path)
    async with open_box(tmp_path):
        pass
    wrong_ones = msgspec.structs.replace(settings, secrets={**settings.secrets, "TETHER_WORDS": "legal winner"})
    assert any("these are 2 words" in each.summary for each in of(await found(wrong_ones), "key"))


async def test_words_that_were_lost_are_told_before_a_start_is_refused_for_them(tmp_path: Path) -> None:
    """The running service has them still."""
    settings = configured(tmp_path)
    async with open_own_box(tmp_path):
        pass
    assert of(await found(settings), "key") == []
    (tmp_path / "tether.db.key").unlink()
    [lost] = of(await found(settings), "key")
    assert "the box's twelve words, which open tether.db, are not there" in lost.summary


async def test_a_key_that_nobody_was_shown_is_told(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        shop.configure(["twilio"], extra='[backup]\nto = "kept"\n')
        await asyncio.to_thread(shop.tether, "token", "new", "till-1", "--scope", "events")
        await asyncio.to_thread(shop.tether, "backup")
        done = await asyncio.to_thread(shop.tether, "doctor", "--json", "--offline", check=False)
        (found,) = [each for each in json.loads(done.stdout) if each["check"] == "backup key"]
        assert (found["level"], "tether key words" in found["remedy"]) == ("advice", True)
        words = (await asyncio.to_thread(shop.tether, "key", "words", "--plain")).stdout.strip()
        with (tmp_path / ".env").open("a") as env:
            env.write(f"TETHER_WORDS='{words}'\n")
        done = await asyncio.to_thread(shop.tether, "doctor", "--json", "--offline", check=False)
        assert not [each for each in json.loads(done.stdout) if each["check"] == "backup key"]


async def test_a_store_in_no_fleet_hears_nothing_of_one(tmp_path: Path) -> None:
    (tmp_path / "tether.toml").write_text('[store]\nname = "Alone"\n')
    async with examination(load(tmp_path / "tether.toml", {})) as case:
        assert [finding for finding in await examine(case) if finding.check == "fleet"] == []


@pytest.mark.parametrize(
    ("answer", "level", "words"),
    [
        ({"state": "refused", "reason": "not authorised"}, Level.PROBLEM, "not authorised"),
        ({"state": "waiting", "reason": "the clock is not set"}, Level.PROBLEM, "the clock is not set"),
        ({"state": "away", "reason": "no answer in time"}, Level.ADVICE, "can't be reached: no answer in time"),
        ({"state": "connected", "reason": "", "behind": 5000}, Level.ADVICE, "the last 5000 entries"),
        ({"state": "connected", "reason": "", "behind": 3}, Level.OK, "97 of 100 entries"),
        (
            {"state": "connected", "reason": "", "bundle": "all/6", "bundle_problem": "all/7: broken"},
            Level.ADVICE,
            "all/6 is in force: all/7: broken",
        ),
    ],
)
async def test_how_the_line_to_headquarters_stands(
    tmp_path: Path, answer: dict[str, Any], level: Level, words: str
) -> None:
    from daemon.fleet.nkey import KeyPair

    (tmp_path / "tether.toml").write_text('[fleet]\nstore = "soho"\nservers = ["tls://hq1.example:443"]\n')
    (tmp_path / "fleet.jwt").write_text("claim")
    (tmp_path / "hq-ca.pem").write_text("pem")
    secrets = {"FLEET_SEED": KeyPair.make("user").seed, "FLEET_CONSENT_KEY": "k1:" + "YWFh" * 8}

    async def ask(path: str) -> object:
        assert path == "/v1/fleet"
        return {
            "store": "soho",
            "behind": 0,
            "archived": 97,
            "entries": 100,
            "bundle": "",
            "bundle_problem": "",
        } | answer

    async with examination(load(tmp_path / "tether.toml", secrets), running=True, ask_service=ask) as case:
        (finding,) = await check_fleet(case)
    assert (finding.level, words in finding.summary) == (level, True), finding


@pytest.mark.parametrize("missing", ["FLEET_SEED", "FLEET_CONSENT_KEY"])
async def test_a_lost_secret_of_the_fleet_is_named_with_how_it_comes_back(tmp_path: Path, missing: str) -> None:
    from daemon.fleet.nkey import KeyPair

    (tmp_path / "tether.toml").write_text('[fleet]\nstore = "soho"\nservers = ["tls://hq1.example:443"]\n')
    (tmp_path / "fleet.jwt").write_text("claim")
    secrets = {"FLEET_SEED": KeyPair.make("user").seed, "FLEET_CONSENT_KEY": "k1:" + "YWFh" * 8}
    del secrets[missing]
    async with examination(load(tmp_path / "tether.toml", secrets)) as case:
        (finding,) = await check_fleet(case)
    assert finding.level is Level.PROBLEM
    assert missing in finding.summary
    assert "tether hq store add soho" in finding.remedy


async def test_a_channel_that_there_isn_t_is_told_once(tmp_path: Path) -> None:
    told = await found(configured(tmp_path, '[channels.smpt]\nhost = "mail.example"\n'))
    (about,) = [finding for finding in told if "smpt" in finding.summary + finding.check]
    assert (about.check, about.level) == ("config", Level.PROBLEM)
    assert "did you mean 'smtp'?" in about.summary


async def test_a_secret_of_signed_events_that_is_none_is_wrong_and_not_quoted(tmp_path: Path) -> None:
    told = of(await found(configured(tmp_path, secrets="TETHER_WEBHOOK_SECRET=hunter2\n")), "config")
    (about,) = [finding for finding in told if finding.level is Level.PROBLEM]
    assert "TETHER_WEBHOOK_SECRET is whsec_ and 24 to 64 bytes in base64" in about.summary
    assert "hunter2" not in f"{about.summary} {about.remedy}"


async def test_a_line_that_was_set_by_hand_is_told_of(tmp_path: Path) -> None:
    async def ask(path: str) -> object:
        assert path == "/v1/channels"
        return {"items": [], "uplink": {"state": "down", "forced": True}}

    async with examination(configured(tmp_path), running=True, ask_service=ask) as case:
        (finding,) = await check_line(case)
    assert finding.level is Level.ADVICE
    assert ("counts as down" in finding.summary, "tether uplink auto" in finding.remedy) == (True, True)
