"""What joining leaves in a store's folder: its keys of `[fleet]`, two secrets in `.env`, the fleet's certificate and HQ's claim. All of it is
written whole or not at all, and taken out again by leaving. What the owner said under `[fleet]` is the owner's."""

import hashlib
import os
import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import tomli_w

from daemon.fleet.join import Joined
from daemon.fleet.join_code import Code
from daemon.fleet.nkey import BadKey, KeyPair

NEXT = "FLEET_SEED_NEXT"
SECRETS = ("FLEET_SEED", "FLEET_CONSENT_KEY", NEXT)
CA, CLAIM = "hq-ca.pem", "fleet.jwt"
_JOINED = frozenset({"store", "servers", "ca", "claim", "publisher"})
"""The keys of `[fleet]` that a join decides; all others are the owner's."""
_TABLE = re.compile(r"^\[fleet\][^\n]*\n(?:(?!(?:\s*#.*\n)*\s*(?:^\[|\Z)).*\n?)*", re.MULTILINE)
"""Up to the comments that stand above the next table."""


def next_key(folder: Path, secrets: Mapping[str, str], code: Code) -> KeyPair:
    """Kept before that code is traded, beside the one in use: should the answer be lost, the same key asks for it again. With another code comes
    another key, since headquarters may have revoked this one meanwhile."""
    used_with = hashlib.sha256(code.secret.encode()).hexdigest()
    seed, _, kept_for = secrets.get(NEXT, "").partition(" ")
    if kept_for == used_with:
        with suppress(BadKey):  # damaged in the file: headquarters says whether the code is still good
            return KeyPair.from_seed(seed, "user")
    key = KeyPair.make("user")
    _set_secrets(folder / ".env", {NEXT: f"{key.seed} {used_with}"})
    return key


def keep(config: Path, joined: Joined, keys: str) -> None:
    folder, welcome = config.parent, joined.welcome
    _write(folder / CA, welcome.ca, 0o644)
    _write(folder / CLAIM, welcome.claim + "\n", 0o644)
    _set_secrets(folder / ".env", {"FLEET_SEED": joined.key.seed, "FLEET_CONSENT_KEY": keys, NEXT: ""})
    fleet = {"store": welcome.store, "servers": list(welcome.servers), "ca": CA}
    if welcome.publisher:
        fleet["publisher"] = welcome.publisher
    _set_fleet(config, fleet)


def forget(config: Path) -> None:
    folder = config.parent
    _set_fleet(config, {})
    _set_secrets(folder / ".env", dict.fromkeys(SECRETS, ""))
    for name in (CA, CLAIM):
        (folder / name).unlink(missing_ok=True)


def _set_fleet(path: Path, joined: Mapping[str, object]) -> None:
    """In place of what an earlier join said."""
    text = path.read_text(encoding="utf-8-sig") if path.exists() else ""
    owners = {key: value for key, value in tomllib.loads(text).get("fleet", {}).items() if key not in _JOINED}
    rest = _TABLE.sub("", text).rstrip("\n")
    table = tomli_w.dumps({"fleet": {**joined, **owners}}) if joined or owners else ""
    _write(path, "\n\n".join(filter(None, (rest, table.rstrip("\n")))) + "\n", 0o644)


def _set_secrets(path: Path, values: Mapping[str, str]) -> None:
    """Lines of these names are replaced; an empty value takes one out."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    kept = [line for line in lines if line.partition("=")[0].strip() not in values]
    kept += [f'{name}="{value}"' for name, value in values.items() if value]
    _write(path, "\n".join(kept) + "\n", 0o600)


def _write(path: Path, text: str, mode: int) -> None:
    """In one rename, with the owner and mode of what was there."""
    new = path.with_name(f".{path.name}.new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if path.exists():
        was = path.stat()
        new.chmod(was.st_mode & 0o777)
        if os.geteuid() == 0:
            os.chown(new, was.st_uid, was.st_gid)
    else:
        new.chmod(mode)
        if os.geteuid() == 0:
            above = path.parent.stat()
            os.chown(new, above.st_uid, above.st_gid)
    new.replace(path)
