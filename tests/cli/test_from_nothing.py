"""A service and the commands that ask it, each started from nothing, as a machine starts them: other tests fork them with the libraries loaded."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import IO

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "tether.toml"
    file.write_text('[store]\nname = "Balloon Loft"\n[hook]\nport = 0\n[backup]\nto = "backups"\n')
    return file


@pytest.fixture
def service(config: Path) -> Iterator["subprocess.Popen[str]"]:
    """Running and taking events: it says so itself."""
    with running(config) as (process, _):
        yield process


@contextmanager
def running(config: Path, *options: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """The service, by a Python with these options, and what it said until it took events."""
    command = [sys.executable, *options, "-m", "daemon", "run", "--config", str(config)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment()
    ) as process:
        assert process.stdout is not None
        try:
            said = ""
            while "taking events" not in said:
                line = process.stdout.readline()
                assert line, said
                said += line
            yield process, said
        finally:
            process.kill()


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("TETHER")}


def tether(config: Path, *words: str | bytes) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "daemon", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        env={**environment(), "TETHER_CONFIG": str(config)},
    )


NEVER = {
    "typer", "daemon.cli.frame", "daemon.cli.run", "rich.console", "pygments",  # the command line
    "pytz.lazy", "importlib.metadata", "zipfile", "pkgutil",  # what is known without them
    "difflib", "csv", "daemon.api.plumbing.openapi", "daemon.api.plumbing.docs_page",  # for mistakes, exports, papers
    "daemon.upkeep.saving", "outbox.salvage", "outbox.graft", "outbox.rekey", "outbox.carry",  # for a damaged database, a restore
    "daemon.upkeep.s3", "daemon.upkeep.backup", "daemon.upkeep.seal", "cryptography", "pyrage",  # for backups and signatures
    "daemon.fleet", "daemon.hq", "outbox.fleet", "daemon.runtime.trial", "nats",  # for a store in a fleet
    "outbox.replan", "outbox.quarantine", "daemon.modem", "serial", "aiosmtplib",  # for sources and channels that are not enabled
    "daemon.demo", "daemon.sandbox", "daemon.appliance", "tui", "textual",
}  # fmt: skip


def test_a_service_loads_nothing_that_it_never_needs(config: Path) -> None:
    """Each costs every store memory, and every start time: all that a service has loaded that took an event and told how it is."""
    with config.open("a") as more:
        more.write('[channels.twilio]\nfrom = "+15005550006"\nbase_url = "http://127.0.0.1:9"\n')
    config.with_name(".env").write_text(f"TWILIO_ACCOUNT_SID=AC{'0' * 32}\nTWILIO_AUTH_TOKEN={'1' * 32}\n")
    with running(config, "-X", "importtime") as (process, said):
        words = ("--order", "B-1", "--name", "Ada", "--phone", "07700 900123")
        assert tether(config, "event", "order.ready", *words).returncode == 0
        assert json.loads(tether(config, "status", "--json").stdout)["running"] is True
        process.send_signal(signal.SIGTERM)
        said += process.communicate(timeout=30)[0]
    loaded = set(re.findall(r"^import time:.*\| +([\w.]+)$", said, re.MULTILINE))
    assert {"phonenumbers", "daemon.channels._http", "daemon.api.handlers.status"} <= loaded
    assert {name for name in loaded if any(name == never or name.startswith(f"{never}.") for never in NEVER)} == set()


HEAP = 64 * 2**20
"""What glibc sets aside for a heap of a thread's own, of which it uses as much as it needs (HEAP_MAX_SIZE of its arena.c)."""


def test_its_threads_have_one_heap(service: "subprocess.Popen[str]") -> None:
    """One for each was 1 MiB of an idle service, and 2 to 3 under load."""
    lines = Path(f"/proc/{service.pid}/maps").read_text().splitlines()
    places = [(*(int(end, 16) for end in line.split()[0].split("-")), line.split()[1]) for line in lines]
    assert len(os.listdir(f"/proc/{service.pid}/task")) > 3  # noqa: PTH208 - names are all that is wanted
    assert [
        used
        for used, rest in pairwise(places)
        if used[1] == rest[0] and rest[1] - used[0] == HEAP and rest[2] == "---p"
    ] == []


