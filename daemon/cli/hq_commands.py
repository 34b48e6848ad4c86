"""`tether hq command` and `commands`: what stores are told to do, and what they answered."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from daemon.cli.frame import Failure, JsonOption, as_json, table
from daemon.cli.hq_frame import HqConfigOption, NameArgument, hq, me, with_archive

if TYPE_CHECKING:
    from daemon.hq.config import HqSettings
    from daemon.hq.database import Connection


@hq.command(epilog="Example: tether hq command soho pause twilio --reason 'a bill is open'")
def command(
    store: NameArgument,
    what: Annotated[Literal["pause", "resume", "doctor"], typer.Argument(help="What it is to do.")],
    channel: Annotated[str, typer.Argument(help="Which channel is to be paused or resumed.")] = "",
    reason: Annotated[str, typer.Option(help="Why, for the store's staff.")] = "",
    within: Annotated[str, typer.Option(help="It is not done later than this.")] = "15m",
    config: HqConfigOption = None,
) -> None:
    """Have a store do something that it allows.

    A store does what `[fleet] commands` in its tether.toml names, nothing by default. Its answer is listed by tether hq commands.
    """

    async def work(settings: "HqSettings", db: "Connection") -> int:
        from datetime import timedelta

        from daemon.grammars import Duration
        from daemon.hq.commands import give
        from daemon.hq.publishing import publish_key

        try:
            lasting = timedelta(seconds=Duration.parse(within))
        except ValueError as error:
            raise Failure(f"--within: {error}", 2) from error
        publish_key(settings)
        return await give(db, _now(), store, what, by=me(), channel=channel, reason=reason, lasting=lasting)

    print(f"command {with_archive(config, work)} waits for {store}; see tether hq commands")


@hq.command(epilog="Example: tether hq commands --store soho --json")
def commands(
    store: Annotated[str | None, typer.Option(help="Of that store only.")] = None,
    config: HqConfigOption = None,
    json: JsonOption = False,
) -> None:
    """What stores were told to do, and their answers."""

    async def read(settings: "HqSettings", db: "Connection") -> Any:
        from daemon.hq.commands import listed

        return await listed(db, _now(), store)

    rows = with_archive(config, read)
    if json:
        as_json(rows)
        return
    told = [
        (r.id, r.store, f"{r.what} {r.channel}".strip(), r.by, f"{r.given_at:%Y-%m-%d %H:%M}", r.state, r.why) for r in rows
    ]  # fmt: skip
    table(("", "store", "what", "by", "given (UTC)", "how it went", ""), told, empty="no store was told anything")
    for row in rows:
        if row.report and (store or row is rows[0]):
            print(f"\nThe doctor at {row.store} (command {row.id}):")
            table(("check", "", "what it found"), [tuple(line) for line in row.report], empty="")


def _now() -> datetime:
    from outbox.clock import SystemClock

    return datetime.fromtimestamp(SystemClock().now() / 1000, UTC)
