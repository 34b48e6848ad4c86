"""`tether init`: asks what the owner knows, writes the configuration, makes the till's token, and lets the doctor have a look."""

import os
import re
import sys
import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.frame import EX_CONFIG, ConfigOption, Failure, app, named, settle
from daemon.cli.service import is_running, service

if TYPE_CHECKING:
    from daemon.cli.interview import Interview
    from daemon.config import Settings
    from daemon.keys.box_key import BoxKey

STORE = ("name", "country", "timezone", "locale", "currency")
TILL = "till-1"


@app.command(
    epilog="Example: tether init --yes --name 'Balloon Loft' --country GB --channel twilio "
    "--set channels.twilio.from=+447400123456 --secrets twilio.env"
)
def init(
    config: ConfigOption = None,
    name: Annotated[str | None, typer.Option(help="The shop's name.")] = None,
    country: Annotated[str | None, typer.Option(help="Two letters: how local phone numbers are read.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Such as Europe/London.")] = None,
    locale: Annotated[str | None, typer.Option(help="The texts' language: en, de, es, fr.")] = None,
    currency: Annotated[str | None, typer.Option(help="Such as GBP.")] = None,
    channel: Annotated[list[str] | None, typer.Option(help="A channel to enable; may be given more than once.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any key of tether.toml, as table.key=value; may be given more than once."),
    ] = None,
    secrets: Annotated[
        Path | None,
        typer.Option(help="A file with NAME=value lines for .env. What is in the environment is taken too."),
    ] = None,
    token: Annotated[bool, typer.Option(help="Make the till's token.")] = True,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: what is not given is guessed.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write over a tether.toml that is there (kept as .bak).")
    ] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Let the doctor ask nothing outside this machine.")
    ] = False,
) -> None:
    """Set up a store. Writes tether.toml and .env (mode 600), makes the till's token, and checks it all."""
    from daemon.appliance import setup
    from daemon.cli.doctor import look, tell, verdict
    from daemon.cli.interview import Interview
    from daemon.cli.key import worded
    from daemon.config import secrets_in
    from daemon.keys.keyring import WORDS

    file = _place(config)
    standing = _standing(file, ask=not yes, force=force)
    interview = Interview(file.absolute().parent, ask=not yes)
    given = {key: value for key, value in zip(STORE, (name, country, timezone, locale, currency), strict=True) if value}
    stood = standing.get("store", {})
    store = _store(given, {} if stood == setup.PACKAGED_STORE and setup.is_packaged(file) else stood, interview)
    before = standing.get("channels", {})
    chosen = list(channel or ()) or (list(before) if yes else _choose_channels(interview, before))
    tables, channels = _keys(set_ or ())
    channels = {
        name: {**before.get(name, {}), **channels.get(name, {})} for name in dict.fromkeys((*chosen, *channels))
    }
    brought = _secrets_in(secrets)
    known = {**os.environ, **secrets_in(file.absolute().parent, {}), **brought}
    answers = _interview(chosen, channels, known, interview)
    kept = {name: table for name, table in standing.items() if name != "channels"}
    own_store = {**store, **tables.get("store", {})}
    tables = {**kept, **{name: {**kept.get(name, {}), **table} for name, table in tables.items()}, "store": own_store}
    if file.absolute().is_relative_to(setup.SYSTEM_FOLDER):
        tables["data"] = {"path": setup.SYSTEM_DATABASE, **tables.get("data", {})}
    own, is_new = _own_key(file, tables, known)
    secrets_found = {**brought, **answers[1], WORDS: own.words}
    settings = setup.write(setup.Answers(tables=tables, channels=answers[0], secrets=secrets_found), file)
    interview.done()
    print(f"\nwrote {file} and {file.parent / '.env'} (mode 600)")
    if is_new:
        print(
            f"\nThis box's key, shown once. Write the twelve words down and keep them away from the box: they open its backups on another "
            f"machine, and nothing else does.\n{worded(own)}"
        )
    if token:
        _make_token(settings)
    runs = settle(lambda: is_running(settings))
    if runs:
        print("\nThe service runs with its old configuration: `tether reload` puts this one in force.")
    print("\nNow the doctor:\n")
    found = look(settings, offline=offline)
    tell(found)
    print(
        f"\nThen: {_start(file, runs=runs)}, `tether tui` for the counter, http://127.0.0.1:{settings.hook.port}/docs for the till."
        "\nLogins for the counter on this machine: `sudo usermod -aG tether-staff NAME` (the group comes with `tether install` or the package)."
    )
    raise typer.Exit(verdict(found))


