"""`tether hq init`: everything a headquarters needs to begin, written once: its configuration and secrets, the fleet's certificate authority,
and for each of NATS's servers its configuration, certificate and key, ready to be carried there."""

import base64
import grp
import os
import secrets
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from daemon.appliance.packaged import EXECUTABLE, unit_folder
from daemon.fleet.nkey import KeyPair
from daemon.hq.authority import Pair, make_authority, vouch
from daemon.hq.claims import archive_claim, archive_key, fleet_claim, operator_claim, system_claim
from daemon.hq.config import ACCOUNT, CONSENT, OPERATOR, SYSTEM
from daemon.hq.servers import MEMORY, STORAGE, Server, Trust, server_config

CLIENT_PORT, ROUTE_PORT = 443, 6222
SERVER_FOLDER = "/etc/tether-nats"
SERVER_DATA = "/var/lib/tether-nats"
HQ_FOLDER = "/etc/tether-hq"
USER = "tether-hq"
PACKAGED = Path("/usr/bin/tether")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the owner says."""

    name: str
    servers: tuple[Server, ...]
    public_url: str
    listen: str
    dsn: str
    server_folder: str = SERVER_FOLDER
    server_data: str = SERVER_DATA


class SetUpRefused(Exception):
    """Says why nothing was written."""


class Keys(msgspec.Struct, frozen=True):
    operator: KeyPair
    account: KeyPair
    system: KeyPair


def refuse_to_replace(folder: Path) -> None:
    """Raises SetUpRefused."""
    if (folder / "hq.toml").exists() or (folder / ".env").exists():
        raise SetUpRefused(
            f"{folder} has a headquarters already; its secrets are what every store trusts, so nothing was written"
        )


def set_up(folder: Path, wanted: Wanted, now: datetime) -> Sequence[Path]:
    """What was written. Raises SetUpRefused rather than replace the secrets on which a running fleet stands."""
    refuse_to_replace(folder)
    folder.mkdir(parents=True, exist_ok=True)
    authority = make_authority(wanted.name, now)
    keys = Keys(KeyPair.make("operator"), KeyPair.make("account"), KeyPair.make("account"))
    written = [
        _write(folder / "ca.pem", authority.certificate, 0o644),
        _write(folder / "ca.key", authority.key, 0o600),
        _write(folder / "publish.key", _publish_key(), 0o600),
        *_web(folder, authority, wanted, now),
    ]
    for server in wanted.servers:
        written += _server(folder / "nats" / server.name, server, wanted, authority, keys, now)
    written.append(_write(folder / "nats" / "tether-nats.service", _unit("tether-nats"), 0o644))
    unit = _unit("tether-hq").replace(HQ_FOLDER.encode(), str(folder.resolve()).encode())
    written.append(_write(folder / "tether-hq.service", unit, 0o644))
    written.append(_write(folder / ".env", _secrets(keys).encode(), 0o600))
    written.append(_write(folder / "hq.toml", _config(wanted).encode(), 0o644))
    hand_over(folder)
    return written


def _unit(name: str) -> bytes:
    """As it ships, with the program where it is installed here."""
    text = (unit_folder() / f"{name}.service").read_text(encoding="utf-8")
    return text.replace(EXECUTABLE, str(PACKAGED) if PACKAGED.exists() else EXECUTABLE).encode()


def hand_over(folder: Path) -> None:
    """The service may read what it needs and change nothing; the authority's key and `.env` stay root's (systemd hands `.env` over)."""
    try:
        group = grp.getgrnam(USER).gr_gid
    except KeyError:
        return
    if os.geteuid() != 0:
        return
    os.chown(folder, 0, group)
    folder.chmod(0o750)
    for name in ("publish.key", "web.key", "hq.toml"):
        os.chown(folder / name, 0, group)
        (folder / name).chmod(0o640)


def trust_of(keys: Keys, at: int) -> Trust:
    archive = archive_key(keys.account)
    return Trust(
        operator_claim(keys.operator, keys.system.public, at=at),
        keys.system.public,
        {
            keys.system.public: system_claim(keys.operator, keys.system.public, at=at),
            archive.public: archive_claim(keys.operator, archive.public, at=at, storage=STORAGE, memory=MEMORY),
            keys.account.public: fleet_claim(keys.operator, keys.account.public, archive.public, at=at, revoked={}),
        },
    )


def _server(folder: Path, server: Server, wanted: Wanted, authority: Pair, keys: Keys, now: datetime) -> Sequence[Path]:
    pair = vouch(authority, [server.host], now)
    others = [other for other in wanted.servers if other is not server]
    place = wanted.server_folder.replace("NAME", server.name)
    data = wanted.server_data.replace("NAME", server.name)
    text = server_config(server, others, trust_of(keys, int(now.timestamp())), data=data, folder=place)
    return [
        _write(folder / "server.conf", text.encode(), 0o644),
        _write(folder / "ca.pem", authority.certificate, 0o644),
        _write(folder / f"{server.name}.pem", pair.certificate, 0o644),
        _write(folder / f"{server.name}.key", pair.key, 0o600),
    ]


def _web(folder: Path, authority: Pair, wanted: Wanted, now: datetime) -> Sequence[Path]:
    host = wanted.public_url.removeprefix("https://").partition("/")[0].rpartition(":")[0] or wanted.public_url[8:]
    pair = vouch(authority, [host.strip("[]/") or "localhost"], now)
    return [_write(folder / "web.pem", pair.certificate, 0o644), _write(folder / "web.key", pair.key, 0o600)]


def _publish_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def new_consent_key(kid: str) -> str:
    return f"{kid}:{base64.b64encode(secrets.token_bytes(32)).decode()}"


def _secrets(keys: Keys) -> str:
    return f"""# The fleet's secrets. Keep a copy where this machine's disk is not: without them no store can be added or revoked.
{OPERATOR}={keys.operator.seed}
{ACCOUNT}={keys.account.seed}
{SYSTEM}={keys.system.seed}
{CONSENT}="{new_consent_key("k1")}"
"""


def _config(wanted: Wanted) -> str:
    servers = ", ".join(f'"tls://{server.host}:{server.client}"' for server in wanted.servers)
    single = "\nsingle = true" if len(wanted.servers) < 3 else ""
    return f"""# Headquarters: docs/fleet.md. Secrets are in .env beside this file.
[hq]
name = {_text(wanted.name)}
listen = {_text(wanted.listen)}
public_url = {_text(wanted.public_url)}{single}

[nats]
servers = [{servers}]
ca = "ca.pem"

[postgres]
dsn = {_text(wanted.dsn)}

[publish]
key = "publish.key"
"""


def _text(value: str) -> str:
    return msgspec.json.encode(value).decode()


def _write(path: Path, content: bytes, mode: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    path.chmod(mode)
    return path


def add_consent_key(env: Path, keys: Sequence[str]) -> str:
    """A new consent key beside those that are there; its name."""
    kid = f"k{len(keys) + 1}"
    while kid in keys:
        kid = f"k{int(kid[1:]) + 1}"
    lines = env.read_text(encoding="utf-8").splitlines()
    for n, line in enumerate(lines):
        name, equals, value = line.partition("=")
        if equals and name.strip() == CONSENT:
            held = value.strip().strip("\"'")
            lines[n] = f'{CONSENT}="{held} {new_consent_key(kid)}"'
            break
    else:
        raise SetUpRefused(f"{env} has no {CONSENT}: restore it from its copy")
    new = env.with_name(".env.new")
    _write(new, ("\n".join(lines) + "\n").encode(), 0o600)
    new.replace(env)
    return kid
