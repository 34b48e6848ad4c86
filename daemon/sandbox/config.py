"""How a store is set up for the sandbox: a table for every channel, and secrets that open nothing outside."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from daemon.sandbox import smtp
from daemon.sandbox.providers import PROVIDERS

CREDENTIALS: Mapping[str, str] = {
    **{name: value for kind in PROVIDERS.values() for name, value in kind.secrets.items()},
    **smtp.SECRETS,
}
"""What the stand-ins take for good credentials, by the name each has in `.env`. Beside them some have files (`Provider.files`)."""


def sandbox_settings(url: str, smtp_port: int, folder: Path) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """The `[channels]` tables and the secrets that turn every channel to the sandbox at `url`.

    `folder` (an existing one) gets the files that a channel reads, such as a service account's key; what is there is kept.
    """
    tables = {name: kind.settings(url) for name, kind in PROVIDERS.items()}
    tables["smtp"] = smtp.settings(url.removeprefix("http://").partition(":")[0], smtp_port)
    files = {name: path for kind in PROVIDERS.values() for name, path in kind.files(folder).items()}
    return tables, {**CREDENTIALS, **files}


def config_text(url: str, smtp_port: int, folder: Path) -> str:
    """What to paste: the tables for tether.toml, then the secrets for .env."""
    tables, secrets = sandbox_settings(url, smtp_port, folder)
    env = "\n".join(f"{name}={value}" for name, value in secrets.items())
    return f"# tether.toml\n\n{tomli_w.dumps({'channels': tables})}\n# .env\n{env}\n"