def _start(file: Path, *, runs: bool) -> str:
    """The command that puts what was written in force: one for each way that Tether came here."""
    from daemon.appliance import packaged, setup

    if file.absolute().is_relative_to(setup.SYSTEM_FOLDER) and Path(packaged.PACKAGE_UNIT).exists():
        return "`sudo tether reload`" if runs else "`sudo systemctl start tether`"
    return "`tether run` (or `sudo tether install`)"


def _place(config: Path | None) -> Path:
    from daemon.config import SEARCH

    if (file := named(config)) is not None:
        return file
    own, system = SEARCH
    if own.exists() or not system.parent.is_dir():
        return own
    if os.geteuid() != 0:
        raise Failure(
            f"this machine has a configuration of its own ({system}): `sudo tether init` goes on from it. "
            f"For another store in this folder: `tether init --config {own}`"
        )
    return system


def _standing(file: Path, *, ask: bool, force: bool) -> Mapping[str, Any]:
    """What stands there already and is gone on from: the package's own configuration, or one that the owner says so of."""
    from daemon.appliance import setup
    from daemon.config_words import ConfigError, read_toml

    if not file.exists() or (force and not ask):
        return {}
    words = f"{file} is there already. Go on from it (it is kept as {file.name}.bak)?"
    if not (force or setup.is_packaged(file)) and not (ask and typer.confirm(words)):
        raise Failure(f"{file} is there already and was left as it is; --force writes over it (and keeps it as .bak)")
    try:
        return read_toml(file)
    except ConfigError:
        if force:
            return {}
        raise


def _store(given: Mapping[str, str], was: Mapping[str, Any], interview: "Interview") -> dict[str, Any]:
    """What is known of the store: as it was given, or stood there, or is answered."""
    from daemon.appliance import setup
    from daemon.cli.interview import (
        Check,
        check_country,
        check_currency,
        check_locale,
        check_name,
        check_zone,
        country_of,
    )

    machine = setup.guess_timezone()
    known = {key: str(value) for key, value in was.items()} | dict(given)
    likely = country_of(known.get("country", setup.guess_country(machine)))

    def ask(key: str, words: str, guess: str, check: Check) -> str:
        return given.get(key) or interview.answer(key, words, known.get(key, guess), check)

    zone = ask("timezone", "Time zone", setup.zone_in(likely, machine), check_zone)
    country = country_of(ask("country", "Country (two letters)", setup.guess_country(zone), check_country))
    return {
        **was,
        "name": ask("name", "The shop's name", "Our shop", check_name),
        "country": country,
        "timezone": zone,
        "locale": ask("locale", "Language (en, de, es, fr)", setup.guess_locale(country), check_locale),
        "currency": ask("currency", "Currency", setup.guess_currency(country), check_currency).upper(),
    }


def _choose_channels(interview: "Interview", standing: Collection[str]) -> list[str]:
    from daemon.appliance.catalogue import MEDIA, catalogue

    known = catalogue()
    print("\nBy which channels may customers and the team be told?")
    for medium in MEDIA:
        print(f"  {medium:6} {', '.join(one.name for one in known if one.medium == medium)}")
    words = "Channels, separated by spaces"
    return _split(interview.answer("channels", words, " ".join(standing), _check_channels))


