"""What an owner reads who wrote something wrong: where, what, and how it would be right."""

from pathlib import Path

import pytest

from daemon.appliance.setup import env_of
from daemon.config import ConfigError, load
from daemon.config_words import find
from daemon.runtime.verify import verify

SMTP = '[channels.smtp]\nhost = "mail.example"\nfrom = "shop@shop.example"\n'

CASES = [
    ("[store]\nname = Balloon Loft\n", 'text stands in quotes: name = "Balloon Loft"'),
    ("[store]\nname = “Balloon Loft”\n", 'text stands in straight quotes: name = "Balloon Loft"'),
    (
        '[store]\nname = "Balloon Loft\ncountry = "GB"\n',
        "(at line 2, column 21); the quote that ends the text is missing",
    ),
    ('[store]\nname = "A"\nname = "B"\n', "the key stands here a second time: keep one of them"),
    ('[store]\nname = "A"\n[hook]\n[store]\n', "the table stands here a second time: put its keys under one heading"),
    ("// my shop\n[store]\n", "a comment begins with #"),
    ("[quiet_hours]\nenabled = False\n", "yes and no are written true and false: enabled = false"),
    ("[quiet_hours]\nenabled = yes # quiet\n", "yes and no are written true and false: enabled = true"),
    (
        '[route]\non = "order.ready"\n',
        "route: Expected `array`, got `object`; there may be several: head each [[route]]",
    ),
    ('[sms]\ncountries = "GB"\n', "sms.countries: Expected `array | null`, got `str`; a list stands in brackets"),
    ('[store]\nlocale = "deutsch"\n', 'store.locale: \'deutsch\' is no language; write it like "de" or "en-GB"'),
    (
        "[retry]\nbase = 2\n",
        'retry.base: 2 stands without quotes and unit; write it like "90s", "10m", "12h" or "180d"',
    ),
    (
        '[[route]]\non = "order.ready"\nto = "team"\nvia = ["slack"]\nexpires = "9999999d"\n',
        "route[0].expires: '9999999d' is longer than any calendar; at most \"1000000d\"",
    ),
    ('[data]\nretention = "99999999999999d"\n', "data.retention: '99999999999999d' is longer than any calendar"),
    ("[hook]\nhost = 127.0.0.1\n", 'text stands in quotes: host = "127.0.0.1"'),
    ("[quiet_hours]\nfrom = 21:00\n", 'text stands in quotes: from = "21:00"'),
    ("[data]\nreserve = 5\n", 'data.reserve: 5 stands without quotes and unit; write it like "64MiB" or "500MB"'),
    ('[quiet_hours]\nfrom = "9pm"\n', "'9pm' is not a time of day; write it like \"21:00\""),
    ('[hook]\nport = "8787"\n', "hook.port: Expected `int`, got `str`; a number stands without quotes"),
    ('[store]\ntimezone = "Europe"\n', "store.timezone: 'Europe' is no time zone; write it like \"Europe/London\""),
    ("[store]\nlocale = 3\n", "store.locale: Expected `str`, got `int`; text stands in quotes"),
    ('[log]\nlevel = "loud"\n', "log.level: Invalid enum value 'loud'; write one of debug, info, warning, error"),
    (
        '[[route]]\non = "a.b"\nto = "team"\nvia = ["slack"]\npriority = "urgent"\n',
        "route[0].priority: Invalid enum value 'urgent'; write one of high, normal, low",
    ),
    (
        '[quiet_hours]\nmedia = ["SMS", "chat"]\n',
        "quiet_hours.media[0]: Invalid enum value 'SMS'; write one of sms, email, chat, push, crm",
    ),
    ('[replies]\n"PARKED" = "arived"\n', "replies: Invalid enum value 'arived'; write one of arrived, yes, no, none"),
    ('[replies]\nfr = {"OUI" = "oui"}\n', "replies: Invalid enum value 'oui'; write one of arrived, yes, no, none"),
    ('[hook]\nsocket_groups = {"shop" = "boss"}\n', "'boss'; write one of admin, staff, read, events"),
    ("[sms]\nprices = {GB = 0.04}\n", "sms.prices: Expected `str | object`, got `float`; text stands in quotes"),
    ("[retry]\nmax_attempts = 0\n", "retry.max_attempts: Expected `int` >= 1"),
    (SMTP + "daily_limit = -1\n", "daily_limit: Expected `int` >= 0"),
    ('[uplink]\nevery = "0s"\n', "uplink.every: longer than nothing"),
    (SMTP + "port = 99999\n", "channels.smtp: port: Expected `int` <= 65535"),
    (SMTP + "port = 0\n", "channels.smtp: port: Expected `int` >= 1"),
    (SMTP + 'security = "ssl"\n', "security: Invalid enum value 'ssl'; write one of starttls, tls, none"),
    (
        SMTP + 'password = "hunter2"\n',
        "channels.smtp: password: no such key; secrets don't stand here: write SMTP_PASSWORD=... into .env beside this file",
    ),
    (
        '[channels.twilio]\nfrom = "+447400123456"\nauth_token = "hunter2"\n',
        "secrets don't stand here: write TWILIO_AUTH_TOKEN=... into .env",
    ),
    (
        '[sources.web-shop]\nkind = "pos"\n[sources.Web_Shop]\nkind = "pos"\n',
        "sources.Web_Shop: its secrets would be those of [sources.web-shop] (WEB_SHOP_...)",
    ),
    ('[channels.smpt]\nhost = "a"\n', "channels.smpt: no such channel; did you mean 'smtp'?"),
]


