"""`tether doctor`: what is wrong, and what to do."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli.frame import (
    EX_CONFIG,
    NOT_FOR_THIS_USER,
    ConfigOption,
    Failure,
    JsonOption,
    app,
    as_json,
    is_unread,
    settings_of,
    settle,
)
from daemon.cli.service import is_running, running_service

if TYPE_CHECKING:
    from daemon.appliance.finding import Finding
    from daemon.config import Settings

MOST_WORDS = 600


@app.command(epilog="Example: tether doctor --fix")
def doctor(
    config: ConfigOption = None,
    json: JsonOption = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="Mend what can be mended without you, at the providers too.")
    ] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Ask nothing outside this machine.")] = False,
    news: Annotated[
        str | None,
        typer.Option("--tell", help="Tell the team ([trouble]) and the heartbeat's address this, and what is wrong."),
    ] = None,
) -> None:
    """Check everything, and say what to do. Exits with 1 when something is wrong."""
    from daemon.appliance.finding import problem
    from daemon.config import ConfigError

    code = 0
    try:
        settings = settings_of(config)
        found = [_not_for_this_user()] if is_unread(settings) else look(settings, fix=fix, offline=offline)
        if news is not None:
            settle(lambda: report(settings, news, found))
    except ConfigError as error:
        found, code = [problem("config", str(error), "correct it; nothing else can be looked at before")], EX_CONFIG
    if json:
        as_json(found)
    else:
        tell(found)
    raise typer.Exit(code or verdict(found))


def _not_for_this_user() -> "Finding":
    from daemon.appliance.finding import problem

    return problem("permissions", NOT_FOR_THIS_USER, "sudo tether doctor")


def look(settings: "Settings", *, fix: bool = False, offline: bool = False) -> "Sequence[Finding]":
    """Examine this machine."""
    from daemon.appliance.doctor import examine
    from daemon.appliance.examination import Examination
    from daemon.appliance.finding import Finding
    from daemon.appliance.machine import Machine
    from daemon.http import open_http
    from outbox.clock import SystemClock

    async def work() -> Sequence[Finding]:
        clock = SystemClock()
        running = await is_running(settings)

        async def ask(path: str) -> object:
            try:
                async with running_service(settings, "it can be asked only then") as client:
                    return await client.get(path)
            except Failure as failure:
                raise OSError(str(failure)) from failure

        async with open_http(clock) as http:
            case = Examination(
                settings=settings,
                clock=clock,
                http=http,
                machine=Machine(),
                running=running,
                offline=offline,
                fix=fix,
                ask_service=ask,
            )
            return await examine(case)

    return settle(work)


async def report(settings: "Settings", news: str, found: "Sequence[Finding]") -> None:
    """Bring it to people without the service, which may be the one that failed: what systemd calls when a unit has."""
    from daemon.appliance.finding import Level
    from daemon.channels import registry
    from daemon.channels.base import Channel, Misconfigured, Outgoing
    from daemon.config import ConfigError
    from daemon.http import open_http
    from daemon.planner.rules.destination import refusal
    from daemon.redact import mask_contacts
    from daemon.upkeep.heartbeat import call
    from daemon.upkeep.messenger import Messenger
    from outbox.clock import SystemClock
    from outbox.outcome import Outcome

    wrong = [f"{finding.check}: {finding.summary}" for finding in found if finding.level is Level.PROBLEM]
    words = mask_contacts("; ".join([news, *wrong]))[:MOST_WORDS]
    clock = SystemClock()
    async with open_http(clock) as http:

        def channel(name: str) -> Channel | None:
            try:
                made = registry.build(name, settings.channels[name], settings.secrets, http)
            except (Misconfigured, ConfigError, KeyError):
                return None
            return made if made.is_cloud else None

        await call(http, settings.heartbeat.url, "/fail", words)

        async def text(by: Channel, out: Outgoing) -> Outcome | None:
            return await by.send(out) if refusal(out.to, (), anywhere=True) is None else None

        if not await Messenger(lambda: settings, channel, clock, text).tell(words):
            print(f"nobody could be told by {', '.join(settings.trouble.via)}", file=sys.stderr)


def verdict(found: "Sequence[Finding]") -> int:
    """The exit code."""
    from daemon.appliance.finding import Level

    return int(any(finding.level is Level.PROBLEM for finding in found))


def tell(found: "Sequence[Finding]") -> None:
    """Print findings for a person."""
    from daemon.appliance.finding import Level

    marks = {Level.OK: "ok", Level.ADVICE: "hint", Level.PROBLEM: "WRONG"}
    width = max((len(finding.check) for finding in found), default=0)
    for finding in found:
        print(f"{marks[finding.level]:6} {finding.check:{width}}  {finding.summary}")
        if finding.remedy:
            print(f"{'':6} {'':{width}}  -> {finding.remedy}")
    wrong = sum(finding.level is Level.PROBLEM for finding in found)
    print(f"\n{'all is well' if not wrong else f'{wrong} to mend'}")
