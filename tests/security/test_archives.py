"""A backup from somebody else's hands: only its own files and the shop's texts are ever taken out of it, by name, to a place that we choose."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.upkeep.archive import DATABASE, MANIFEST, config_of, pack, texts_of, unpack
from daemon.upkeep.errors import BackupError
from daemon.upkeep.own_texts import MOST_BYTES
from outbox.proof import prove
from tests.support.outbox_box import open_box


async def packed(folder: Path) -> Path:
    async with open_box(folder):
        pass
    database = folder / "tether.db"
    archive = folder / "tether-20261124T101500Z.tar.gz"
    pack(archive, database, None, release="0.1.0", made_at=1_795_515_300_000, proof=prove(database))
    return archive


def rewritten(archive: Path, change: Callable[[tarfile.TarFile, tarfile.TarInfo, bytes], None]) -> Path:
    """The same archive with each member passed through `change`."""
    evil = archive.with_name("evil.tar.gz")
    with tarfile.open(archive) as old, tarfile.open(evil, "w:gz") as new:
        for member in old.getmembers():
            body = old.extractfile(member)
            assert body is not None
            change(new, member, body.read())
    return evil


def added(new: tarfile.TarFile, member: tarfile.TarInfo, body: bytes) -> None:
    member.size = len(body)
    new.addfile(member, io.BytesIO(body))


async def test_other_members_are_left_where_they_are(tmp_path: Path) -> None:
    archive = await packed(tmp_path)

    def with_more(new: tarfile.TarFile, member: tarfile.TarInfo, body: bytes) -> None:
        for name in ("../outside", "/tmp/outside-of-tether", "evil.sh"):
            added(new, tarfile.TarInfo(name), b"#!/bin/sh\n")
        added(new, member, body)

    inside = tmp_path / "inside"
    inside.mkdir()
    unpack(rewritten(archive, with_more), inside / "restored.db")
    assert [path.name for path in inside.iterdir()] == ["restored.db"]
    assert not (tmp_path / "outside").exists()
    assert not Path("/tmp/outside-of-tether").exists()


async def test_texts_are_taken_by_names_that_texts_have(tmp_path: Path) -> None:
    archive = await packed(tmp_path)
    texts = {"templates/nl/order.ready.sms.j2": b"klaar", "templates/_macros/words.j2": b"{# ours #}"}
    evil = (
        "templates/../../outside.j2",
        "/templates/nl/x.j2",
        "templates/nl/../x.j2",
        "templates/nl/sub/x.j2",
        "templates/nl/x.sh",
    )

    def with_texts(new: tarfile.TarFile, member: tarfile.TarInfo, body: bytes) -> None:
        added(new, member, body)
        if member.name == MANIFEST:
            for name in evil:
                added(new, tarfile.TarInfo(name), b"x")
            added(new, tarfile.TarInfo("templates/nl/large.j2"), b" " * (MOST_BYTES + 1))
            for name, text in texts.items():
                added(new, tarfile.TarInfo(name), text)

    found = texts_of(rewritten(archive, with_texts))
    assert found == {name.removeprefix("templates/"): text for name, text in texts.items()}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE])
@pytest.mark.parametrize("name", [MANIFEST, DATABASE])
async def test_links_and_devices_are_no_files(tmp_path: Path, name: str, kind: bytes) -> None:
    archive = await packed(tmp_path)

    def as_link(new: tarfile.TarFile, member: tarfile.TarInfo, body: bytes) -> None:
        if member.name == name:
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind, "/etc/passwd"
            new.addfile(link)
        else:
            added(new, member, body)

    with pytest.raises(BackupError):
        unpack(rewritten(archive, as_link), tmp_path / "restored.db")


async def test_a_manifest_of_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    archive = await packed(tmp_path)

    def with_long_manifest(new: tarfile.TarFile, member: tarfile.TarInfo, body: bytes) -> None:
        added(new, member, b" " * 20 * 2**20 + body if member.name == MANIFEST else body)

    with pytest.raises(BackupError):
        unpack(rewritten(archive, with_long_manifest), tmp_path / "restored.db")


async def test_without_a_configuration_there_is_none(tmp_path: Path) -> None:
    assert config_of(await packed(tmp_path)) is None


def test_what_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "x.tar.gz").write_bytes(b"GIF89a")
    with pytest.raises(BackupError, match="can't be read as a backup"):
        unpack(tmp_path / "x.tar.gz", tmp_path / "restored.db")
