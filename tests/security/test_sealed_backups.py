"""Whoever has the stick or the bucket in their hands: they read what customers wrote, and put their own admin token into a backup.

They know the format and the box's public keys, and lack its words.
"""

import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec
import pyrage
import pytest

from daemon.appliance.opening import Openers, open_backup, openers_of
from daemon.config import Backup, Settings
from daemon.keys.box_key import BoxKey
from daemon.keys.keyring import keyring
from daemon.upkeep.archive import Manifest, pack
from daemon.upkeep.backup import back_up
from daemon.upkeep.backup_store import keeping
from daemon.upkeep.errors import BackupError, WrongKey
from daemon.upkeep.seal import seal, unseal
from daemon.upkeep.seal_header import BLOCK, MAGIC, Header
from outbox.proof import prove
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import PHONE, accept_one, open_own_box, planned

EVIL = BoxKey.from_words("legal winner thank year wave sausage worth useful legal winner thank yellow")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(file=tmp_path / "tether.toml", backup=Backup(to="kept"))


async def backed_up(settings: Settings, clock: FakeClock | None = None) -> Path:
    clock = clock or FakeClock()
    async with open_own_box(settings.folder, clock) as box:
        await accept_one(box, planned("m1"), id="e1", ref="B-1")
    async with keeping(settings, clock) as store:
        return settings.folder / "kept" / (await back_up(settings, store, clock)).name


def restored(settings: Settings, sealed: Path, openers: Openers | None = None, **how: bool) -> Header | None:
    target = settings.folder / "restored.db"
    how = {"unsigned": False, "is_kept": True, **how}
    return open_backup(sealed, sealed.name, target, openers or openers_of(settings), **how).header


def left_over(settings: Settings) -> list[str]:
    return sorted(path.name for path in settings.folder.glob("restored.db*"))


async def test_the_finder_of_a_stick_reads_nothing(settings: Settings) -> None:
    sealed = await backed_up(settings)
    content = sealed.read_bytes()
    for known in (PHONE, "ada@example.com", "SQLite format 3", "[store]"):
        assert known.encode() not in content
    with pytest.raises(WrongKey, match="can't be opened"):
        restored(settings, sealed, Openers(keys=(EVIL,), signers=(keyring(settings).own.public,)))
    assert left_over(settings) == []


def with_own_admin(settings: Settings, sealed: Path, key: BoxKey, recipient: str, claimed: str) -> Path:
    """The attacker's archive: a database with an admin token of theirs and a manifest that fits, encrypted to the box's recipient."""
    evil_db, archive = settings.folder / "evil.db", settings.folder / "evil.tar.gz"
    shutil.copyfile(settings.database, evil_db)
    with sqlite3.connect(evil_db) as db:
        db.execute("INSERT INTO token (name, digest, scopes, created_at) VALUES ('x', x'00', 'admin', 1)")
    db.close()
    pack(archive, evil_db, None, release="0.1.0", made_at=1_795_515_300_000, proof=prove(evil_db))
    planted = settings.folder / "kept" / sealed.name
    planted.unlink()
    header = Header(name=sealed.name, release="0.1.0", made_at=1_795_515_300_000, key=claimed, epoch="", seq=0, hash="")
    seal(archive, planted, key, (recipient,), header)
    return planted


@pytest.mark.parametrize("claim", ["their own key", "the box's key"])
async def test_a_planted_backup_with_an_admin_token_is_refused(settings: Settings, claim: str) -> None:
    """They encrypt for the box's public recipient and sign with a key of their own, under its name or the box's."""
    sealed = await backed_up(settings)
    own = keyring(settings).own
    claimed = EVIL.public if claim == "their own key" else own.public
    planted = with_own_admin(settings, sealed, EVIL, own.recipient, claimed)
    with pytest.raises(
        BackupError, match="made by another box" if claimed == EVIL.public else "signature does not fit"
    ):
        restored(settings, planted)
    assert left_over(settings) == []


async def test_a_box_s_header_on_another_s_content_is_refused(settings: Settings) -> None:
    """They keep the signed header and put their own content under it."""
    sealed = await backed_up(settings)
    header = sealed.read_bytes()[:BLOCK]
    planted = with_own_admin(settings, sealed, EVIL, keyring(settings).own.recipient, EVIL.public)
    planted.write_bytes(header + planted.read_bytes()[BLOCK:])
    with pytest.raises(BackupError, match=r"cut short|another checksum"):
        restored(settings, planted)


