"""The configuration that a command goes by, and the service's own start. It loads no command line."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from daemon.cli.failure import Failure, hide

if TYPE_CHECKING:
    from daemon.config import Settings

_root_config: Path | None = None


def begin_with(config: Path | None) -> None:
    """The configuration that was named before the verb: it counts where the verb names none."""
    global _root_config
    _root_config = config


INSTALLED_DATABASE = "/var/lib/tether/tether.db"


def named(config: Path | None) -> Path | None:
    """The configuration that the options or the environment name, whether it is there or not."""
    return config or _root_config or (Path(os.environ["TETHER_CONFIG"]) if os.environ.get("TETHER_CONFIG") else None)


def settings_of(config: Path | None) -> "Settings":
    """Read the configuration that the options and the environment name. Raises ConfigError.

    Who may not read the machine's own (a login of the counter's) still finds the service where it is usually installed."""
    from daemon.config import SEARCH, ConfigError, Data, Settings, find, load

    try:
        settings = load(find(config or _root_config, os.environ))
        hide(settings.secrets)
        return settings
    except PermissionError as error:
        if str(error.filename) != str(SEARCH[1]) or config or _root_config or os.environ.get("TETHER_CONFIG"):
            raise ConfigError(
                f"{error.filename}: this user may not read it; put sudo in front, or ask its owner"
            ) from error
        return _at_the_counter(Settings(data=Data(path=Path(INSTALLED_DATABASE))))


NOT_FOR_THIS_USER = "/etc/tether/tether.toml is for root and the service to read"


def is_unread(settings: "Settings") -> bool:
    """Whether it is the machine's own that this user may not read: all of it but the store is at its default, whatever the file says."""
    return settings.file is None and settings.database == Path(INSTALLED_DATABASE)


def need_the_file(settings: "Settings", command: str) -> None:
    """For a command that goes by the configuration itself. Raises Failure where this user may not read it."""
    if is_unread(settings):
        raise Failure(f"{NOT_FOR_THIS_USER}: sudo tether {command}")


def _at_the_counter(settings: "Settings") -> "Settings":
    """With the store as its service tells of it: times are shown on the store's clocks. A service that tells nothing says why when it is
    asked for what the command wants."""
    import msgspec

    from daemon.cli.service import got, read
    from daemon.wire.service import Glance

    try:
        told = read(got(settings, "/v1/status", only="it knows the store's time zone"), Glance).store
    except Failure:
        return settings
    own = {
        name: value for name in ("name", "country", "timezone", "locale", "currency") if (value := getattr(told, name))
    }
    return msgspec.structs.replace(settings, store=msgspec.structs.replace(settings.store, **own))
