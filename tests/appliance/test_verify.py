"""One check behind run, reload, init and doctor: what one refuses, all refuse, in the same words."""

import asyncio
import errno
import json
import os
import random
import socket
import subprocess
from pathlib import Path

import pytest

from daemon.config import ConfigError, load
from daemon.runtime import verify
from daemon.runtime.app import serve
from daemon.runtime.verify import faults
from outbox.clock import SystemClock
from tests.support import forks

TWILIO = '[channels.twilio]\nfrom = "+447400123456"\n'

WRONG = [
    (
        '[backup]\nto = "backups"\nrecipients = ["age1nonsense"]\n',
        "backup.recipients: number 1 is no recipient of age",
    ),
    ('[backup]\nto = "~nobody-of-that-name/kept"\n', "backup.to: '~nobody-of-that-name/kept' begins with the home of"),
    ('[trouble]\nvia = ["slack"]\n', "trouble.via: 'slack' is not enabled"),
    ('[trouble]\nvia = ["twilio"]\naudience = "owner"\n', "trouble.audience: there is no [audiences.owner]"),
    ('[heartbeat]\nurl = "hc-ping.com/x"\n', "heartbeat.url is no web address"),
    ('[heartbeat]\nurl = "http://[half"\n', "heartbeat.url is no web address"),
    ('[uplink]\nprobe = ["1.1.1.1"]\n', "uplink.probe: '1.1.1.1' is no host and port"),
    ('[hook]\ntls_cert = "cert.pem"\n', "hook.tls_cert and hook.tls_key go together"),
    ('[hook]\ntls_cert = "cert.pem"\ntls_key = "key.pem"\n', "cert.pem: No such file or directory"),
    ('[hook]\npublic_url = "tether.example"\n', "hook.public_url: 'tether.example' is no address"),
    ("[hook]\nport = 87870\n", "hook.port: 87870 is no port"),
    ('[sms]\ncountries = ["UK"]\n', "sms.countries: "),
    ("[sms]\ndaily_parts = -1\n", "sms.daily_parts: "),
    ("[sms]\nnew_numbers = -1\n", "sms.new_numbers: "),
    ('[sms]\nlinks = ["https://track.example.com/"]\n', "sms.links: "),
    ('[sms]\nprices = { UK = "0.04" }\n', "sms.prices.UK"),
    ('[sms]\nprices = { twilo = { GB = "0.04" } }\n', "'twilo' is no channel"),
    ('[sms]\nprices = { GB = "4p" }\n', "sms.prices.GB"),
    ('[store]\ncurrency = "GPB"\n', 'did you mean "GBP"?'),
    ('[store]\ncountry = "UK"\n', 'the United Kingdom is "GB"'),
    ('[templates]\npath = "texts"\n', "texts is no folder"),
    ('[channels.slack]\nchanel = "C1"\n', "channels.slack: chanel: no such key; did you mean 'channel'?"),
    ('[channels.smpt]\nhost = "a"\n', "channels.smpt: no such channel; did you mean 'smtp'?"),
    ('[sources.shop]\nkind = "woocomerce"\n', "kind: there is no 'woocomerce'"),
    ('[audiences.owner]\nphone = "12"\n', "audiences.owner.phone: '12' can't be a phone number"),
    (
        '[audiences.owner]\nphnoe = "+447400123456"\n',
        "audiences.owner.phnoe: no such kind of address; did you mean 'phone'?",
    ),
    ('[audiences.owner]\ntwilio = "+447400123456"\n', "audiences.owner.twilio: no such kind of address"),
    ('[audiences.team]\nphone = "+447400123456"\n', "audiences.team: team is told without a table"),
    ("[channels.slack]\nconcurrency = 0\n", "channels.slack: concurrency: Expected `int` >= 1"),
    ('[data]\npath = "."\n', " is a folder; name the database's own file"),
    ('[hook]\nsocket = "tether.toml"\n', "tether.toml is there and is no socket"),
    ('[hook]\nsocket = "doors/tether.sock"\n', "doors is no folder"),
    (f'[hook]\nsocket = "/tmp/{"long" * 26}"\n', "is too long for a socket (at most 107 bytes)"),
    (
        '[[route]]\non = "order.ready"\nto = "customer"\nvia = ["plivo", "modem"]\n',
        "via: none of plivo, modem is enabled, so nobody would hear",
    ),
    ('[[route]]\non = "order.ready"\nto = "owner"\nvia = ["twilio"]\n', "no audience 'owner'"),
]


def written(folder: Path, text: str) -> Path:
    file = folder / "tether.toml"
    file.write_text(TWILIO + text, encoding="utf-8")
    return file


@pytest.mark.parametrize(("text", "words"), WRONG, ids=[words[:40] for _, words in WRONG])
async def test_what_the_service_would_refuse_is_found_before_anything_is_made(
    tmp_path: Path, text: str, words: str
) -> None:
    settings = load(written(tmp_path, text), environ={})
    [found] = faults(settings)
    assert words in found
    assert found.startswith(str(settings.file)), "it says where"
    with pytest.raises(ConfigError) as refused:
        await serve(
            settings, lambda: settings, clock=SystemClock(), rng=random.Random(1), ready=lambda url: pytest.fail(url)
        )
    assert str(refused.value) == found
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tether.toml"], "no database was made"


