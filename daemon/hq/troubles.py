"""What may be wrong with a store, the worst first, and what of it follows from the store's own word on how it is. Pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Literal, TypeAlias, get_args

import msgspec

from daemon.fleet.wire import Health

Kind: TypeAlias = Literal[
    "silent", "late", "line_down", "untold", "channel", "disk", "clock", "fork", "rejoin", "gap", "bundle"
]
"""silent: nothing heard for 10 minutes. late: for 90 seconds. untold: customers who were not told. channel: paused or not set up. rejoin: it
joined after the backup from which this database was restored. gap: a part of its record is missing, or can't be read. bundle: what was
published is not in force there."""
RANK: Mapping[Kind, int] = {kind: n for n, kind in enumerate(get_args(Kind))}
GRAVE: frozenset[Kind] = frozenset({"silent", "line_down", "untold", "fork"})
DISK_LEAST = 256 * 2**20
OUT = frozenset({"paused", "misconfigured", "open"})
"""States of a channel by which nothing goes."""


class Trouble(msgspec.Struct, frozen=True):
    kind: Kind
    about: str
    """Of what, where there are several: a channel's name."""
    since: datetime | None
    count: int = 0


def troubles_of(health: Health) -> Iterator[tuple[Kind, str]]:
    """(kind, about) of what the store says itself."""
    if health.uplink == "down":
        yield "line_down", ""
    for name, state in sorted(health.channels.items()):
        if state in OUT:
            yield "channel", name
    if health.disk_free and health.disk_free < DISK_LEAST:
        yield "disk", ""
    if not health.clock_trusted:
        yield "clock", ""
    if health.bundle_problem:
        yield "bundle", ""
