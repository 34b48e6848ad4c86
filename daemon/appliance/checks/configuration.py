"""Whether the configuration says something that can be done, and whether its files are kept as secrets should be."""

import os
import stat
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from daemon.appliance.examination import Examination
from daemon.appliance.finding import Finding, advice, ok, problem
from daemon.appliance.setup import STANDARD_WEBHOOKS, secret_trouble
from daemon.config import Settings
from daemon.planner.check import check_templates
from daemon.runtime.verify import faults

OTHERS = stat.S_IRWXG | stat.S_IRWXO


async def check_configuration(case: Examination) -> Sequence[Finding]:
    settings = case.settings
    where = str(settings.file or "no tether.toml: all defaults")
    wrong = [problem("config", words, f"correct it in {where}, then `tether reload`") for words in faults(settings)]
    if wrong:
        return wrong
    found = [ok("config", where), *_secrets(settings)]
    if not settings.channels:
        found.append(
            advice(
                "config",
                "no channel is enabled, so nobody will hear anything",
                "run `tether init`, or add a [channels.NAME] table",
            )
        )
    return [*found, *_templates(settings), _zone(settings, case.clock.now())]


def _secrets(settings: Settings) -> Iterable[Finding]:
    value = settings.secrets.get(STANDARD_WEBHOOKS, "")
    if value and (words := secret_trouble(STANDARD_WEBHOOKS, value)):
        yield problem("config", words, "correct it in .env, then `tether reload`: till then no signed event is taken")


def _templates(settings: Settings) -> Iterable[Finding]:
    found = check_templates(settings)
    errors = [each for each in found if each.severity == "error"]
    more = "`tether templates check` lists all with their places"
    if errors:
        first = errors[0]
        place = f"{first.file}:{first.line}" if first.line else first.file
        words = f"{place}: {first.problem}" + (f", and {len(errors) - 1} more" if errors[1:] else "")
        yield problem("templates", words, f"{first.remedy} ({more})" if first.remedy else more)
    elif found:
        yield advice("templates", f"every text can be sent; {len(found)} could be better", more)
    else:
        yield ok("templates", "every text can be sent")


def _zone(settings: Settings, now: int) -> Finding:
    local = datetime.fromtimestamp(now / 1000, UTC).astimezone(settings.store.zone)
    return ok("time zone", f"{settings.store.timezone}: the shop's clock should show {local:%H:%M on %A %d %B %Y}")


async def check_permissions(case: Examination) -> Sequence[Finding]:
    settings = case.settings
    private = [settings.folder / ".env"]
    if settings.hook.tls_key:
        private.append(settings.folder / settings.hook.tls_key)
    if credentials := settings.secrets.get("GOOGLE_APPLICATION_CREDENTIALS"):
        private.append(settings.folder / credentials)
    found = [finding for path in private if path.is_file() for finding in _private(path, mend=case.fix)]
    found += _folder(settings.database.parent, settings.database)
    env = settings.folder / ".env"
    if env.exists() and not os.access(env, os.R_OK) and not os.environ.get("CREDENTIALS_DIRECTORY"):
        found.append(
            advice(
                "permissions",
                f"{env} can't be read by the user who asks, so secrets seem to be missing",
                "sudo tether doctor",
            )
        )
    return found or [ok("permissions", "no secret lies open")]


def _private(path: Path, *, mend: bool) -> Iterable[Finding]:
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & OTHERS:
        return
    if mend and os.access(path, os.W_OK):
        path.chmod(0o600)
        yield ok("permissions", f"{path} was open to others (mode {mode:04o}); it is 0600 now")
        return
    yield problem("permissions", f"{path} is open to others (mode {mode:04o})", f"chmod 600 {path}")


def _folder(folder: Path, database: Path) -> Iterable[Finding]:
    if database.is_file() and stat.S_IMODE(database.stat().st_mode) & stat.S_IRWXO:
        yield problem("permissions", f"everybody on this machine may read {database}", f"chmod o= {database}")
    if database.is_file() and database.stat().st_nlink > 1:
        yield problem(
            "permissions",
            f"{database} has another name too (a hard link), and the log lies beside whichever name was opened",
            f"stop the service, and remove the other: find / -xdev -samefile {database}",
        )
    near = next(each for each in (folder, *folder.parents) if each.exists())
    if not os.access(near, os.W_OK | os.X_OK):
        yield problem(
            "permissions",
            f"{folder} can't be written to by the user who asks",
            "run the doctor as the service's user or with sudo, or give that user the folder",
        )
