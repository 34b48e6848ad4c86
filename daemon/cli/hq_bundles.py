"""`tether hq publish`, `bundles`, `rollback`, `withdraw` and `store group`: texts, routes and settings for many stores at once."""

import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.frame import Failure, JsonOption, as_json, table
from daemon.cli.hq_frame import HqConfigOption, NameArgument, hq, me, store, with_archive

if TYPE_CHECKING:
    from daemon.hq.config import HqSettings
    from daemon.hq.database import Connection
    from daemon.hq.publishing import Publisher

GroupOption = Annotated[str, typer.Option(help="all, canary, a region, or one store; the nearest wins at a store.")]


@hq.command(epilog="Example: tether hq publish texts/ --group all --canary 30m")
def publish(
    folder: Annotated[
        Path,
        typer.Argument(help="With templates/<locale>/<name>.j2, routes.toml, settings.toml: what of these there is."),
    ],
    group: GroupOption,
    canary: Annotated[
        str,
        typer.Option(help="How long the group's canaries try it first, such as 30m; taken back if they fare worse."),
    ] = "",
    release: Annotated[str, typer.Option(help="The least release of Tether that it needs.")] = "",
    note: Annotated[str, typer.Option(help="What it is about, for the record.")] = "",
    config: HqConfigOption = None,
) -> None:
    """Send texts, routes and settings to a group of stores.

    Checked here, signed with the publisher's key, and checked again by each store before it counts there; what lies in a store's own
    tether.toml and templates counts more.
    """

    async def work(publisher: "Publisher", db: "Connection") -> Sequence[str]:
        from datetime import timedelta

        from daemon.grammars import Duration
        from daemon.hq.proof import mistakes_in
        from daemon.hq.publishing import Wanted, files_in

        try:
            lasting = timedelta(seconds=Duration.parse(canary)) if canary else None
        except ValueError as error:
            raise Failure(f"--canary: {error}", 2) from error
        files = files_in(folder)
        if wrong := await mistakes_in(files):
            raise Failure("not published:\n" + "\n".join(wrong))
        return await publisher.publish(
            db, files, Wanted(group=group, by=me(), release=release, note=note, canary=lasting)
        )

    for name in _published(config, work):
        print(f"{name} is published" + (f", to be tried for {canary}" if canary else ""))


@hq.command(epilog="Example: tether hq rollback --group all")
def rollback(group: GroupOption, config: HqConfigOption = None) -> None:
    """Put back what a group had before.

    A canary that is not decided is taken back.
    """
    names = _published(config, lambda publisher, db: publisher.roll_back(db, group, me()))
    print(
        "\n".join(f"{name} is published: what was before" for name in names) or f"the canary for {group} is taken back"
    )


@hq.command(epilog="Example: tether hq withdraw --group london")
def withdraw(group: GroupOption, config: HqConfigOption = None) -> None:
    """Take a group's bundle away.

    The next wider group's counts for its stores again.
    """

    async def work(publisher: "Publisher", db: "Connection") -> Sequence[str]:
        return [await publisher.withdraw(db, group, me())]

    _published(config, work)
    print(f"{group} has no bundle of its own any more")


@hq.command(epilog="Example: tether hq bundles --json")
def bundles(config: HqConfigOption = None, json: JsonOption = False) -> None:
    """What is published to whom, and who has what.

    Which store has what it should, why not, and how canaries went.
    """

    async def read(settings: "HqSettings", db: "Connection") -> Any:
        from daemon.hq.published import overview

        return await overview(db)

    seen = with_archive(config, read)
    if json:
        as_json(seen)
        return
    table(
        ("group", "bundle", "published (UTC)", "by", "note"),
        [(g.group, g.name if g.digest else "none", f"{g.at:%Y-%m-%d %H:%M}", g.by, g.note) for g in seen.groups],
        empty="nothing is published: tether hq publish FOLDER --group all",
    )
    print()
    table(
        ("store", "groups", "has", "should have", "why not"),
        [(s.name, ", ".join(s.groups), s.has or "none", s.wanted or "none", s.problem) for s in seen.stores],
        empty="no store yet: tether hq store add NAME",
    )
    if seen.canaries:
        print()
        table(
            ("canary for", "stores", "began (UTC)", "how it went", ""),
            [(c.group, ", ".join(c.stores), f"{c.began_at:%Y-%m-%d %H:%M}", c.state.replace("_", " "), c.why) for c in seen.canaries],
            empty="",
        )  # fmt: skip


@store.command("group", epilog="Example: tether hq store group soho --group london --group canary")
def regroup(
    name: NameArgument,
    group: Annotated[list[str] | None, typer.Option(help="A region, `canary`, or one of each.")] = None,
    no_canary: Annotated[bool, typer.Option("--no-canary", help="It tries nothing first any more.")] = False,
    no_region: Annotated[bool, typer.Option("--no-region", help="It is in no region any more.")] = False,
    config: HqConfigOption = None,
) -> None:
    """Put a store into a region, or among the canaries.

    Canaries try new bundles first. The store need not join again.
    """

    async def work(settings: "HqSettings", db: "Connection") -> tuple[str, ...]:
        import msgspec

        from daemon.hq.stores import Groups, Stores
        from outbox.clock import SystemClock

        groups = Groups.read(group or [])
        if no_canary:
            groups = msgspec.structs.replace(groups, canary=False)
        if no_region:
            groups = msgspec.structs.replace(groups, region="")
        return await Stores(settings, SystemClock(), random.SystemRandom()).regroup(db, name, groups, by=me())

    print(f"{name} is in {', '.join(with_archive(config, work))}")


def _published(
    config: Path | None, work: "Callable[[Publisher, Connection], Awaitable[Sequence[str]]]"
) -> Sequence[str]:
    """Written down, and sent at once where NATS can be reached; else headquarters sends it when that is so."""

    async def whole(settings: "HqSettings", db: "Connection") -> Sequence[str]:
        from daemon.fleet.nats_connection import NatsAway
        from daemon.hq.nats import as_archive
        from daemon.hq.publishing import Publisher
        from outbox.clock import SystemClock

        clock = SystemClock()
        publisher = Publisher(settings, lambda: datetime.fromtimestamp(clock.now() / 1000, UTC))
        names = await work(publisher, db)
        try:
            async with as_archive(settings, clock, random.SystemRandom()) as line:
                await publisher.send(db, line)
        except NatsAway as error:
            print(f"NATS can't be reached, and headquarters sends it once it can: {error}")
        return names

    return with_archive(config, whole)
