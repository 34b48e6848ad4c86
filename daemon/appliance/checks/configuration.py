"""Whether the configuration says something that can be done, and whether its files are kept as secrets should be."""

import grp
import os
import pwd
import stat
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from daemon.appliance.examination import Examination
from daemon.appliance.finding import Finding, advice, ok, problem
from daemon.appliance.ownership import lets
from daemon.appliance.setup import STANDARD_WEBHOOKS, SYSTEM_FOLDER, secret_trouble
from daemon.config import Settings
from daemon.config_words import out_of_reach
from daemon.planner.check import check_templates
from daemon.runtime.verify import faults

OTHERS = stat.S_IRWXG | stat.S_IRWXO


async def check_configuration(case: Examination) -> Sequence[Finding]:
    settings = case.settings
    where = str(settings.file or "no tether.toml: all defaults")
    wrong = [
        problem("config", words, f"correct it{f' in {where}' if words.startswith(where) else ''}, then `tether reload`")
        for words in faults(settings)
    ]
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
    data = settings.database.parent
    service = next(each for each in (data, *data.parents) if each.exists()).stat()
    private: list[tuple[Path, os.stat_result | None]] = [(settings.folder / ".env", None)]
    secret = [settings.hook.tls_key, settings.secrets.get("GOOGLE_APPLICATION_CREDENTIALS")]
    private += [(settings.folder / name, service) for name in secret if name]
    read = [settings.folder / name for name in (*secret, settings.hook.tls_cert, settings.file) if name]
    shut = {path: finding for path in read if path.is_file() and (finding := _shut_out(path, service, data))}
    found = [*shut.values(), *_texts(settings.own_templates, service, data)]
    for path, reader in private:
        if path.is_file() and path not in shut:
            found += _private(path, reader, mend=case.fix)
    found += _folder(data, settings.database)
    if out_of_reach(settings.folder, os.environ):
        found.append(
            advice(
                "permissions",
                f"{settings.folder / '.env'} can't be read by the user who asks, so secrets seem to be missing",
                "sudo tether doctor",
            )
        )
    return found or [ok("permissions", "no secret lies open")]


def _shut_out(path: Path, reader: os.stat_result, data: Path) -> Finding | None:
    """The service could not start again without a file that it reads itself; a doctor who is root reads it all the same. What leads to its
    data it gets through."""
    real = path.resolve()
    words = f"{path} can't be read by the service's user ({_user(reader.st_uid)})"
    for folder in reversed([each for each in real.parents if each not in data.resolve().parents]):
        if not lets(folder, reader, stat.S_IXOTH):
            return problem(
                "permissions",
                f"{words}: {folder} is shut to it",
                f"put a copy of it elsewhere, such as {SYSTEM_FOLDER}",
            )
    if lets(real, reader, stat.S_IROTH):
        return None
    own = real.stat().st_uid == reader.st_uid
    return problem(
        "permissions",
        words,
        f"chmod 600 {path}" if own else f"chgrp {_group(reader.st_gid)} {path} && chmod 640 {path}",
    )


def _texts(own: Path, reader: os.stat_result, data: Path) -> Iterable[Finding]:
    """No secrets, but a message whose text can't be read is not sent."""
    for path in (own, *sorted(own.glob("*/*.j2"))) if own.is_dir() else ():
        if found := _shut_out(path, reader, data):
            yield problem(
                "permissions",
                found.summary,
                f"chmod -R a+rX {own}, or put your texts where it gets to, such as {SYSTEM_FOLDER}",
            )
            return


def _private(path: Path, reader: os.stat_result | None, *, mend: bool) -> Iterable[Finding]:
    """`reader`: whose data folder it is that reads this file itself; by its group, where the file is another's (docs/security.md). Shut to all
    but its owner it would be shut to the service as well."""
    file = path.stat()
    mode = stat.S_IMODE(file.st_mode)
    is_others = reader is not None and file.st_uid != reader.st_uid
    by_group = stat.S_IRGRP if reader is not None and is_others and file.st_gid == reader.st_gid else 0
    if not mode & OTHERS & ~by_group:
        return
    shut = 0o600 | mode & by_group
    open_now = f"{path} is open to others (mode {mode:04o})"
    if reader is not None and is_others and not shut & stat.S_IRGRP:
        yield problem("permissions", open_now, f"chgrp {_group(reader.st_gid)} {path} && chmod 640 {path}")
    elif mend and os.access(path, os.W_OK):
        path.chmod(shut)
        yield ok("permissions", f"{path} was open to others (mode {mode:04o}); it is {shut:04o} now")
    else:
        yield problem("permissions", open_now, f"chmod {shut:o} {path}")


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


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
