"""What a backup is that is to be restored, and what became of it, in words for the owner."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from daemon.cli.frame import counted, table

if TYPE_CHECKING:
    from daemon.appliance.restore import Proved, Restored
    from daemon.config import Settings


def tell_proved(name: str, proved: "Proved", *, send_waiting: bool) -> None:
    manifest = proved.manifest
    made = datetime.fromtimestamp(manifest.made_at / 1000, UTC)
    print(f"{name}, made {made:%Y-%m-%d %H:%M} UTC by Tether {manifest.release}")
    print(f"signed by {proved.header.key}" if proved.header else "NOT SIGNED: nothing proves who made it")
    bad = manifest.proof.first_bad
    held = (
        "hang together" if bad is None else f"are there, of which those from {bad} on don't follow: a repair lost some"
    )
    print(f"every page is sound, and {manifest.proof.entries} audit entries {held}")
    table(("kept", "rows"), sorted(manifest.proof.counts.items()), empty="it is empty")
    print(f"\n{proved.doubtful} messages waited then and may have been sent since: ", end="")
    print(
        "they will be SENT (--send-waiting)"
        if send_waiting
        else "they will be cancelled (send them by hand, or use --send-waiting)"
    )
    print(f"{proved.later} are not due yet and stay")
    if not proved.lost:
        print("opt-outs, forgettings, tokens and what was sent since then are carried over")
        return
    print("MAY BE LOST, because the database that it replaces is not there, is another's, or is damaged:")
    for name, meaning in proved.lost.items():
        print(f"  {name}: {meaning}")


def tell_restored(restored: "Restored", texts: Sequence[str], settings: "Settings") -> None:
    """`texts`: those of the shop's own that came along."""
    print(
        f"restored: {counted(restored.proof.entries, 'audit entry', 'audit entries')}, epoch {restored.epoch}, "
        f"{counted(restored.cancelled, 'message')} cancelled"
    )
    carried = restored.carried
    print(
        f"carried over: {counted(carried.words, 'word')} on consent, "
        f"{counted(restored.forgotten, 'forgotten address', 'forgotten addresses')}, "
        f"{len(carried.revoked)} revoked and {counted(len(carried.new_tokens), 'new token')}, {carried.told} sent, "
        f"{counted(carried.replies, 'reply', 'replies')}"
    )
    if restored.aside is not None:
        print(f"what was there before is {restored.aside}; remove it when all is well")
    if texts:
        print(f"{counted(len(texts), 'text')} of the shop's own came along, to {settings.own_templates}")
    if settings.fleet.store:
        _tell_of_fleet(settings)
    print("start the service: sudo systemctl start tether")
    print("texts to customers wait until you have looked and said so: sudo tether restore --confirm")


def _tell_of_fleet(settings: "Settings") -> None:
    """Its key is in no backup."""
    from daemon.fleet.membership import SEED, ways_back

    if SEED not in settings.secrets:
        print(
            f"without its {SEED}, which is in no backup, the service doesn't start: {ways_back(settings.fleet.store)}"
        )
