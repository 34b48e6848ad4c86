"""Logins of the counter's may not read the configuration, and still find the service where it is usually installed."""

from pathlib import Path

import pytest

from daemon.cli import frame
from daemon.config import ConfigError


def shut(explicit: Path | None, environ: object) -> Path | None:
    raise PermissionError(13, "Permission denied", "/etc/tether/tether.toml")


def test_the_usual_place_is_taken_where_the_configuration_may_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "find", shut)
    monkeypatch.delenv("TETHER_CONFIG", raising=False)
    assert frame.settings_of(None).socket == Path("/var/lib/tether/tether.sock")


def test_a_configuration_that_was_named_is_never_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "find", shut)
    with pytest.raises(ConfigError, match="may not read it"):
        frame.settings_of(Path("/etc/tether/tether.toml"))
