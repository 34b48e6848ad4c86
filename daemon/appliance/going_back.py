"""The database from before an upgrade in the place of the new release's: what that promised while it ran holds on, as with a restore. What
was sent is not sent again, who said STOP or was forgotten stays so, and it is another history from there on."""

import asyncio
import random
from pathlib import Path

from daemon.config import Settings
from daemon.keys.digests import BoxKeys
from daemon.keys.heads import vouch
from daemon.keys.keyring import keyring
from daemon.planner.identity import StoreIdentities
from daemon.upkeep.swap import put_in_place, set_aside
from outbox import Outbox
from outbox.clock import Clock
from outbox.errors import OutboxError
from outbox.heads import Break, End, newest_end
from outbox.lock import Lock
from outbox.losses import WORDS
from outbox.promises import promises_of

ACTOR = "upgrade"
UNDONE = "upgrade.undone"


async def put_back(settings: Settings, clock: Clock, copy: Path, *, made_at: int) -> str:
    """`copy` (made at that moment, ms) becomes the database again. In words, where the new release's is now, and what is not carried over.
    Raises OutboxError, OSError, ConfigError."""
    database = settings.database
    aside = await asyncio.to_thread(set_aside, database, "of-the-new-release", clock.now())
    promises = await asyncio.to_thread(promises_of, aside, copy, made_at=made_at)
    key, kept, replaced = keyring(settings).own, newest_end(copy), _end_of(aside)
    opened = Outbox.open(
        copy,
        clock=clock,
        rng=random.SystemRandom(),
        keys=BoxKeys(settings),
        reserve=0,
        identities=StoreIdentities(settings.store.country),
    )
    lost, cancelled, trouble = promises.lost, 0, ""
    try:
        async with opened as box:
            epoch = await box.audit.begin_epoch("an upgrade was undone", actor=ACTOR)
            cancelled = (await box.promises.carry(promises, made_at=made_at)).cancelled
            await box.people.forget_again(promises.forgotten, actor=ACTOR)
            left = Break(epoch, kept, replaced, clock.now())
            await box.audit.append(UNDONE, actor=ACTOR, detail={**vouch(key, UNDONE, left), "aside": aside.name})
    except OutboxError as error:  # a full card: the old release can't run on the new one's database in any case
        lost, trouble = frozenset(WORDS), f" ({error})"
    Lock.path_for(copy).unlink(missing_ok=True)
    await asyncio.to_thread(put_in_place, copy, database)
    return (
        f"\nThe database is the one from before; what came in meanwhile is in {aside}"
        + (f"\nMessages that left since, or may have, and are not sent again: {cancelled}" if cancelled else "")
        + "".join(f"\nIt could not be carried over{trouble}, so {WORDS[name]}" for name in sorted(lost))
    )


def _end_of(database: Path) -> End | None:
    """None: its record can't be read."""
    try:
        return newest_end(database)
    except OutboxError:
        return None
