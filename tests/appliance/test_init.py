"""Setting up: a configuration that works, secrets that are the owner's alone, nothing written over unasked."""

import os
import subprocess
import sys
import tomllib
from io import StringIO
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from daemon.appliance import setup
from daemon.channels.registry import CHANNELS
from daemon.config import ConfigError, load

ROOT = Path(__file__).resolve().parents[2]


def tether(folder: Path, *arguments: str, typed: str | None = None, **env: str) -> "subprocess.CompletedProcess[str]":
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("TETHER", "TWILIO"))}
    return subprocess.run(
        [sys.executable, "-m", "daemon", *arguments],
        cwd=folder,
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        env={**plain, "PYTHONPATH": str(ROOT), **env},
    )


def test_without_a_question(tmp_path: Path) -> None:
    (tmp_path / "given.env").write_text("TWILIO_AUTH_TOKEN='hush # hush'\n")
    done = tether(
        tmp_path,
        *(
            "init",
            "--yes",
            "--offline",
            "--name",
            'The "Balloon" Loft',
            "--country",
            "gb",
            "--timezone",
            "Europe/London",
        ),
        *("--channel", "twilio", "--set", "channels.twilio.from=+447400123456", "--set", "hook.port=0"),
        *("--secrets", "given.env"),
        TWILIO_ACCOUNT_SID="AC0123",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    settings = load(tmp_path / "tether.toml", environ={})
    assert (settings.store.name, settings.store.country, settings.store.currency) == ('The "Balloon" Loft', "GB", "GBP")
    assert settings.channels == {"twilio": {"from": "+447400123456"}}
    assert settings.secrets == {
        "TWILIO_ACCOUNT_SID": "AC0123",
        "TWILIO_AUTH_TOKEN": "hush # hush",
        "TETHER_WORDS": settings.secrets["TETHER_WORDS"],
    }
    for word in settings.secrets["TETHER_WORDS"].split():
        assert word in done.stdout
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "tether.toml").stat().st_mode & 0o007 == 0
    assert (tmp_path / "tether.db").stat().st_mode & 0o077 == 0
    assert "tether_" in done.stdout
    assert "hush" not in done.stdout + done.stderr
    assert "all is well" in done.stdout


