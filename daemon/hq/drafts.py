"""What is being written for a group before it is published: changes on top of what the group has, kept in the database so that nobody's evening is
lost with a browser."""

import difflib
import hashlib
from collections.abc import Mapping
from datetime import datetime

import msgspec

from daemon.fleet.bundle import LARGEST_FILE, ROUTES, SETTINGS, is_file_of_bundle
from daemon.hq.database import Connection, queries
from daemon.hq.published import content
from daemon.hq.stores import Declined
from daemon.runtime.shipped import shipped_text

_SQL = queries("drafts.sql")

TEMPLATES = "templates/"
MOST = 500


class Change(msgspec.Struct, frozen=True):
    """`content` None: the file goes out of the bundle."""

    file: str
    content: str | None
    by: str
    at: datetime


class Draft(msgspec.Struct, frozen=True):
    """`published`: the files that the group has now; `release`: the least that a store must have for them."""

    group: str
    published: Mapping[str, bytes]
    release: str
    changes: Mapping[str, Change]

    @property
    def files(self) -> dict[str, bytes]:
        """As they would be published."""
        found = dict(self.published)
        for name, change in self.changes.items():
            if change.content is None:
                found.pop(name, None)
            else:
                found[name] = change.content.encode()
        return found

    @property
    def digest(self) -> str:
        """Of all that would be published: what somebody reviewed is just what they publish."""
        return hashlib.sha256(msgspec.json.encode(sorted(self.files.items()))).hexdigest()

    def text_of(self, file: str) -> str:
        """As it would be; what ships where headquarters says nothing."""
        if (own := self.files.get(file)) is not None:
            return own.decode("utf-8", "replace")
        return shipped(file)

    def diff(self) -> list[tuple[str, list[str]]]:
        """Each file that differs from what the stores have: what they have of headquarters, or what ships."""
        found = []
        for name in sorted(self.changes):
            before = self.published[name].decode("utf-8", "replace") if name in self.published else shipped(name)
            after = self.text_of(name)
            lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=3, lineterm=""))[2:]
            if lines:
                found.append((name, lines))
        return found


def shipped(file: str) -> str:
    """A text as it comes with Tether; "" for what has none."""
    if not file.startswith(TEMPLATES) or not is_file_of_bundle(file):
        return ""
    return shipped_text(file.removeprefix(TEMPLATES))


async def draft_of(db: Connection, group: str) -> Draft:
    """Raises BadBundle for what is published and can't be read."""
    found = await (await db.execute(_SQL["standing"], {"grp": group})).fetchone()
    digest, release = found if found is not None and found[0] else ("", "")
    published = await content(db, digest) if digest else {}
    rows = await (await db.execute(_SQL["of_group"], {"grp": group})).fetchall()
    return Draft(group, published, release, {row[0]: Change(*row) for row in rows})


async def put(db: Connection, now: datetime, draft: Draft, file: str, text: str | None, by: str) -> None:
    """Write a file down, or (None) take it out; what is as it is published is no change. Raises Declined."""
    if not is_file_of_bundle(file):
        raise Declined(
            422, f"{file[:100]!r} has no place in a bundle: templates/<locale>/<name>.j2, {ROUTES} or {SETTINGS}"
        )
    text = None if text is None else text.replace("\r\n", "\n")
    if text is not None and len(text.encode()) > LARGEST_FILE:
        raise Declined(413, f"a file may have {LARGEST_FILE} bytes")
    if len(draft.changes) >= MOST and file not in draft.changes:
        raise Declined(409, f"{MOST} files are changed: publish or drop these first")
    was = draft.published.get(file)
    same = text is None if was is None else text is not None and text.encode() == was
    if same or (was is None and text == shipped(file)):
        await drop(db, draft.group, file)
    else:
        await db.execute(_SQL["put"], {"grp": draft.group, "file": file, "content": text, "by": by, "now": now})


async def drop(db: Connection, group: str, file: str) -> None:
    await db.execute(_SQL["drop"], {"grp": group, "file": file})


async def clear(db: Connection, group: str) -> None:
    await db.execute(_SQL["clear"], {"grp": group})


async def written(db: Connection) -> list[str]:
    """The groups for which something is being written."""
    return [group for (group,) in await (await db.execute(_SQL["groups"])).fetchall()]