def flipped(at: int) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]

    return change


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "a bit of the header": flipped(len(MAGIC) + 40),
    "a bit of the padding": flipped(2000),
    "a bit of the signature": flipped(BLOCK - 40),
    "a bit of the age header": flipped(BLOCK + 30),
    "a bit of the content": flipped(BLOCK + 3000),
    "the end cut off": lambda content: content[:-1],
    "all but the header cut off": lambda content: content[:BLOCK],
    "half a header": lambda content: content[:2000],
    "something after the end": lambda content: content + b"x",
    "nothing": lambda content: b"",
    "the content twice": lambda content: content + content[BLOCK:],
}


@pytest.mark.parametrize("change", CHANGES)
async def test_an_altered_one_is_refused_before_anything_is_decrypted(settings: Settings, change: str) -> None:
    sealed = await backed_up(settings)
    sealed.write_bytes(CHANGES[change](sealed.read_bytes()))
    with pytest.raises(BackupError):
        restored(settings, sealed)
    assert left_over(settings) == []


async def test_an_unsigned_archive_is_refused_whatever_its_manifest_says(settings: Settings) -> None:
    """A .tar.gz as earlier releases made them: its manifest was recomputed to fit the attacker's admin token."""
    sealed = await backed_up(settings)
    with_own_admin(settings, sealed, EVIL, EVIL.recipient, EVIL.public)
    planted = settings.folder / "kept" / "tether-20300101T000000Z.tar.gz"
    shutil.copyfile(settings.folder / "evil.tar.gz", planted)
    with pytest.raises(BackupError, match="--accept unsigned"):
        restored(settings, planted)
    assert restored(settings, planted, unsigned=True) is None


async def test_an_older_backup_in_a_newer_one_s_place_is_refused(settings: Settings) -> None:
    """They want yesterday's opt-outs and tokens back: an old backup is signed as well as a new one, so they rename it."""
    clock = FakeClock()
    old = await backed_up(settings, clock)
    await clock.advance(86_400)
    async with keeping(settings, clock) as store:
        new = settings.folder / "kept" / (await back_up(settings, store, clock)).name
    shutil.copyfile(old, new)
    with pytest.raises(BackupError, match="under another name"):
        restored(settings, new)
    renamed = restored(settings, new, is_kept=False)
    assert renamed is not None  # a file that a person names may have any name: they are told when it was made
    assert renamed.name == old.name


async def test_a_signature_of_another_kind_is_no_backup_s(settings: Settings) -> None:
    """The box signs its record's head each day: none of these signatures may stand under a backup."""
    sealed = await backed_up(settings)
    line, _, _ = sealed.read_bytes()[len(MAGIC) : BLOCK].partition(b"\n")
    signature = keyring(settings).own.sign(b"tether head 1", line)
    sealed.write_bytes(MAGIC + line + b"\n" + signature.encode() + b"\n" + sealed.read_bytes()[BLOCK:])
    with pytest.raises(BackupError, match="signature does not fit"):
        restored(settings, sealed)


async def test_a_recipient_opens_it_and_whoever_signs_is_named(settings: Settings) -> None:
    """The accountant has an age key and no words: they can open it, and name the box whose backups they believe."""
    accountant = pyrage.x25519.Identity.generate()
    more = msgspec.structs.replace(settings, backup=Backup(to="kept", recipients=(str(accountant.to_public()),)))
    sealed = await backed_up(more)
    plain = settings.folder / "plain.tar.gz"
    with pytest.raises(WrongKey, match=r"\[backup\] signers"):
        unseal(sealed, sealed.name, plain, Openers(identities=(accountant,)).trusts, [accountant])
    believed = Openers(signers=(keyring(settings).own.public,), identities=(accountant,))
    assert restored(settings, sealed, believed) is not None


async def test_a_recipient_that_is_none_is_told(settings: Settings) -> None:
    wrong = msgspec.structs.replace(settings, backup=Backup(to="kept", recipients=("age1nonsense",)))
    with pytest.raises(BackupError, match="recipients"):
        await backed_up(wrong)


async def test_it_is_an_age_file_after_its_first_block(settings: Settings) -> None:
    """An owner without Tether opens it with `tail -c +4097 | age -d`."""
    sealed = await backed_up(settings)
    body = sealed.read_bytes()[BLOCK:]
    assert body.startswith(b"age-encryption.org/v1\n-> X25519 ")
    plain = pyrage.decrypt(body, [keyring(settings).own.identity])
    assert plain.startswith(b"\x1f\x8b")
    header = msgspec.json.decode(sealed.read_bytes()[len(MAGIC) : BLOCK].partition(b"\n")[0], type=Header)
    assert header.sha256 == hashlib.sha256(body).hexdigest()


def test_the_key_is_in_no_repr() -> None:
    assert EVIL.words.split()[3] not in repr(EVIL)
    assert msgspec.structs.fields(Manifest)  # what a manifest names holds no key
