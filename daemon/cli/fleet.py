"""`tether fleet`: joining headquarters, how the line stands, and leaving."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.frame import (
    ConfigOption,
    Failure,
    JsonOption,
    app,
    as_json,
    counted,
    is_unread,
    need_the_file,
    read,
    settings_of,
    settle,
    when,
)
from daemon.cli.service import is_running, service

if TYPE_CHECKING:
    from daemon.config import Settings
    from daemon.wire.service import FleetLine

fleet = typer.Typer(
    no_args_is_help=True, help="The line to headquarters: join with its code, see how it stands, leave."
)
app.add_typer(fleet, name="fleet", epilog="Example: tether fleet status")

IN_NO_FLEET = "this store is in no fleet: ask headquarters for a code, then tether fleet join CODE"
CodeArgument = Annotated[str, typer.Argument(help="What `tether hq store add` printed, whole and in quotes.")]


@fleet.command(epilog="Example: tether fleet join 'https://hq.example:8788/#q3k...'")
def join(code: CodeArgument, config: ConfigOption = None) -> None:
    """Trade headquarters' code for a place in its fleet.

    Writes [fleet] into tether.toml and two secrets into .env; the key is made here and never leaves.
    """
    from daemon.fleet.files import keep, next_key
    from daemon.fleet.join import join as trade
    from daemon.fleet.join_code import Code, JoinRefused
    from daemon.runtime.clockwatch import RELEASED
    from outbox.clock import SystemClock

    settings = settings_of(config)
    need_the_file(settings, "fleet join")
    path = _file(settings)
    if SystemClock().now() < RELEASED:
        raise Failure(
            "this box's clock is not set, so no certificate can be checked: wait for it (timedatectl), then join again"
        )
    if not os.access(path.parent, os.W_OK):
        raise Failure(f"{path.parent} can't be written to: run it with sudo")
    try:
        given = Code.read(code)
        key = next_key(path.parent, settings.secrets, given)
        joined = settle(lambda: trade(given, key))
    except JoinRefused as error:
        raise Failure(str(error)) from error
    keep(path, joined, joined.written_keys)
    print(f"this store is {joined.welcome.store} now; restart the service for it: systemctl restart tether")


@fleet.command(epilog="Example: tether fleet status --json | jq .behind")
def status(config: ConfigOption = None, json: JsonOption = False) -> None:
    """How the line stands and how far headquarters has the record. Exits with 1 when somebody must act."""
    settings = settings_of(config)
    if not settings.fleet.store and not is_unread(settings):
        raise Failure(IN_NO_FLEET)

    async def look() -> tuple[bool, Any]:
        async with service(settings) as client:
            return await is_running(settings), await client.get("/v1/fleet")

    from daemon.wire.service import FleetLine

    running, answer = settle(look)
    row = read(answer, FleetLine)
    if is_unread(settings) and not row.joined:
        raise Failure(IN_NO_FLEET)
    if json:
        as_json({"running": running, **answer})
    else:
        print("\n".join(_told(row, settings, running=running)))
    raise typer.Exit(0 if running and row.state != "refused" else 1)


@fleet.command(epilog="Example: tether fleet leave --yes")
def leave(
    config: ConfigOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Without asking.")] = False,
) -> None:
    """Take the fleet out of this store's configuration. Headquarters keeps what it has; there: tether hq store revoke NAME."""
    from daemon.fleet.files import forget

    settings = settings_of(config)
    need_the_file(settings, "fleet leave")
    if not settings.fleet.store:
        raise Failure("this store is in no fleet")
    if not yes:
        typer.confirm(
            f"{settings.fleet.store} leaves its fleet: opt-outs asked for at other stores won't count here any more. Go on?",
            abort=True,
        )
    forget(_file(settings))
    print("this store is in no fleet any more; restart the service for it: systemctl restart tether")


def _file(settings: "Settings") -> Path:
    from daemon.config import SEARCH

    if settings.file is None:
        raise Failure(f"no tether.toml is here ({', '.join(map(str, SEARCH))}): tether init writes one", 78)
    return settings.file.resolve()


_STATES = {
    "connected": "connected",
    "connecting": "being connected",
    "away": "headquarters can't be reached; the store goes on by itself",
    "refused": "REFUSED by headquarters",
    "waiting": "waiting for the clock",
    "": "not running",
}


def _told(row: "FleetLine", settings: "Settings", *, running: bool) -> Sequence[str]:
    archived = f"{row.archived} of {counted(row.entries, 'entry', 'entries')}"
    behind = f", behind since {when(row.behind_since, settings)}" if row.behind else ""
    lines = [
        f"store     {row.store}",
        f"line      {_STATES[row.state] if running else 'the service is stopped'}"
        + (f" since {when(row.since, settings)}" if running else ""),
        f"record    {archived} at headquarters{behind}",
        f"opt-outs  {row.from_elsewhere} from other stores, {row.untold} to be told"
        + (f", asked for {when(row.consent_at, settings)}" if row.consent_at else ""),
    ]
    if row.refused_optins:
        lines.append(
            f"          {counted(row.refused_optins, 'opt-in')} not passed on: another store was told otherwise since"
        )
    if row.bundle or row.bundle_problem:
        lines.append(f"texts     {row.bundle or 'none'} of headquarters")
    if row.bundle_problem:
        lines.append(f"          not taken: {row.bundle_problem}")
    if row.reason and running:
        lines.append(f"why       {row.reason}")
    return lines
