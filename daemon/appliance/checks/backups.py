"""Whether there is a backup that a dead card would not take with it."""

from collections.abc import Sequence
from pathlib import Path

from daemon.appliance.examination import Examination
from daemon.appliance.finding import Finding, advice, ok, problem
from daemon.config import Settings
from daemon.keys.keyring import WORDS
from daemon.upkeep.backup_folder import backup_folder
from daemon.upkeep.backup_note import is_old, key_trouble, last_backup


async def check_backups(case: Examination) -> Sequence[Finding]:
    settings = case.settings
    if not settings.backup.to:
        return [
            advice(
                "backup",
                "none is made: a dead card takes everything with it",
                'set [backup] to = "/media/usb" or "s3://..." (docs/operations.md)',
            )
        ]
    last = last_backup(settings)
    if last is None:
        return [
            problem("backup", "none was made yet", "`tether backup`, and `systemctl enable --now tether-backup.timer`")
        ]
    if last.error:
        return [problem("backup", f"the last try failed: {last.error}", "`tether backup` tries again")]
    hours = (case.clock.now() - last.at) / 3_600_000
    if is_old(last.at, case.clock.now()):
        if hours < 0:
            why = "the newest is of a day that has not come, by a clock that was ahead: nobody knows how old it is"
            return [problem("backup", why, "`sudo tether backup`, once the clock is right (`timedatectl`)")]
        return [problem("backup", f"the newest is {hours / 24:.0f} days old", "`systemctl status tether-backup.timer`")]
    found = [ok("backup", f"{last.name}, {max(hours, 0):.0f} hours old"), *_check_key(settings)]
    if _on_one_disk(backup_folder(settings), settings.database.resolve().parent):
        found.append(
            advice(
                "backup",
                "backups lie on the same disk as the database: it takes both with it",
                "let [backup] to name a stick or a bucket",
            )
        )
    return found


def _check_key(settings: Settings) -> Sequence[Finding]:
    why = key_trouble(settings)
    return (
        [advice("backup key", why, f"`sudo tether key words`, write them down, and put them into .env as {WORDS}")]
        if why
        else []
    )


def _on_one_disk(kept_in: Path | None, data: Path) -> bool:
    return kept_in is not None and kept_in.exists() and data.exists() and kept_in.stat().st_dev == data.stat().st_dev
