"""The hook's certificate, for whoever listens with it, and whoever only looks whether it can be used."""

import ssl
from pathlib import Path

from daemon.config import ConfigError, Hook


def tls_context(hook: Hook, folder: Path) -> ssl.SSLContext | None:
    """None: the hook is spoken to in the clear. Raises ConfigError for a pair that can't be used."""
    if not (hook.tls_cert or hook.tls_key):
        return None
    if not (hook.tls_cert and hook.tls_key):
        raise ConfigError("hook.tls_cert and hook.tls_key go together: one of them is missing")
    cert, key = folder / hook.tls_cert, folder / hook.tls_key
    for name, path in (("hook.tls_cert", cert), ("hook.tls_key", key)):
        try:
            path.open("rb").close()
        except OSError as error:
            raise ConfigError(f"{name}: {path}: {error.strerror}; docs/security.md tells how to make one") from error
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"hook.tls_cert, hook.tls_key: {cert} and {key} are no certificate (PEM) with its key: {error.strerror or error}"
        ) from error
    return context
