"""Takes out of the archive what leads to a person once `[hq] retention` is over, as each store does with its own. Stores say nothing of what
they prune, and their clocks err: it counts from when headquarters heard of a message last."""

from datetime import datetime, timedelta

from daemon.hq.database import Connection, queries

_SQL = queries("retention.sql")

SLICE = 5_000


async def forget_persons(db: Connection, now: datetime, retention: timedelta) -> None:
    """Some of what is due: an archive of years is done in a day or two, and nobody waits for it meanwhile."""
    await db.execute(_SQL["forget_persons"], {"before": now - retention, "limit": SLICE})
