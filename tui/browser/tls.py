"""How the web counter speaks TLS: with the shop's own certificate, or with one it makes for itself, which browsers can't vouch for
and people can: by its fingerprint."""

import os
import ssl
from datetime import datetime, timedelta
from pathlib import Path
from socket import gethostname

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

LASTS = timedelta(days=825)
"""Longer, and browsers refuse it whatever people say."""
RENEWED = timedelta(days=30)
"""Before its end a fresh one is made."""
FILE = "web-counter.pem"


def context_of(cert: Path, key: Path | None = None) -> ssl.SSLContext:
    """Raises OSError (ssl.SSLError too) for what is no certificate with its key."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    return context


def fingerprint(cert: Path) -> str:
    """SHA-256, as browsers show it."""
    digest = _read(cert).fingerprint(SHA256()).hex().upper()
    return ":".join(digest[place : place + 2] for place in range(0, len(digest), 2))


def own_certificate(folder: Path, now: datetime) -> Path:
    """The file of the certificate and key made for this machine, kept from one start to the next: its fingerprint stays the same."""
    file = folder / FILE
    try:
        kept = _read(file)
        context_of(file)
    except (OSError, ValueError):
        return _make(file, now)
    return file if kept.not_valid_before_utc <= now < kept.not_valid_after_utc - RENEWED else _make(file, now)


def _read(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def _make(file: Path, now: datetime) -> Path:
    key = generate_private_key(SECP256R1())
    host = gethostname() or "tether"
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
    names = x509.SubjectAlternativeName([x509.DNSName(each) for each in (host, f"{host}.local", "localhost")])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + LASTS)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(signed.public_bytes(Encoding.PEM) + private)
    fresh.replace(file)
    return file
