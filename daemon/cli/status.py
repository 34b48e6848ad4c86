"""`tether status` and `tether reload`: how the service is, and a new reading of its configuration."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.frame import (
    EX_CONFIG,
    ConfigOption,
    Failure,
    JsonOption,
    app,
    as_json,
    counted,
    how_the_line_is,
    read,
    settings_of,
    settle,
    table,
    tell,
    texts_today,
    when,
)
from daemon.cli.service import done, is_running, service

if TYPE_CHECKING:
    from daemon.config import Settings

STILL_THE_OLD = (
    "with the secrets as they are in .env now the service would not start, so it was not started anew: "
    "it goes on with those that it has. Correct them, then `sudo tether reload`"
)


@app.command(epilog="Example: tether status --json | jq .waiting")
def status(
    config: ConfigOption = None,
    json: JsonOption = False,
    seen: Annotated[
        bool,
        typer.Option("--seen", help="Say that you know what was saved of a damaged database: it is told of no more."),
    ] = False,
) -> None:
    """Whether it runs, the line, what waits, what failed. Exits with 1 when the service is stopped or something failed."""
    from daemon.wire.durations import spoken
    from daemon.wire.service import Channels, Glance

    settings = settings_of(config)
    if seen:
        _say_seen(settings)

    async def look() -> tuple[bool, Any, Any]:
        async with service(settings) as client:
            return await is_running(settings), await client.get("/v1/status"), await client.get("/v1/channels")

    running, answer, channels = settle(look)
    rows = read(channels, Channels).items
    troubled = [row for row in rows if row.state != "ready"]
    glance = read(answer, Glance)
    if json:
        as_json({"running": running, **answer, "channels": channels["items"]})
    else:
        print(
            f"service   {'running' if running else 'stopped (start it with `systemctl start tether` or `tether run`)'}"
        )
        print(f"line      {how_the_line_is(glance.uplink, settings) if running else 'not watched'}")
        print(f"messages  {glance.waiting} waiting, {glance.failed} failed, {glance.unknown} not sure")
        print(f"replies   {glance.replies} unread")
        print(f"texts     {texts_today(glance.sms, glance.store.currency)}")
        for each in glance.trouble:
            if not each.what.startswith("channel "):
                print(f"trouble   {each.why}")
        if glance.unrouted:
            types = ", ".join(f"{kind} ({count})" for kind, count in glance.unrouted.items())
            print(f"no route  {types}: nobody hears of these (docs/routes.md)")
        for source in glance.sources:
            behind = "" if source.behind is None else f", behind by {spoken(source.behind)}"
            asked = f"asked {when(source.last_asked, settings)}" if source.last_asked else "not asked yet"
            why = f": {source.problem}" if source.problem else ""
            print(f"source    {source.name} {source.state}, {asked}{behind}{why}")
        print()
        cells = [(row.name, row.state, row.reason) for row in troubled]
        ready = counted(len(rows), "channel is ready", "channels are ready")
        table(("channel", "state", "why"), cells, empty=ready if rows else "no channel is enabled")
    raise typer.Exit(0 if running and not glance.failed else 1)


def _say_seen(settings: "Settings") -> None:
    from daemon.wire.requests import keeping
    from daemon.wire.service import Seen

    if not read(done(settings, keeping.know_of_recovery()), Seen).seen:
        print("there was nothing to know of: no database was damaged", file=sys.stderr)


@app.command(epilog="Example: tether reload && tether channels")
def reload(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Put a changed configuration in force. A wrong one is refused with the reason, and nothing changes."""
    from daemon.appliance.machine import Machine
    from daemon.appliance.unit import Secrets, hand_over_secrets
    from daemon.config import ConfigError
    from daemon.upkeep.errors import InstallError
    from daemon.wire.requests import keeping
    from outbox.errors import KeyChanged, KeyMissing

    settings = settings_of(config)

    answer = done(settings, keeping.reload(), only="it reads its configuration when it starts")
    try:
        secrets = settle(lambda: hand_over_secrets(Machine(), settings))
    except (ConfigError, KeyMissing, KeyChanged) as error:
        raise Failure(f"{error}\n{STILL_THE_OLD}", EX_CONFIG) from error
    except InstallError as error:
        raise Failure(str(error)) from error
    words = {
        Secrets.HANDED_OVER: "the secrets changed since the service was started, so it was started anew: all of it is in force",
        Secrets.UNSEEN: "the new configuration is in force; whether secrets changed only root can see: for those `sudo tether reload`",
        Secrets.SAME: "the new configuration is in force",
    }
    tell(answer, words[secrets], json=json)
