"""A sealed backup: who made it, and when, in the clear and signed; then the archive, encrypted (https://age-encryption.org/v1).

    4096 bytes      `tether backup 2`, the header (JSON, padded with spaces), its Ed25519 signature (base64), a line each
    all the rest    the archive, for age: `tail -c +4097 FILE | age -d -i IDENTITY | tar xz` opens it without Tether

The header carries the SHA-256 of what is encrypted, so that the signature covers every byte: nothing is decrypted, unpacked or parsed
before it is known to come from a key that is trusted here. Encryption alone proves nothing of that: its recipient is public.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import msgspec
import pyrage

from daemon.keys.box_key import BoxKey
from daemon.upkeep.errors import BackupError, WrongKey
from daemon.upkeep.seal_header import BLOCK, Header, Trusted, header_block, read_header

CHUNK = 2**20


def seal(archive: Path, target: Path, key: BoxKey, recipients: Sequence[str], header: Header) -> Header:
    """Encrypt `archive` for the key's own words and for `recipients`, prove that it opens again, and sign. Raises BackupError."""
    # A reader for that proof alone: its key is never written anywhere.
    witness = pyrage.x25519.Identity.generate()
    with target.open("x+b") as file:
        file.seek(BLOCK)
        sealed = _Hashing(file)
        readers = [*_recipients(key, recipients), witness.to_public()]
        try:
            with archive.open("rb") as plain:
                pyrage.encrypt_io(plain, sealed, readers)
        except pyrage.EncryptError as error:  # what the system said of the file stands in its words only
            raise BackupError(f"{target} can't be written: {error}") from error
        file.flush()
        file.seek(BLOCK)
        _prove_opens(file, archive, witness)
        header = msgspec.structs.replace(header, bytes=sealed.count, sha256=sealed.sha.hexdigest())
        file.seek(0)
        file.write(header_block(header, key))
    return header


def check(sealed: Path, name: str, trusted: Trusted) -> Header:
    """Its signature, and every byte of it, without opening it. Raises BackupError."""
    try:
        with sealed.open("rb") as file:
            return _checked(file, name, trusted)
    except OSError as error:
        raise BackupError(f"{name} can't be read: {error.strerror or error}") from error


def unseal(
    sealed: Path, name: str, target: Path, trusted: Trusted, identities: Sequence[Any], *, is_kept: bool = False
) -> Header:
    """Check the whole file, then decrypt it to `target`. `is_kept`: there it must stand under its own name. Raises BackupError; then
    nothing is there."""
    try:
        with sealed.open("rb") as file:
            header = _checked(file, name, trusted)
            if is_kept and header.name != name:
                raise BackupError(
                    f"{name} is {header.name} under another name: somebody put an older backup in a newer one's place. Who has the stick?"
                )
            file.seek(BLOCK)
            with target.open("xb") as plain:
                pyrage.decrypt_io(file, plain, list(identities))
    except pyrage.DecryptError as error:
        target.unlink(missing_ok=True)
        raise WrongKey(
            f"{name} can't be opened with the keys of this machine ({error}): give the twelve words of the box that made it (--words), "
            "or the identity of one of its [backup] recipients (--identity)"
        ) from error
    except OSError as error:
        raise BackupError(f"{name} can't be read: {error.strerror or error}") from error
    return header


def _checked(file: IO[bytes], name: str, trusted: Trusted) -> Header:
    header = read_header(file, name, trusted)
    found = _Hashing(None)
    while chunk := file.read(CHUNK):
        found.write(chunk)
    if found.count != header.bytes:
        raise BackupError(f"{name} was cut short, or something was added to it. Try another one")
    if found.sha.hexdigest() != header.sha256:
        raise BackupError(f"{name} was changed after it was made: its content has another checksum. Try another one")
    return header


def _recipients(key: BoxKey, more: Sequence[str]) -> list[Any]:
    try:
        return [pyrage.x25519.Recipient.from_str(text) for text in (key.recipient, *more)]
    except pyrage.RecipientError as error:
        raise BackupError(f'backup.recipients: one is no recipient of age ("age1..."): {error}') from error


def _prove_opens(file: IO[bytes], archive: Path, witness: Any) -> None:
    """What can't be opened is no backup: decrypt it once, into a checksum."""
    found = _Hashing(None)
    try:
        pyrage.decrypt_io(file, found, [witness])
    except pyrage.DecryptError as error:
        raise BackupError(f"what was written can't be opened again ({error}): is the stick full, or dying?") from error
    with archive.open("rb") as plain:
        if hashlib.file_digest(plain, "sha256").digest() != found.sha.digest():
            raise BackupError("what was encrypted does not open to the same again: is this machine's memory sound?")


class _Hashing:
    """A writer that counts and hashes what goes through it, and hands it on to `file`."""

    def __init__(self, file: IO[bytes] | None) -> None:
        self._file = file
        self.sha = hashlib.sha256()
        self.count = 0

    def write(self, content: bytes) -> int:
        self.sha.update(content)
        self.count += len(content)
        if self._file is not None:
            self._file.write(content)
        return len(content)

    def flush(self) -> None:
        if self._file is not None:
            self._file.flush()
