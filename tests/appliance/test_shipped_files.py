"""What ships for the system around Tether agrees with Tether: units, the modem rule, the dashboard and the alerts."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from daemon.appliance.packaged import EXECUTABLE, HEADQUARTERS, PLACES, system_files
from daemon.cli.frame import EX_CONFIG
from daemon.cli.interview import Interview
from daemon.cli.manual import manual
from daemon.modem.quirks import MODEM_VENDORS
from tests.support.units import complaints

ROOT = Path(__file__).resolve().parents[2]
METRIC = re.compile(r"\btether_[a-z_]+\b")


def test_every_file_has_its_place() -> None:
    files = system_files("/usr/bin/tether")
    assert set(files) == set(PLACES.values())
    for place, text in files.items():
        assert EXECUTABLE not in text, place
    shipped = {path.name for path in (ROOT / "systemd").iterdir() if path.is_file()}
    assert shipped == set(PLACES) | HEADQUARTERS


def test_all_that_the_package_is_built_from_is_in_the_repository() -> None:
    """An ignored file would be there for whoever wrote it, and missing in a clone. `make deb` makes some for each build."""
    rules = (ROOT / "systemd/debian/rules").read_text()
    made = _made_by_the_makefile()
    assert {"tether.1", "tether.bash"} <= made
    named = set(re.findall(r"(?<![\w/.-])debian/(tether\.\w+) debian/tether/", rules))
    assert {"tether.sh", "tether.toml"} | made <= named, "what is made is installed"
    named -= made
    ignored = subprocess.run(
        ["git", "check-ignore", "--no-index", *(f"systemd/debian/{name}" for name in named)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if ignored.returncode == 128:
        pytest.skip("this is no git work tree")
    assert (ignored.returncode, ignored.stdout) == (1, ""), "1: none of them is ignored"
    assert {path.name for path in (ROOT / "systemd/debian").iterdir()} >= named


def _made_by_the_makefile() -> set[str]:
    recipe = (ROOT / "Makefile").read_text()
    made = set(re.findall(r"> build/deb/tether/debian/(tether\.\w+)", recipe))
    for shells in re.findall(r"for shell in ([\w ]+); do .* > build/deb/tether/debian/tether\.\$\$shell", recipe):
        made |= {f"tether.{shell}" for shell in shells.split()}
    return made


NAMED_PAGE = re.compile(r"/usr/share/doc/tether/([\w./-]*\w)")


def test_pages_that_units_and_the_manual_name_are_where_they_say(capsys: pytest.CaptureFixture[str]) -> None:
    """The package lays docs/* flat beside README.md (dh_installdocs), and compresses what is larger than 4 KiB unless it is told not to."""
    wanted = (ROOT / "systemd/debian/tether.docs").read_text().split()
    laid = {path.name for pattern in wanted for path in ROOT.glob(pattern)}
    manual()
    said = {"the manual": capsys.readouterr().out.replace("\\-", "-")}
    said |= {path.name: path.read_text() for path in (ROOT / "systemd").iterdir() if path.is_file()}
    named = {(where, page) for where, text in said.items() for page in NAMED_PAGE.findall(text)}
    assert {page for _, page in named} >= {"README.md", "operations.md", "configuration.md", "fleet.md"}
    assert {(where, page) for where, page in named if page not in laid} == set()
    rules = (ROOT / "systemd/debian/rules").read_text()
    assert re.search(r"^override_dh_compress:\n\tdh_compress .*-X\.md", rules, re.MULTILINE), "under that very name"


def test_a_purge_takes_away_what_a_broken_off_set_up_left() -> None:
    """Secrets that were typed lie in it."""
    left = Interview(Path("/etc/tether"), ask=False).file
    assert str(left) in (ROOT / "systemd/debian/postrm").read_text()


def test_the_secrets_file_is_there_before_the_package_starts_the_service() -> None:
    script = (ROOT / "systemd/debian/postinst").read_text()
    assert 0 < script.index("/etc/tether/.env") < script.index("#DEBHELPER#")


def test_an_upgraded_package_starts_headquarters_anew_where_it_runs() -> None:
    """Or it would load the rest of itself from the files of another release. NATS's server is not the package's to restart: all three at once
    would go."""
    rules, script = ((ROOT / "systemd/debian" / name).read_text() for name in ("rules", "postinst"))
    assert "--no-start tether-hq.service tether-nats.service" in rules
    after = script.partition("#DEBHELPER#")[2]
    assert re.search(r'\[ -z "\$2" \] \|\| systemctl try-restart tether-hq\.service', after)
    assert "tether-nats" not in after


def test_the_service_may_remove_what_the_backup_may_write() -> None:
    """Backups that still hold somebody who was forgotten: the service takes them from the stick when they are due."""

    def writable(unit: str) -> list[str]:
        text = (ROOT / "systemd" / unit).read_text()
        assert "ProtectSystem=strict" in text
        return re.findall(r"^ReadWritePaths=(.*)$", text, re.MULTILINE)

    assert writable("tether.service") == writable("tether-backup.service") != []


def test_a_store_that_wants_no_backups_is_not_told_so_each_night() -> None:
    """The timer is there for all; without a place the command ends with 78 (daemon.cli.frame.EX_CONFIG)."""
    text = (ROOT / "systemd/tether-backup.service").read_text()
    assert re.search(r"^OnFailure=", text, re.MULTILINE)
    assert re.findall(r"^SuccessExitStatus=(.*)$", text, re.MULTILINE) == [str(EX_CONFIG)]


@pytest.mark.parametrize(
    "unit", ["tether.service", "tether-backup.service", "tether-failed@.service", "tether-hq.service"]
)
def test_units_start_without_the_secrets_file(unit: str) -> None:
    """LoadCredential of a file that is not there fails the start unless SetCredential gives a default (systemd.exec(5))."""
    text = (ROOT / "systemd" / unit).read_text()
    assert "LoadCredential=env:" in text
    assert re.search(r"^SetCredential=env:#", text, re.MULTILINE)


def test_the_modem_rule_knows_the_driver_s_makers() -> None:
    rule = (ROOT / "systemd/70-tether-modem.rules").read_text()
    assert {int(vendor, 16) for vendor in re.findall(r'idVendor\}=="([0-9a-f]{4})"', rule)} == set(MODEM_VENDORS)


def test_dashboard_and_alerts_name_figures_that_there_are() -> None:
    source = (ROOT / "daemon/api/handlers/metrics.py").read_text()
    known = set(re.findall(r'"(tether_[a-z_]+)"', source))
    known |= {f"{name}_{part}" for name in known for part in ("bucket", "sum", "count")}
    for name in ("alerts.yml", "grafana.json"):
        named = set(METRIC.findall((ROOT / "docs/monitoring" / name).read_text()))
        assert named - known == set(), name
        assert named, name


def test_the_dashboard_is_json_and_its_panels_do_not_overlap() -> None:
    panels = json.loads((ROOT / "docs/monitoring/grafana.json").read_text())["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_headquarters_is_not_given_up_on_while_nats_or_postgresql_come_back() -> None:
    """After a power cut they may take minutes, in which it ends again and again; a configuration that can't be used starts it no more."""
    text = (ROOT / "systemd/tether-hq.service").read_text()
    assert re.findall(r"^StartLimit\w+=.*$", text, re.MULTILINE) == ["StartLimitIntervalSec=0"]
    assert re.findall(r"^RestartPreventExitStatus=(.*)$", text, re.MULTILINE) == [str(EX_CONFIG)]


def test_a_store_is_not_given_up_on_while_its_disk_comes_back_or_has_room_again() -> None:
    """Every till was refused until a person logged in, for a disk that was checked a minute longer than ten starts took."""
    text = (ROOT / "systemd/tether.service").read_text()
    assert re.findall(r"^StartLimit\w+=.*$", text, re.MULTILINE) == ["StartLimitIntervalSec=0"]
    assert re.findall(r"^RestartPreventExitStatus=(.*)$", text, re.MULTILINE) == [str(EX_CONFIG)]


def test_staff_get_to_a_door_in_the_folder_that_systemd_makes() -> None:
    """The check of the configuration names /run/tether/tether.sock for a short path, and the folder was shut to the counter's users."""
    text = (ROOT / "systemd/tether.service").read_text()
    assert re.findall(r"^(?:State|Runtime)DirectoryMode=(.*)$", text, re.MULTILINE) == ["0751", "0751"]


def test_nobody_waits_for_a_store_that_does_not_start() -> None:
    """With RestartMode=direct a start lasts until one works: `apt install` never came to an end, nor did the boot, where the disk was missing.
    Without it systemd calls an OnFailure at every start in vain (systemd.service(5))."""
    text = (ROOT / "systemd/tether.service").read_text()
    assert re.findall(r"^(?:RestartMode|OnFailure)=.*$", text, re.MULTILINE) == []


def test_the_team_is_told_of_a_store_twice_an_hour_at_most() -> None:
    """What no unit names is forgotten once it has run, and with it how often that was: the team heard at every start."""
    text, of_failure = ((ROOT / "systemd" / name).read_text() for name in ("tether.service", "tether-failed@.service"))
    assert re.search(r"^Before=tether-failed@%n\.service$", text, re.MULTILINE)
    assert re.findall(r"^StartLimit\w+=(.*)$", of_failure, re.MULTILINE) == ["1h", "2"]


@pytest.mark.parametrize(
    ("result", "status", "restarts", "is_told"),
    [
        ("success", "0", "30", False),
        ("exit-code", "1", "9", False),
        ("exit-code", "1", "10", True),
        ("exit-code", str(EX_CONFIG), "0", True),
        ("watchdog", "ABRT", "", True),
    ],
)
def test_the_team_is_told_after_ten_starts_in_vain_and_where_there_is_no_other(
    tmp_path: Path, result: str, status: str, restarts: str, is_told: bool
) -> None:
    """By the unit's own words, to a systemctl that notes what it was asked for."""
    text = (ROOT / "systemd/tether.service").read_text()
    [line] = re.findall(r"^ExecStopPost=\+-(.*)$", text, re.MULTILINE)
    command = shlex.split(line.replace("$$", "$").replace("%n", "tether.service"))
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(
        '#!/bin/sh\nif [ "$1" = show ]; then echo "$RESTARTS"; else echo "$@" >> "${0%/*}/asked"; fi\n'
    )
    systemctl.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin", "SERVICE_RESULT": result, "EXIT_STATUS": status}
    environ["RESTARTS"] = restarts
    subprocess.run(command, env=environ, check=False, capture_output=True)
    asked = tmp_path / "asked"
    told = asked.read_text() if asked.exists() else ""
    assert told == ("start --no-block tether-failed@tether.service.service\n" if is_told else "")


@pytest.mark.parametrize(
    "unit", ["tether.service", "tether-backup.service", "tether-backup.timer", "tether-failed@.service"]
)
def test_systemd_reads_the_units_without_a_complaint(unit: str, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    for name in ("tether.service", "tether-backup.service", "tether-backup.timer", "tether-failed@.service"):
        text = (ROOT / "systemd" / name).read_text().replace(EXECUTABLE, "/bin/true")
        (tmp_path / name).write_text(text)
    named = unit.replace("@.", "@x.")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / named)],
        capture_output=True,
        text=True,
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "PATH": "/usr/bin:/bin"},
    )
    assert not complaints(done.stderr), done.stderr