@pytest.mark.parametrize("place", ["/run/tether/tether.sock", "door.sock", "../door.sock"])
def test_a_folder_that_a_start_makes_may_hold_the_socket(tmp_path: Path, place: str) -> None:
    text = f'[data]\npath = "made/tether.db"\n[hook]\nsocket = "{place}"\n'
    assert not list(faults(load(written(tmp_path, text), environ={})))


def test_it_is_the_same_folder_by_whatever_way_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`/var/run` is a link to `/run`, and a configuration may lie beside the data."""
    monkeypatch.setattr(verify, "RUNTIME_FOLDER", tmp_path / "run" / "tether")
    (tmp_path / "run").mkdir()
    (tmp_path / "var").symlink_to(tmp_path)
    beside, by_link = (
        '[data]\npath = "../made/tether.db"\n',
        f'[hook]\nsocket = "{tmp_path}/var/run/tether/door.sock"\n',
    )
    for text in (beside, by_link):
        (tmp_path / "etc").mkdir(exist_ok=True)
        assert not list(faults(load(written(tmp_path / "etc", text), environ={})))


async def test_what_is_no_database_is_not_mended_like_one(tmp_path: Path) -> None:
    """A device in its place was set aside as a damaged database, and a new one put where it had been."""
    settings = load(written(tmp_path, '[data]\npath = "pipe"\n'), environ={})
    os.mkfifo(settings.database)
    with pytest.raises(ConfigError, match=r"data\.path: .*pipe is no file"):
        await serve(
            settings, lambda: settings, clock=SystemClock(), rng=random.Random(1), ready=lambda url: pytest.fail(url)
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pipe", "tether.toml"]


async def test_texts_in_a_home_are_refused_as_what_else_can_t_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the service homes are shut. The start ended with a traceback and 1, so that systemd began it anew until it gave up."""
    home = tmp_path / "ann" / "texts"
    is_dir = Path.is_dir

    def as_the_service(path: Path) -> bool:
        if path == home:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return is_dir(path)

    settings = load(written(tmp_path, f'[templates]\npath = "{home}"\n'), environ={})
    monkeypatch.setattr(Path, "is_dir", as_the_service)
    [found] = faults(settings)
    assert f"templates.path: {home} is out of this user's reach (Permission denied)" in found
    with pytest.raises(ConfigError):
        await serve(
            settings, lambda: settings, clock=SystemClock(), rng=random.Random(1), ready=lambda url: pytest.fail(url)
        )


def tether(*arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    environ = {key: value for key, value in os.environ.items() if not key.startswith("TETHER")}
    return forks.run(arguments, cwd=folder, env=environ)


async def test_run_doctor_status_and_init_say_all_of_it_in_the_same_words(tmp_path: Path) -> None:
    written(tmp_path, '[trouble]\nvia = ["slack"]\n[uplink]\nprobe = ["1.1.1.1"]\n')
    expected = list(faults(load(tmp_path / "tether.toml", environ={})))
    assert len(expected) == 2
    run, doctor, status = await asyncio.gather(
        *(
            asyncio.to_thread(tether, *words, folder=tmp_path)
            for words in (("run",), ("doctor", "--offline", "--json"), ("status",))
        )
    )
    told = [each.replace(f"{tmp_path}/", "") for each in expected]
    for refused in (run, status):
        assert refused.returncode == 78
        assert refused.stderr.splitlines() == [f"tether: {each}" for each in told]
    found = json.loads(doctor.stdout)
    assert [each["summary"] for each in found if each["check"] == "config"] == told
    assert doctor.returncode == 1
    init = await asyncio.to_thread(
        tether, "init", "--yes", "--force", "--offline", "--set", 'uplink.probe=["1.1.1.1"]', folder=tmp_path
    )
    assert init.returncode == 78
    assert init.stderr == "tether: uplink.probe: '1.1.1.1' is no host and port; write it like \"1.1.1.1:443\"\n"
    assert "slack" in (tmp_path / "tether.toml").read_text(), "what was there is left as it was"


async def test_a_place_where_nobody_can_listen_is_told_in_the_same_words(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        written(tmp_path, f"[hook]\nport = {port}\n")
        run, doctor = await asyncio.gather(
            asyncio.to_thread(tether, "run", folder=tmp_path),
            asyncio.to_thread(tether, "doctor", "--offline", "--json", folder=tmp_path),
        )
    said = run.stderr.splitlines()[-1].removeprefix("tether: ")
    assert "Address already in use" in said
    assert "`tether run --port`" in said
    assert said in [each["summary"] for each in json.loads(doctor.stdout) if each["level"] == "problem"]
    written(tmp_path, '[hook]\nhost = "192.0.2.7"\n')
    elsewhere = tether("run", folder=tmp_path)
    assert elsewhere.returncode == 78
    assert "That is no address of this machine" in elsewhere.stderr
