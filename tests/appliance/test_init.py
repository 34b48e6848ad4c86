"""Setting up: a configuration that works, secrets that are the owner's alone, nothing written over unasked."""

import grp
import os
import subprocess
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
from tests.support import forks

ROOT = Path(__file__).resolve().parents[2]


def tether(folder: Path, *arguments: str, typed: str | None = None, **env: str) -> "subprocess.CompletedProcess[str]":
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("TETHER", "TWILIO"))}
    return forks.run(arguments, cwd=folder, env={**plain, **env}, stdin=typed)


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


def test_each_answer_is_checked_when_it_is_given(tmp_path: Path) -> None:
    answers = [
        *("Europe/Londn", "Europe/London"),
        *("England", "UK"),
        "Balloon Loft",
        *("english", "en"),
        *("POUND", "gbp"),
        "webhook, smtp",
        *("hooks", "https://erp.example/hook"),
        *("whsec_short", "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldY"),
        *("mail.example", "shop@shop.example"),
        "kim",
        *("pass word", "hunter2"),
    ]
    done = tether(tmp_path, "init", "--offline", "--set", "hook.port=0", typed="\n".join(answers) + "\n")
    said = done.stdout + done.stderr
    for words in (
        "'Europe/Londn' is no time zone",
        "'ENGLAND' is no country's code",
        "'english' is no language",
        "'POUND' is no currency's code",
        "'hooks' is no address",
        "WEBHOOK_SECRET is whsec_ and 24 to 64 bytes in base64",
        "it has space in it: was more copied than the secret?",
    ):
        assert words in said, said
    settings = load(tmp_path / "tether.toml", environ={})
    assert (settings.store.country, settings.store.currency) == ("GB", "GBP")
    assert settings.channels["smtp"] == {"host": "mail.example", "from": "shop@shop.example"}
    assert settings.secrets["SMTP_PASSWORD"] == "hunter2"


def test_what_was_broken_off_goes_on_with_what_was_answered(tmp_path: Path) -> None:
    first = ["Europe/Berlin", "DE", "Ballonladen", "de", "EUR", "twilio", "+4915112345678", "AC1"]
    broken = tether(tmp_path, "init", "--offline", "--set", "hook.port=0", typed="\n".join(first) + "\n")
    assert broken.returncode == 1
    assert "Traceback" not in broken.stderr
    assert (tmp_path / ".tether-init.json").stat().st_mode & 0o777 == 0o600
    done = tether(tmp_path, "init", "--offline", "--set", "hook.port=0", typed="\n" * 8 + "hush\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Going on from where it was broken off" in done.stdout
    settings = load(tmp_path / "tether.toml", environ={})
    assert (settings.store.name, settings.channels["twilio"]["from"]) == ("Ballonladen", "+4915112345678")
    assert (settings.secrets["TWILIO_ACCOUNT_SID"], settings.secrets["TWILIO_AUTH_TOKEN"]) == ("AC1", "hush")
    assert not (tmp_path / ".tether-init.json").exists()


def test_a_configuration_that_is_there_keeps_what_is_not_asked_for(tmp_path: Path) -> None:
    (tmp_path / "tether.toml").write_text(
        '[store]\nname = "Loft"\ncountry = "GB"\n[channels.slack]\nchannel = "C1"\n'
        '[[route]]\non = "order.ready"\nto = "team"\nvia = ["slack"]\n'
    )
    typed = ["y", "", "", "Balloon Loft", "", "", ""]
    done = tether(tmp_path, "init", "--offline", "--set", "hook.port=0", typed="\n".join(typed) + "\nxoxb-1\n")
    settings = load(tmp_path / "tether.toml", environ={})
    assert settings.store.name == "Balloon Loft", done.stdout + done.stderr
    assert settings.channels == {"slack": {"channel": "C1"}}
    assert [(route.on, route.via) for route in settings.route] == [("order.ready", ("slack",))]
    assert settings.secrets["SLACK_BOT_TOKEN"] == "xoxb-1"


def test_one_that_windows_saved_is_gone_on_from(tmp_path: Path) -> None:
    text = '[data]\npath = "shop.db"\n[[route]]\non = "order.ready"\nto = "team"\nvia = ["ntfy"]\n[channels.ntfy]\ntopic = "shop"\n'
    (tmp_path / "tether.toml").write_text(text.replace("\n", "\r\n"), encoding="utf-8-sig")
    typed = ["y", *("" for _ in range(8))]
    done = tether(tmp_path, "init", "--offline", "--set", "hook.port=0", typed="\n".join(typed) + "\n")
    settings = load(tmp_path / "tether.toml", environ={})
    assert [route.on for route in settings.route] == ["order.ready"], done.stdout + done.stderr
    assert (settings.data.path.name, list(settings.channels)) == ("shop.db", ["ntfy"])


def test_one_with_a_mistake_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "tether.toml").write_text(f'{setup.PACKAGED}\n[store]\nname = Loft\n[data]\npath = "shop.db"\n')
    before = (tmp_path / "tether.toml").read_text()
    done = tether(tmp_path, "init", "--yes", "--offline", "--set", "hook.port=0")
    assert (done.returncode, (tmp_path / "tether.toml").read_text()) == (78, before)
    assert 'text stands in quotes: name = "Loft"' in done.stderr