def _split(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _check_channels(text: str) -> str:
    from daemon.channels.registry import CHANNELS

    unknown = [word for word in _split(text) if word not in CHANNELS]
    return f"there is no {', '.join(unknown)}" if unknown else ""


def _interview(
    chosen: Sequence[str], given: Mapping[str, Mapping[str, Any]], known: Mapping[str, str], interview: "Interview"
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Each channel's keys and secrets: as they were given, or asked for; one that is not known is left to the doctor to name."""
    from daemon.appliance import setup
    from daemon.channels.registry import channel_class

    channels: dict[str, dict[str, Any]] = {}
    secrets: dict[str, str] = {}
    for name in dict.fromkeys((*chosen, *given)):
        table = dict(given.get(name, {}))
        questions = setup.questions_for(name)
        if interview.ask:
            print(f"\n{channel_class(name).title} (docs/providers/{name}.md)")
        for question in questions:
            if question.is_secret:
                value = known.get(question.name) or (interview.secret(question.name) if interview.ask else "")
                secrets |= {question.name: value} if value else {}
            elif question.name not in table and interview.ask:
                table |= _key_asked(name, table, question.name, interview)
        channels[name] = table
    return channels, secrets


def _key_asked(channel: str, table: Mapping[str, Any], key: str, interview: "Interview") -> dict[str, Any]:
    from daemon.cli.interview import key_of

    def check(text: str) -> str:
        return key_of(channel, table, key, text)[1]

    text = interview.answer(f"{channel}.{key}", f"  {key}", "", check)
    value, _ = key_of(channel, table, key, text)
    return {} if value is None else {key: value}


def _keys(assignments: Sequence[str]) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """`--set table.key=value`: the tables, and those of channels apart."""
    tables: dict[str, dict[str, Any]] = {}
    channels: dict[str, dict[str, Any]] = {}
    for assignment in assignments:
        path, equals, value = assignment.partition("=")
        table, dot, key = path.strip().rpartition(".")
        if not equals or not dot:
            raise Failure(f"--set {assignment!r}: write it like channels.twilio.from=+447400123456", 2)
        where = channels if table.startswith("channels.") else tables
        where.setdefault(table.removeprefix("channels."), {})[key] = _value(value.strip())
    return tables, channels


def _value(text: str) -> Any:
    """As TOML reads it (587, true, ["a"], "587"); what is no TOML, and a number with a plus or a leading zero, is a string."""
    if re.match(r"\+|0\d", text):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _secrets_in(file: Path | None) -> dict[str, str]:
    from dotenv import dotenv_values

    from daemon.appliance import setup
    from daemon.config_words import dotenv_trouble
    from daemon.keys.keyring import WORDS

    if file is None:
        return {}
    if not file.is_file():
        raise Failure(f"{file}: no such file", 2)
    if trouble := dotenv_trouble(file):
        raise Failure(trouble, EX_CONFIG)
    found = {name: value for name, value in dotenv_values(file, interpolate=False).items() if value}
    doubts = {
        name: trouble
        for name, value in found.items()
        if name != WORDS and (trouble := setup.secret_trouble(name, value))
    }
    if setup.STANDARD_WEBHOOKS in doubts:
        raise Failure(f"{file}: {doubts[setup.STANDARD_WEBHOOKS]}", EX_CONFIG)
    for name, trouble in doubts.items():
        print(f"hint: {file}: {trouble if trouble.startswith(name) else f'{name}: {trouble}'}", file=sys.stderr)
    return found


def _own_key(file: Path, tables: Mapping[str, Mapping[str, Any]], given: Mapping[str, str]) -> "tuple[BoxKey, bool]":
    """The key that the box has, or was given; else a new one. True: its words were never shown."""
    from daemon.config import Data, Settings, secrets_in
    from daemon.keys.box_key import BoxKey
    from daemon.keys.keyring import WORDS
    from daemon.keys.keyring import known as keys_known

    folder = file.absolute().parent
    secrets = {**secrets_in(folder, {}), **({WORDS: given[WORDS]} if given.get(WORDS) else {})}
    data = Data(path=Path(tables.get("data", {}).get("path", "tether.db")))
    found = keys_known(Settings(file=folder / file.name, data=data, secrets=secrets))
    return (found.own, not found.is_configured) if found else (BoxKey.new(), True)


def _make_token(settings: "Settings") -> None:
    async def post() -> str:
        async with service(settings) as client:
            taken = {row["name"] for row in (await client.get("/v1/tokens"))["items"]}
            if TILL in taken:
                return ""
            return str((await client.post("/v1/tokens", {"name": TILL, "scopes": ["events"]}))["token"])

    secret = settle(post)
    if not secret:
        print(f"the till has its token already ({TILL}); `tether token revoke {TILL}` takes it away")
        return
    print(f"\nThe till's token ({TILL}), shown once; it goes into its Authorization header:\n\n    {secret}\n")
