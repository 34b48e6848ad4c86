"""Nobody who types a command sees a traceback: what is in the way is told in a sentence, and what would help."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from daemon import config
from daemon.cli import doctor as doctor_verb  # noqa: F401 - it registers the verb
from daemon.cli import status as status_verb  # noqa: F401
from daemon.cli.frame import TRACEBACK, app, explain, settings_of


def said(capsys: pytest.CaptureFixture[str], error: BaseException) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended, explain():
        raise error
    assert isinstance(ended.value.code, int)
    return ended.value.code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            PermissionError(13, "Permission denied", "/var/lib/tether/tether.db.lock"),
            "tether.db.lock: Permission denied",
        ),
        (OSError(30, "Read-only file system", "/srv/tether.db.lock"), "/srv/tether.db.lock: Read-only file system"),
        (KeyError("customer"), "this should not have happened: KeyError in test_no_traceback.py, line"),
        (
            ExceptionGroup("several", [ValueError("x"), KeyError("y")]),
            "this should not have happened: ValueError. With",
        ),
    ],
)
def test_what_nobody_foresaw_is_a_sentence(
    error: Exception, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TRACEBACK, raising=False)
    code, text = said(capsys, error)
    assert code == 1
    assert words in text
    assert "customer" not in text, "its words may be anybody's"
    assert len(text.splitlines()) == 1


def test_whoever_mends_it_sees_all_of_it_but_what_no_journal_may_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TRACEBACK, "1")
    (tmp_path / "tether.toml").write_text("")
    (tmp_path / ".env").write_text("TELEGRAM_BOT_TOKEN=1234567:ABC-DEF1234ghIkl\n")
    settings_of(tmp_path / "tether.toml")
    code, text = said(capsys, KeyError("https://api.telegram.org/bot1234567:ABC-DEF1234ghIkl/send to +447700900123"))
    assert code == 1
    assert "Traceback (most recent call last)" in text
    assert "KeyError: 'https://api.telegram.org/bot[secret]/send to +44…0123'" in text


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TETHER_CONFIG", raising=False)
    monkeypatch.setattr(config, "find", lambda explicit, environ: None)
    return tmp_path


def test_a_look_where_no_store_is_makes_none(nowhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, explain():
        app(args=["status"], prog_name="tether", standalone_mode=False)
    assert ended.value.code == 1
    assert "there is no store here" in (text := capsys.readouterr().err)
    assert "`tether init` sets one up" in text
    assert list(nowhere.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
def test_a_stopped_service_s_database_that_is_another_s(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tether.toml").write_text("")
    (tmp_path / "tether.db").touch(mode=0)
    with pytest.raises(SystemExit), explain():
        app(args=["status", "--config", str(tmp_path / "tether.toml")], prog_name="tether", standalone_mode=False)
    assert "may not open its database" in capsys.readouterr().err


def test_the_doctor_of_somebody_who_may_not_read_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    def shut(explicit: Path | None, environ: object) -> Path | None:
        raise PermissionError(13, "Permission denied", "/etc/tether/tether.toml")

    monkeypatch.setattr(config, "find", shut)
    monkeypatch.delenv("TETHER_CONFIG", raising=False)
    done = CliRunner().invoke(app, ["doctor", "--offline"])
    assert done.exit_code == 1
    assert "/etc/tether/tether.toml is for root and the service to read" in done.output
    assert "sudo tether doctor" in done.output
    assert "no channel is enabled" not in done.output, "what can't be read is not judged"
