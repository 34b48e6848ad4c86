"""Logins of the counter's may not read the configuration, and still find the service where it is usually installed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from daemon import config
from daemon.cli import doctor, fleet, frame, service
from daemon.config import ConfigError, Settings


def shut(explicit: Path | None, environ: object) -> Path | None:
    raise PermissionError(13, "Permission denied", "/etc/tether/tether.toml")


def test_the_usual_place_is_taken_where_the_configuration_may_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "find", shut)
    monkeypatch.delenv("TETHER_CONFIG", raising=False)
    assert frame.settings_of(None).socket == Path("/var/lib/tether/tether.sock")


def test_times_are_shown_on_the_store_s_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Staff of a shop in New York were told that an order was promised for three in the afternoon. It was for ten in the morning."""

    def status(settings: Settings, path: str, *, only: str) -> object:
        return {"store": {"name": "Loft", "timezone": "America/New_York", "country": "US", "currency": "USD"}}

    monkeypatch.setattr(config, "find", shut)
    monkeypatch.setattr(service, "got", status)
    monkeypatch.delenv("TETHER_CONFIG", raising=False)
    settings = frame.settings_of(None)
    assert frame.when(1_795_532_400_000, settings) == "2026-11-24 10:00:00"
    assert (settings.store.currency, settings.socket) == ("USD", Path("/var/lib/tether/tether.sock"))


def test_a_configuration_that_was_named_is_never_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "find", shut)
    with pytest.raises(ConfigError, match="may not read it"):
        frame.settings_of(Path("/etc/tether/tether.toml"))


def test_one_s_own_configuration_that_may_not_be_read_is_not_taken_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def own(explicit: Path | None) -> Path:
        raise PermissionError(13, "Permission denied", "tether.toml")

    monkeypatch.setattr(config, "find", lambda explicit, environ: Path("tether.toml"))
    monkeypatch.setattr(config, "load", own)
    monkeypatch.delenv("TETHER_CONFIG", raising=False)
    with pytest.raises(ConfigError, match=r"tether\.toml: this user may not read it; put sudo in front"):
        frame.settings_of(None)


def test_the_doctor_of_a_login_that_the_service_turns_away_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger on the machine wants to know how it is; he is told why he isn't told, in a sentence."""

    async def runs(settings: Settings) -> bool:
        return True

    @asynccontextmanager
    async def shut_door(settings: Settings, why: str) -> AsyncIterator[None]:
        raise frame.Failure("the user nobody is in no group that may use this socket")
        yield

    (tmp_path / "tether.toml").write_text("[hook]\nport = 0\n")
    monkeypatch.setattr(doctor, "is_running", runs)
    monkeypatch.setattr(doctor, "running_service", shut_door)
    done = CliRunner().invoke(frame.app, ["doctor", "--offline", "--config", str(tmp_path / "tether.toml")])
    assert (done.exit_code, done.exception.__class__) == (1, SystemExit)
    assert "it could not be looked at: the user nobody is in no group" in " ".join(done.output.split())


@pytest.fixture
def sam(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """Of the staff of a store that is in a fleet."""

    async def get(path: str) -> Any:
        return {"joined": True, "store": "soho", "state": "connected"} if path == "/v1/fleet" else {}

    async def runs(settings: Settings) -> bool:
        return True

    @asynccontextmanager
    async def its_service(settings: Settings) -> AsyncIterator[Any]:
        yield SimpleNamespace(get=get)

    monkeypatch.setattr(config, "find", shut)
    monkeypatch.setattr(service, "service", its_service)
    monkeypatch.setattr(service, "running_service", lambda settings, why: its_service(settings))
    monkeypatch.setattr(fleet, "service", its_service)
    monkeypatch.setattr(fleet, "is_running", runs)
    monkeypatch.delenv("TETHER_CONFIG", raising=False)
    return CliRunner()


def test_a_store_of_a_fleet_is_in_it_for_who_may_not_read_its_configuration(sam: CliRunner) -> None:
    """Sam was told to ask headquarters for a code, with which the box would have got another key."""
    done = sam.invoke(frame.app, ["fleet", "status"])
    assert (done.exit_code, "soho" in done.output) == (0, True)


@pytest.mark.parametrize("words", ["templates check", "fleet leave --yes", "fleet join x"])
def test_what_goes_by_the_configuration_itself_says_who_may(sam: CliRunner, words: str) -> None:
    """All texts were in order, though the store's own could not be read; and the store was in no fleet."""
    done = sam.invoke(frame.app, words.split())
    assert isinstance(done.exception, frame.Failure)
    assert str(done.exception) == (
        f"/etc/tether/tether.toml is for root and the service to read: sudo tether {' '.join(words.split()[:2])}"
    )
    assert done.output == ""
