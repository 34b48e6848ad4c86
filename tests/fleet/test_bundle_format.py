"""What a store takes for a bundle, and whose. Who has NATS's servers or another store's seed may send it anything at all."""

import base64
import io
import stat
import zipfile
from collections.abc import Callable

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from daemon.fleet.bundle import (
    LARGEST,
    LARGEST_FILE,
    MOST_FILES,
    BadBundle,
    Manifest,
    Parcel,
    digest_of,
    encode,
    least_release,
    pack,
    read,
    sign,
    unpack,
)

KEY = Ed25519PrivateKey.from_private_bytes(b"p" * 32)
PUBLISHER = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()
FILES = {"templates/en/order.ready.sms.j2": b"{{ order.ref }} is ready.\n", "routes.toml": b""}


def parcel(
    group: str = "all", version: int = 1, *, files: dict[str, bytes] = FILES, key: Ed25519PrivateKey = KEY
) -> Parcel:
    raw = pack(files)
    return sign(Manifest(group=group, version=version, at=1, digest=digest_of(raw)), raw, key)


def zipped(*entries: tuple[zipfile.ZipInfo | str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", how) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return made.getvalue()


def test_what_was_published_is_what_is_read() -> None:
    manifest, raw = read(encode(parcel("london", 7)), PUBLISHER)
    assert (manifest.name, unpack(raw)) == ("london/7", FILES)


def test_the_same_files_come_to_the_same_bytes() -> None:
    assert pack(FILES) == pack(dict(reversed(FILES.items())))


@pytest.mark.parametrize(
    ("tamper", "why"),
    [
        (lambda p: sign(Manifest(group="all", version=9, at=1, digest=digest_of(p.zip)), p.zip, Ed25519PrivateKey.generate()), "not signed"),
        (lambda p: msgspec.structs.replace(p, manifest=p.manifest.replace('"version":1', '"version":2')), "not signed"),
        (lambda p: msgspec.structs.replace(p, zip=pack({"routes.toml": b"# mine"})), "another than was signed"),
        (lambda p: msgspec.structs.replace(p, signature=KEY.sign(p.manifest.encode())), "not signed"),
        (lambda p: sign(Manifest(group="a b", version=1, at=1, digest=digest_of(p.zip)), p.zip, KEY), "names no group"),
        (lambda p: sign(Manifest(group="all", version=0, at=1, digest=digest_of(p.zip)), p.zip, KEY), "no version"),
    ],
    ids=["another's key", "another version", "another zip", "signed as something else", "no group", "no version"],
)  # fmt: skip
def test_only_the_publishers_own_word_counts(tamper: Callable[[Parcel], Parcel], why: str) -> None:
    """An adversary has NATS's servers, and wants texts of their own in every store."""
    with pytest.raises(BadBundle, match=why):
        read(encode(tamper(parcel())), PUBLISHER)


@pytest.mark.parametrize("publisher", ["", "bm9uZQ==", "?"])
def test_without_a_publisher_nothing_is_believed(publisher: str) -> None:
    """Absence is never permission."""
    with pytest.raises(BadBundle, match="publisher"):
        read(encode(parcel()), publisher)


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"\xff\x00", b'{"manifest":"","signature":"","zip":"?"}'])
def test_what_is_no_bundle_is_none(body: bytes) -> None:
    with pytest.raises(BadBundle):
        read(body, PUBLISHER)


@pytest.mark.parametrize(
    "name",
    [
        "../tether.toml",
        "templates/../../.env",
        "/etc/cron.d/x",
        "templates/en/../../x.j2",
        "templates\\en\\x.j2",
        "templates/en/x.sms.j2/../../../y",
        "templates/en/sub/x.j2",
        "templates/en/.hidden.j2",
        "templates/en/x.py",
        "templates/e/x.j2",
        "routes.toml/",
        "manifest.json",
        "tether.toml",
        "",
    ],
)
def test_a_file_lies_where_a_bundle_has_files_and_nowhere_else(name: str) -> None:
    """Somebody who may publish wants to write outside of the bundle's own folder."""
    with pytest.raises(BadBundle):
        unpack(zipped((zipfile.ZipInfo(name), b"x")))


def test_a_link_is_no_file() -> None:
    """It would show whatever of the box it points to in a text, or let the next file be written there."""
    link = zipfile.ZipInfo("templates/en/order.ready.sms.j2")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(BadBundle, match="no plain file"):
        unpack(zipped((link, b"/etc/tether/.env")))


def test_what_unpacks_to_more_than_it_may_is_not_unpacked() -> None:
    """A zip bomb: a few bytes that fill the box's memory or card."""
    bomb = zipped(("templates/en/order.ready.sms.j2", b"\0" * 20 * 2**20))
    assert len(bomb) < LARGEST
    with pytest.raises(BadBundle, match="more than a bundle may have"):
        unpack(bomb)
    many = zipped(*((f"templates/en/order.n{n}.sms.j2", b"\0" * LARGEST_FILE) for n in range(100)))
    assert len(many) < LARGEST
    with pytest.raises(BadBundle, match="more than a bundle may have"):
        unpack(many)


def test_a_zip_that_lies_about_its_sizes_is_bounded_all_the_same() -> None:
    raw = bytearray(zipped(("routes.toml", b"\0" * 2**20)))
    at = raw.rindex(b"PK\x01\x02")
    raw[at + 24 : at + 28] = (10).to_bytes(4, "little")
    with pytest.raises(BadBundle):
        unpack(bytes(raw))


def test_more_or_larger_files_than_a_bundle_may_have() -> None:
    with pytest.raises(BadBundle, match=f"may have {MOST_FILES}"):
        unpack(zipped(*((f"templates/en/t{n}.sms.j2", b"") for n in range(MOST_FILES + 1)), how=zipfile.ZIP_STORED))
    with pytest.raises(BadBundle, match=f"may have {LARGEST}"):
        unpack(bytes(LARGEST + 1))
    with pytest.raises(BadBundle, match="may have"):
        pack({"routes.toml": b"#" * (LARGEST_FILE + 1)})


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_is_in_it_twice() -> None:
    """What was checked and what is used must not be two."""
    with pytest.raises(BadBundle, match="twice"):
        unpack(zipped(("routes.toml", b"a"), ("routes.toml", b"b")))


@pytest.mark.parametrize("how", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_ways_of_packing_that_are_not_taken(how: int) -> None:
    with pytest.raises(BadBundle, match="way that is not taken"):
        unpack(zipped(("routes.toml", b"#" * 100), how=how))


def test_damaged_zips_are_told_so() -> None:
    whole = zipped(*FILES.items())
    for cut in range(0, len(whole), 7):
        with pytest.raises(BadBundle):
            unpack(whole[:cut])
    for at in range(0, len(whole), 5):
        flipped = bytearray(whole)
        flipped[at] ^= 0xFF
        try:
            found = unpack(bytes(flipped))
        except BadBundle:
            continue
        assert found.items() <= FILES.items(), "the signature covers the rest"


@pytest.mark.parametrize(
    ("needed", "have", "enough"),
    [
        ("", "0.1.0", True),
        ("0.1", "0.1.0", True),
        ("0.2", "0.1.9", False),
        ("0.10.0", "0.9.9", False),
        ("1.0.0", "1.0.0rc1", True),
        ("nonsense", "9.9", False),
    ],
)
def test_the_least_release(needed: str, have: str, enough: bool) -> None:
    assert least_release(needed, have) is enough