@pytest.mark.parametrize(("text", "words"), CASES, ids=[words[:40] for _, words in CASES])
def test_a_mistake_is_named_with_its_mending_and_no_secret(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "tether.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as told:
        verify(load(file, environ={}))
    assert words in str(told.value)
    assert "hunter2" not in str(told.value)
    assert len(str(told.value).splitlines()) == 1, "a mistake is told once"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"A=1\n\nthis is hunter2\nB=2\n", 3),
        (b"A=1\nB='hunter2\n", 2),
        (b"A=1\nhunter2\n", 2),
        (b"A=1\nB=2\nC=\xff\n", 3),
    ],
)
def test_garbage_among_the_secrets_is_named_by_file_and_line_and_not_quoted(
    tmp_path: Path, content: bytes, line: int
) -> None:
    (tmp_path / "tether.toml").write_text("")
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(ConfigError, match=rf"\.env, line {line}: ") as told:
        load(tmp_path / "tether.toml", environ={})
    assert "hunter2" not in str(told.value)


def test_a_folder_in_the_place_of_the_secrets_is_named(tmp_path: Path) -> None:
    """Containers make one where the file that is to be mounted is not there."""
    (tmp_path / "tether.toml").write_text("")
    (tmp_path / ".env").mkdir()
    with pytest.raises(ConfigError, match=r"\.env: is no file"):
        load(tmp_path / "tether.toml", environ={})


def test_a_folder_in_the_place_of_the_configuration_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service ran with all defaults, so nobody heard anything."""
    (tmp_path / "tether.toml").mkdir()
    monkeypatch.chdir(tmp_path)
    for asked, environ in ((None, {}), (Path("tether.toml"), {}), (None, {"TETHER_CONFIG": "tether.toml"})):
        with pytest.raises(ConfigError, match=r"^tether\.toml: is a folder"):
            find(asked, environ)


def test_an_env_as_people_write_it_is_taken(tmp_path: Path) -> None:
    (tmp_path / "tether.toml").write_text("")
    (tmp_path / ".env").write_text("# mine\nexport A=1\n\nB='two words' # why\nC=\nD=\"x\\ny\"\n")
    secrets = load(tmp_path / "tether.toml", environ={}).secrets
    assert secrets == {"A": "1", "B": "two words", "D": "x\ny"}


@pytest.mark.parametrize("value", ["pa${HOME}ss", "$HOME", "it's", "back\\slash\\n", 'a "b" # c', "${"])
def test_a_secret_is_read_as_it_was_written(tmp_path: Path, value: str) -> None:
    """A password may look like a variable of the shell: nothing is put in its place."""
    (tmp_path / "tether.toml").write_text("")
    (tmp_path / ".env").write_text(env_of({"SMTP_PASSWORD": value}))
    assert load(tmp_path / "tether.toml", environ={}).secrets == {"SMTP_PASSWORD": value}
