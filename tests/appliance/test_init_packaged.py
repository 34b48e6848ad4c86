"""Setting up where the Debian package laid a configuration and a service already."""

import os
import tomllib
from pathlib import Path

import pytest
import typer

from daemon.appliance import packaged, setup
from daemon.cli.frame import Failure
from daemon.cli.init import init
from daemon.config import load
from tests.appliance.test_init import ROOT, tether


def test_the_package_s_own_configuration_is_gone_on_from(tmp_path: Path) -> None:
    """Nobody wrote it: it is no reason to refuse, and what it says of groups and places stays."""
    laid_by_the_package(tmp_path)
    done = tether(tmp_path, "init", "--yes", "--offline", "--country", "UK", "--name", "Loft", "--set", "hook.port=0")
    assert done.returncode == 0, done.stdout + done.stderr
    settings = load(tmp_path / "tether.toml", environ={})
    assert (settings.store.name, settings.store.country) == ("Loft", "GB")
    assert settings.hook.socket_groups == {"tether": "admin", "tether-staff": "staff"}


def laid_by_the_package(folder: Path) -> Path:
    packaged = (ROOT / "systemd" / "debian" / "tether.toml").read_text()
    file = folder / "tether.toml"
    file.write_text(packaged.replace("/var/lib/tether/tether.db", "tether.db"))
    return file


def test_what_the_package_says_of_the_store_is_nobody_s_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shop in Berlin was given London's clocks, in silence."""
    with laid_by_the_package(tmp_path).open("rb") as file:
        assert tomllib.load(file)["store"] == setup.PACKAGED_STORE
    monkeypatch.setattr(setup, "guess_timezone", lambda: "Europe/Berlin")
    with pytest.raises(typer.Exit):
        init(
            config=tmp_path / "tether.toml", name="Ballonladen", country="DE", set_=["hook.port=0"],
            token=False, yes=True, offline=True,
        )  # fmt: skip
    store = load(tmp_path / "tether.toml", environ={}).store
    assert (store.timezone, store.locale, store.currency) == ("Europe/Berlin", "de", "EUR")


@pytest.mark.parametrize(("packaged_here", "then"), [(True, "`sudo systemctl start tether`"), (False, "`tether run`")])
def test_the_last_words_lead_to_the_service_that_is_there(
    packaged_here: bool,
    then: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With the Debian package `sudo tether install` would lay another service over it."""
    unit = tmp_path / "tether.service"
    if packaged_here:
        unit.touch()
    monkeypatch.setattr(packaged, "PACKAGE_UNIT", str(unit))
    monkeypatch.setattr(setup, "SYSTEM_FOLDER", tmp_path)
    with pytest.raises(typer.Exit):
        init(
            config=tmp_path / "tether.toml", name="Loft", country="GB", set_=["hook.port=0", "data.path=tether.db"],
            token=False, yes=True, offline=True,
        )  # fmt: skip
    assert f"\nThen: {then}" in capsys.readouterr().out


def test_what_the_owner_wrote_into_the_package_s_configuration_counts(tmp_path: Path) -> None:
    file = laid_by_the_package(tmp_path)
    file.write_text(file.read_text().replace("Europe/London", "Europe/Dublin").replace('"GB"', '"IE"'))
    done = tether(tmp_path, "init", "--yes", "--offline", "--name", "Loft", "--set", "hook.port=0")
    assert done.returncode == 0, done.stdout + done.stderr
    store = load(tmp_path / "tether.toml", environ={}).store
    assert (store.country, store.timezone) == ("IE", "Europe/Dublin")


def test_who_forgot_sudo_begins_no_second_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From then on every command in that folder meant the wrong one."""
    (tmp_path / "etc").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TETHER_CONFIG", raising=False)
    monkeypatch.setattr("daemon.config.SEARCH", (Path("tether.toml"), tmp_path / "etc" / "tether.toml"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Failure, match="sudo tether init"):
        init(offline=True, yes=True)
    assert not (tmp_path / "tether.toml").exists()