def test_it_is_written_where_the_command_line_says(tmp_path: Path) -> None:
    (tmp_path / "tether.toml").write_text("# of another store\n")
    place = tmp_path / "new" / "tether.toml"
    done = tether(tmp_path, "--config", str(place), "init", "--yes", "--force", "--offline", "--set", "hook.port=0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert place.is_file()
    assert (tmp_path / "tether.toml").read_text() == "# of another store\n"


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


def test_all_that_a_file_of_secrets_has_is_kept(tmp_path: Path) -> None:
    key = "whsec_c2FuZGJveC1zYW5kYm94LXNhbmRib3gtMDAwMDA="
    (tmp_path / "given.env").write_text(
        f"TETHER_WEBHOOK_SECRET={key},{key}\nWEBSHOP_KEY=ck_1\nTWILIO_ACCOUNT_SID=hello\n"
    )
    done = tether(
        tmp_path, "init", "--yes", "--offline", "--no-token", "--set", "hook.port=0", "--secrets", "given.env"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    secrets = load(tmp_path / "tether.toml", environ={}).secrets
    assert (secrets["TETHER_WEBHOOK_SECRET"], secrets["WEBSHOP_KEY"]) == (f"{key},{key}", "ck_1")
    assert "TWILIO_ACCOUNT_SID begins with AC" in done.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("TETHER_WEBHOOK_SECRET=hunter2\n", "given.env: TETHER_WEBHOOK_SECRET is whsec_ and 24 to 64 bytes in base64"),
        ("A=1\nthis is hunter2\n", "given.env, line 2: can't be read"),
    ],
)
def test_a_file_of_secrets_is_checked_before_anything_is_written(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "given.env").write_text(content)
    done = tether(tmp_path, "init", "--yes", "--offline", "--secrets", "given.env")
    assert (done.returncode, done.stdout) == (78, "")
    assert words in done.stderr
    assert "hunter2" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["given.env"]


def test_twice_keeps_the_token_of_the_till_and_the_key_which_is_shown_once(tmp_path: Path) -> None:
    first = tether(tmp_path, "init", "--yes", "--offline", "--set", "hook.port=0")
    words = dotenv_values(tmp_path / ".env")["TETHER_WORDS"]
    assert words is not None
    assert "tether_" in first.stdout
    assert "This box's key, shown once" in first.stdout
    again = tether(tmp_path, "init", "--yes", "--force", "--offline", "--set", "hook.port=0")
    assert "has its token already" in again.stdout
    assert dotenv_values(tmp_path / ".env")["TETHER_WORDS"] == words
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


def test_the_service_may_read_what_was_written_in_its_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an owner who went into /etc/tether first: the file's name alone says not that it lies there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(setup, "SYSTEM_FOLDER", tmp_path)
    monkeypatch.setattr(setup, "SYSTEM_GROUP", grp.getgrgid(os.getgid()).gr_name)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    given: list[int] = []
    monkeypatch.setattr(os, "chown", lambda path, user, group: given.append(group))
    setup.write(setup.Answers(tables={"store": {"name": "Loft"}}, channels={}, secrets={}), Path("tether.toml"))
    assert given == [os.getgid()]


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
    answers = setup.Answers(tables={"store": {"value": value}}, channels={}, secrets={})
    assert tomllib.loads(setup.toml_of(answers))["store"] == {"value": value}
