"""`make release-key` and `make release`: run from the tree, by whoever makes releases."""

import argparse
import hashlib
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from daemon.packaging.minisign import (
    SUFFIX,
    SecretKey,
    SignatureError,
    public_text,
    read_public,
    read_secret,
    sign,
    write_secret,
)
from daemon.packaging.sbom import bill

SUMS = "SHA256SUMS"
PUBLIC = Path(__file__).with_name("release.pub")


def make_key(secret: Path, public: Path) -> str:
    """A new pair; the public half goes into the tree."""
    key = SecretKey.new()
    write_secret(secret, key)
    public.write_text(public_text(key.public), encoding="ascii")
    return f"{secret} signs releases from now on: keep it off the network. {public} is its public half: commit it"


def make_release(folder: Path, lock: Path, release: str, secret: Path, public: Path, made_at: int) -> str:
    """Beside the wheel and the packages: what is in them, their checksums, and signatures of the wheels and the checksums. Without the
    tree's own key it is a build of somebody's own, signed with theirs: boxes take it if they are given the public half."""
    if not secret.exists():
        write_secret(secret, SecretKey.new())
    key = read_secret(secret)
    wheels = sorted(folder.glob(f"tether_box-{release}-*.whl"))
    files = [*wheels, *sorted(folder.glob(f"tether_{release}_*.deb"))]
    if not wheels:
        raise SignatureError(f"{folder} has no wheel of {release}: `make wheel` first")
    list_ = folder / f"tether-{release}.cdx.json"
    content = bill(lock.read_text(encoding="utf-8"), files, release=release, made_at=_iso(made_at))
    list_.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
    sums = folder / SUMS
    sums.write_text("".join(f"{_sha256(path)}  {path.name}\n" for path in (*files, list_)), encoding="ascii")
    for path in (*wheels, sums):
        comment = f"file:{path.name} release:{release} at:{_iso(made_at)}"
        path.with_name(path.name + SUFFIX).write_text(sign(path, key, comment), encoding="ascii")
    made = [path.name for path in sorted(folder.iterdir()) if release in path.name or path.name.startswith(SUMS)]
    if read_public(public.read_text(encoding="ascii")) == key.public:
        return "\n".join(made)
    own = folder / "release.pub"
    own.write_text(public_text(key.public), encoding="ascii")
    return "\n".join(
        [*made, f"signed with a key of this machine's own ({secret}): `tether upgrade --key {own.name}` takes it"]
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _iso(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m daemon.packaging")
    verbs = parser.add_subparsers(dest="verb", required=True)
    key, release = verbs.add_parser("key"), verbs.add_parser("release")
    for verb in (key, release):
        verb.add_argument("--secret", type=Path, required=True)
        verb.add_argument("--public", type=Path, default=PUBLIC)
    release.add_argument("--dist", type=Path, default=Path("dist"))
    release.add_argument("--lock", type=Path, default=Path("requirements.lock"))
    release.add_argument("--release", required=True)
    release.add_argument("--made-at", type=int, required=True)
    given = parser.parse_args(arguments)
    try:
        if given.verb == "key":
            said = make_key(given.secret, given.public)
        else:
            said = make_release(given.dist, given.lock, given.release, given.secret, given.public, given.made_at)
    except (SignatureError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{said}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
