"""The head of a sealed backup's file: who made it, and when, in the clear and signed. What follows it is `daemon.upkeep.seal`'s."""

from collections.abc import Callable
from pathlib import Path
from typing import IO

import msgspec

from daemon.keys.box_key import BoxKey, is_signed
from daemon.upkeep.errors import BackupError, WrongKey

MAGIC = b"tether backup 2\n"
DOMAIN = b"tether backup 2"
BLOCK = 4096
SIGNATURE = 88
"""Characters of 64 bytes in base64."""

Trusted = Callable[[str], bool]
"""Whether backups signed by that public key may be restored here."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a sealed backup says of itself."""

    name: str
    """The file's own name when it was made: one that stands in a store under another was put there by somebody."""
    release: str
    made_at: int
    key: str
    """Whose signature it is: `BoxKey.public`."""
    epoch: str
    seq: int
    hash: str
    """The record's newest entry in it."""
    bytes: int = 0
    sha256: str = ""
    """Of what is encrypted."""


def read_header(file: IO[bytes], name: str, trusted: Trusted) -> Header:
    """The header, once its signature is known to be that of a trusted key. Raises BackupError."""
    block = file.read(BLOCK)
    if not block.startswith(MAGIC):
        raise BackupError(f"{name} can't be read as a backup: it is no sealed backup of Tether. Try another one")
    line, newline, signature = block[len(MAGIC) :].partition(b"\n")
    try:
        header = msgspec.json.decode(line, type=Header)
    except msgspec.DecodeError as error:
        raise BackupError(
            f"{name} was changed, or made by a newer Tether: its header can't be read ({error})"
        ) from error
    if not newline or not is_signed(header.key, DOMAIN, line, signature.removesuffix(b"\n").decode("ascii", "replace")):
        raise BackupError(f"{name} was changed after it was made: its signature does not fit. Try another one")
    if not trusted(header.key):
        raise WrongKey(
            f"{name} was made by another box, {header.key}, whose key is not known here. If that box is yours, give its twelve words "
            "(--words), or name its key in [backup] signers"
        )
    return header


def header_block(header: Header, key: BoxKey) -> bytes:
    body = msgspec.json.encode(header)
    room = BLOCK - len(MAGIC) - SIGNATURE - 2
    if len(body) > room:
        raise BackupError(f"the backup's header has {len(body)} bytes and may have {room}")
    line = body.ljust(room)
    return MAGIC + line + b"\n" + key.sign(DOMAIN, line).encode() + b"\n"


def is_sealed(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(len(MAGIC)) == MAGIC
