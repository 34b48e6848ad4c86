"""What headquarters publishes, as it travels: texts, routes and settings in a zip, with a word by the publisher's key on what it is. The line
it comes by is believed in nothing: who has NATS's servers, or a store's seed, can publish nothing that a store would take. Pure.
"""

import base64
import hashlib
import io
import lzma
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from daemon.fleet.wire import NAME

LARGEST = 512 * 1024
"""Of the zip."""
LARGEST_FILE = 64 * 1024
LARGEST_UNPACKED = 4 * 2**20
MOST_FILES = 500
ROUTES, SETTINGS = "routes.toml", "settings.toml"
ALL, CANARY = "all", "canary"

_LOCALE = r"(?:_macros|[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3})"
_FILE = re.compile(
    rf"templates/{_LOCALE}/[A-Za-z0-9_][A-Za-z0-9_.-]{{0,120}}\.j2|{re.escape(ROUTES)}|{re.escape(SETTINGS)}"
)
_ABOUT = b"tether bundle\n"
_STILL = (1980, 1, 1, 0, 0, 0)


class BadBundle(ValueError):
    """It is not what it should be, or not from whom it should be: says why it is not taken."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the publisher signs. `version` grows with each publishing of the fleet; a store takes none of a group below the newest that it
    has seen of it, so that nothing old can be passed off as new."""

    group: str
    version: int
    at: int
    """ms, by HQ's clock."""
    by: str = ""
    release: str = ""
    """The least that a store must have; empty: any."""
    digest: str = ""
    """SHA-256 of the zip, in hex."""
    withdrawn: bool = False
    """The group has no bundle of its own any more: the next wider one counts again."""
    note: str = ""

    @property
    def name(self) -> str:
        """As health and people call it."""
        return f"{self.group}/{self.version}"


class Parcel(msgspec.Struct, frozen=True):
    """The body of `bundle.GROUP`. `manifest` is kept as the text that was signed."""

    manifest: str
    signature: bytes
    zip: bytes = b""


_parcel = msgspec.json.Decoder(Parcel)
_manifest = msgspec.json.Decoder(Manifest)


def pack(files: Mapping[str, bytes]) -> bytes:
    """The same files come to the same bytes. Raises BadBundle."""
    _check_names(files)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            if len(files[name]) > LARGEST_FILE:
                raise BadBundle(f"{name} has {len(files[name])} bytes; a file may have {LARGEST_FILE}")
            info = zipfile.ZipInfo(name, _STILL)
            info.external_attr = 0o644 << 16
            archive.writestr(info, files[name], zipfile.ZIP_DEFLATED, 9)
    raw = made.getvalue()
    if len(raw) > LARGEST:
        raise BadBundle(f"it comes to {len(raw)} bytes; a bundle may have {LARGEST}")
    return raw


def _check_names(names: Mapping[str, bytes]) -> None:
    if len(names) > MOST_FILES:
        raise BadBundle(f"it has {len(names)} files; a bundle may have {MOST_FILES}")
    for name in names:
        if not is_file_of_bundle(name):
            raise BadBundle(
                f"{name[:200]!r} has no place in a bundle: there are templates/<locale>/<name>.j2, {ROUTES} and {SETTINGS}"
            )


def is_file_of_bundle(name: str) -> bool:
    return _FILE.fullmatch(name) is not None


def unpack(raw: bytes) -> dict[str, bytes]:
    """Its files by name, each bounded as it is unpacked, whatever the zip says of itself. Raises BadBundle."""
    if len(raw) > LARGEST:
        raise BadBundle(f"it has {len(raw)} bytes; a bundle may have {LARGEST}")
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            return _files(archive)
    except (
        zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, RuntimeError, ValueError,
        OverflowError,
    ) as error:  # fmt: skip
        if isinstance(error, BadBundle):
            raise
        raise BadBundle(f"its zip can't be read: {error}") from error


def _files(archive: zipfile.ZipFile) -> dict[str, bytes]:
    infos = archive.infolist()
    names = {info.filename: b"" for info in infos}
    if len(names) != len(infos):
        raise BadBundle("a file is in it twice")
    _check_names(names)
    left, found = LARGEST_UNPACKED, {}
    for info in infos:
        mode = info.external_attr >> 16
        if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise BadBundle(f"{info.filename} is no plain file")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
            raise BadBundle(f"{info.filename} is packed in a way that is not taken")
        with archive.open(info) as file:
            content = file.read(min(LARGEST_FILE, left) + 1)
        if len(content) > LARGEST_FILE or len(content) > left:
            raise BadBundle(f"{info.filename} unpacks to more than a bundle may have")
        left -= len(content)
        found[info.filename] = content
    return found


# ---------------------------------------------------------------- whose word it is


def sign(manifest: Manifest, raw: bytes, key: Ed25519PrivateKey) -> Parcel:
    text = msgspec.json.encode(manifest)
    return Parcel(text.decode(), key.sign(_ABOUT + text), raw)


def digest_of(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def encode(parcel: Parcel) -> bytes:
    return msgspec.json.encode(parcel)


def publisher_key(text: str) -> Ed25519PublicKey:
    """Raises BadBundle."""
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except ValueError as error:
        raise BadBundle(
            "[fleet] publisher is no public key, so nothing that is published can be believed: join the fleet again"
        ) from error


def is_by_publisher(about: bytes, text: bytes, signature: bytes, publisher: str) -> bool:
    """`about` is bound to it: what was signed as one thing does not pass as another."""
    try:
        publisher_key(publisher).verify(signature, about + text)
    except InvalidSignature:
        return False
    return True


def read(body: bytes, publisher: str) -> tuple[Manifest, bytes]:
    """What was published, and its zip: signed by the publisher, and whole. Raises BadBundle."""
    if not publisher:
        raise BadBundle(
            "[fleet] publisher is not set, so nothing that is published can be believed: join the fleet again"
        )
    try:
        parcel = _parcel.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadBundle("it is no bundle at all") from error
    if not is_by_publisher(_ABOUT, parcel.manifest.encode(), parcel.signature, publisher):
        raise BadBundle("it is not signed by the fleet's publisher")
    try:
        manifest = _manifest.decode(parcel.manifest)
    except msgspec.MsgspecError as error:
        raise BadBundle(f"this release can't read what it is: {error}") from error
    if not NAME.fullmatch(manifest.group) or manifest.version < 1:
        raise BadBundle("it names no group, or no version")
    if not manifest.withdrawn and digest_of(parcel.zip) != manifest.digest:
        raise BadBundle("its content is another than was signed")
    return manifest, parcel.zip


def version_claimed(body: bytes) -> int:
    """What it says of itself, proved by nothing; 0: it can't be read."""
    try:
        return _manifest.decode(_parcel.decode(body).manifest).version
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return 0


def least_release(needed: str, have: str) -> bool:
    """Whether a release is new enough. What can't be read as numbers is not."""
    return not needed or _numbers(have) >= _numbers(needed, unknown=2**31)


def _numbers(text: str, unknown: int = 0) -> tuple[int, ...]:
    found = re.match(r"\d{1,9}(?:\.\d{1,9}){0,5}", text)
    numbers = [int(part) for part in found[0].split(".")] if found else [unknown]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