def test_with_questions(tmp_path: Path) -> None:
    answers = [
        "Europe/Berlin",
        "DE",
        "Ballonladen",
        "de",
        "EUR",
        "twillio",
        "twilio, modem-less",
        "twilio",
        "+4915112345678",
        "AC1",
        "hush",
    ]
    done = tether(tmp_path, "init", "--offline", "--set", "hook.port=0", typed="\n".join(answers) + "\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "there is no twillio" in done.stdout
    settings = load(tmp_path / "tether.toml", environ={})
    assert settings.store.name == "Ballonladen"
    assert settings.channels["twilio"] == {"from": "+4915112345678"}
    assert settings.secrets["TWILIO_AUTH_TOKEN"] == "hush"


def test_nothing_is_written_over_unasked(tmp_path: Path) -> None:
    (tmp_path / "tether.toml").write_text("# mine\n")
    (tmp_path / ".env").write_text("KEPT=1\n")
    done = tether(tmp_path, "init", "--yes", "--offline")
    assert done.returncode == 1
    assert "--force" in done.stderr
    assert (tmp_path / "tether.toml").read_text() == "# mine\n"
    assert tether(tmp_path, "init", "--offline", typed="n\n").returncode == 1
    assert (tmp_path / "tether.toml").read_text() == "# mine\n"
    done = tether(tmp_path, "init", "--yes", "--force", "--offline", "--set", "hook.port=0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "tether.toml.bak").read_text() == "# mine\n"
    assert dotenv_values(tmp_path / ".env").keys() == {"KEPT", "TETHER_WORDS"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--timezone", "Europe/Londn"), "no time zone"),
        (("--channel", "twillio"), "no such channel"),
        (("--channel", "twilio", "--set", "channels.twilio.frm=x", "--set", "hook.prt=1"), "hook.prt"),
    ],
)
def test_what_can_t_be_meant_is_not_written(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    done = tether(tmp_path, "init", "--yes", "--offline", *arguments)
    assert done.returncode == 78, done.stdout + done.stderr
    assert words in done.stderr
    assert not list(tmp_path.iterdir())


def test_twice_keeps_the_token_of_the_till(tmp_path: Path) -> None:
    first = tether(tmp_path, "init", "--yes", "--offline", "--set", "hook.port=0")
    again = tether(tmp_path, "init", "--yes", "--force", "--offline", "--set", "hook.port=0")
    assert "tether_" in first.stdout
    assert "has its token already" in again.stdout


def test_the_key_is_made_once_and_shown_once(tmp_path: Path) -> None:
    first = tether(tmp_path, "init", "--yes", "--offline", "--set", "hook.port=0")
    words = dotenv_values(tmp_path / ".env")["TETHER_WORDS"]
    assert words is not None
    again = tether(tmp_path, "init", "--yes", "--force", "--offline", "--set", "hook.port=0")
    assert dotenv_values(tmp_path / ".env")["TETHER_WORDS"] == words
    assert "shown once" in first.stdout
    assert "shown once" not in again.stdout


def test_a_key_that_the_first_run_made_is_kept_and_shown_by_init(tmp_path: Path) -> None:
    tether(tmp_path, "token", "new", "till", "--scope", "events")
    public = tether(tmp_path, "key", "public").stdout
    done = tether(tmp_path, "init", "--yes", "--offline", "--set", "hook.port=0")
    assert "shown once" in done.stdout
    assert tether(tmp_path, "key", "public").stdout == public


def test_words_that_were_copied_wrong_are_told_before_anything_is_written(tmp_path: Path) -> None:
    words = "legal winner thank year wave sausage worth useful legal winner thank thank"
    done = tether(tmp_path, "init", "--yes", "--offline", TETHER_WORDS=words)
    assert done.returncode == 78
    assert "the last one does not fit" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("channel", sorted(CHANNELS))
def test_every_channel_has_its_questions(channel: str) -> None:
    questions = setup.questions_for(channel)
    assert len({question.name for question in questions}) == len(questions)


def test_a_channel_that_there_isn_t() -> None:
    with pytest.raises(ConfigError):
        setup.questions_for("carrier pigeon")


@pytest.mark.parametrize(
    ("zone", "country", "currency", "locale"),
    [
        ("Europe/London", "GB", "GBP", "en"),
        ("Europe/Berlin", "DE", "EUR", "de"),
        ("America/New_York", "US", "USD", "en"),
        ("Europe/Paris", "FR", "EUR", "fr"),
        ("America/Mexico_City", "MX", "MXN", "es"),
        ("Asia/Tokyo", "JP", "JPY", "en"),
        ("Etc/UTC", "GB", "GBP", "en"),
    ],
)
def test_guesses(zone: str, country: str, currency: str, locale: str) -> None:
    assert setup.guess_country(zone) == country
    assert setup.guess_currency(country) == currency
    assert setup.guess_locale(country) == locale


def test_the_machine_s_time_zone(tmp_path: Path) -> None:
    assert setup.guess_timezone(tmp_path) == "Europe/London"
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/localtime").symlink_to("/usr/share/zoneinfo/America/New_York")
    assert setup.guess_timezone(tmp_path) == "America/New_York"


@pytest.mark.parametrize(
    ("country", "machine", "zone"),
    [
        ("GB", "Etc/UTC", "Europe/London"),
        ("DE", "UTC", "Europe/Berlin"),
        ("US", "Etc/UTC", "Etc/UTC"),
        ("GB", "Europe/Paris", "Europe/Paris"),
        ("XX", "Etc/UTC", "Etc/UTC"),
    ],
)
def test_a_machine_on_utc_takes_the_country_s_time_where_it_has_but_one(country: str, machine: str, zone: str) -> None:
    assert setup.zone_in(country, machine) == zone


values = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00\r\n", exclude_categories=["Cs", "Cc"]), min_size=1
)


@given(values)
def test_any_secret_comes_back_as_it_was(value: str) -> None:
    assert dotenv_values(stream=StringIO(setup.env_of({"NAME": value})), interpolate=False) == {"NAME": value}


@given(
    st.recursive(
        st.text() | st.booleans() | st.integers(-(2**53), 2**53),
        lambda inner: st.lists(inner, max_size=3),
        max_leaves=5,
    )
)
def test_any_value_comes_back_as_it_was(value: object) -> None:
    assert tomllib.loads(f"value = {setup.toml_value(value)}") == {"value": value}