def test_it_is_asked_and_ends_when_it_is_told(config: Path, service: "subprocess.Popen[str]") -> None:
    taken = tether(config, "event", "order.ready", "--order", "B-1", "--id", "e-1")
    assert (taken.returncode, taken.stdout) == (0, "taken: e-1\n")
    assert taken.stderr.startswith("tether: no channel is enabled by which the shipped routes tell of 'order.ready'")
    assert json.loads(tether(config, "status", "--json").stdout)["running"] is True
    assert tether(config, "audit", "verify").stdout.startswith("the record holds")
    assert " in backups; 1 order" in tether(config, "backup").stdout
    service.send_signal(signal.SIGTERM)
    assert service.wait(30) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("token", "new", "till", "--scope", "events"), "tether_"),
        (("templates", "preview", "order.ready", "--medium", "email"), "Subject: "),
        (("doctor", "--offline"), "every text can be sent"),
        (("channels", "known", "twilio"), "[channels.twilio]"),
        (("key", "public"), "\n"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_stopped_one_is_worked_on(config: Path, words: tuple[str, ...], said: str) -> None:
    done = tether(config, *words)
    assert said in done.stdout, done
    assert "should not have happened" not in done.stderr


@pytest.mark.parametrize("words", [("key", "words", "--plain"), ("audit", "export")], ids="-".join)
def test_what_could_not_be_written_is_told(config: Path, words: tuple[str, ...]) -> None:
    """Somebody keeps the box's words, or the record, on a stick that is full."""
    assert tether(config, "token", "new", "till", "--scope", "events").returncode == 0
    with Path("/dev/full").open("w") as full:
        code, complaint = complained(config, full, *words)
    assert code == 1
    assert re.fullmatch(r"tether: .*can't be written: No space left on device.*\n", complaint), complaint


def test_who_reads_no_further_is_no_trouble(config: Path) -> None:
    """`tether channels known | grep -q twilio`."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        assert complained(config, pipe, "channels", "known") == (0, "")


def complained(config: Path, out: IO[str], *words: str) -> tuple[int, str]:
    said = {name: value for name, value in environment().items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        [sys.executable, "-m", "daemon", *words],
        cwd=ROOT,
        stdout=out,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        env={**said, "TETHER_CONFIG": str(config)},
    )
    return done.returncode, done.stderr


def test_a_terminal_that_lacks_a_name_s_letters_shows_the_rest(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "Łukasz 🎈"
    assert tether(config, "event", "order.ready", "--order", "B-1", "--name", name).returncode == 0
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    shown = tether(config, "orders")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert r"\u0141ukasz \U0001f388  order.ready" in shown.stdout
    (order,) = json.loads(tether(config, "orders", "--json").stdout)
    assert order["customer"]["name"] == name


def test_a_name_of_any_letters_is_on_record(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("Łukasz", "line\nbreak"):
        monkeypatch.setenv("LOGNAME", name)
        assert tether(config, "optout", "add", f"{len(name)}@example.com").returncode == 0
    entries = json.loads(tether(config, "optout", "list", "--json").stdout)
    assert [each["actor"].partition(" (")[0] for each in entries] == ["cli", "Łukasz"]


def test_a_word_that_is_no_text_is_wrong_use(config: Path) -> None:
    """Typed at a terminal in Latin-1."""
    done = tether(config, "orders", "show", b"B\xe4r")
    assert done.returncode == 2
    assert "is no text in utf-8" in done.stderr


def test_what_a_service_is_refused_for_reaches_the_terminal_without_control_characters(tmp_path: Path) -> None:
    """A name on a stick that somebody found: it would clear the screen on which its owner reads why nothing runs."""
    config = tmp_path / "\x1b[2Jshop" / "tether.toml"
    refused = subprocess.run(
        [sys.executable, "-m", "daemon", "run", "--config", str(config)],
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        env=environment(),
    )
    assert refused.returncode == 78
    assert b"[2Jshop" in refused.stderr
    assert b"\x1b" not in refused.stderr
