"""`tether orders` and `tether channels` are verbs and groups of verbs: what stands before the verb below counts for it."""

from pathlib import Path

import msgspec
import pytest

from daemon.cli.frame import app, explain


def run(*words: str) -> None:
    app(args=list(words), prog_name="tether", standalone_mode=False)


@pytest.mark.parametrize("words", [("orders", "hold", "B-1"), ("orders", "B-1"), ("channels", "pause", "twilio")])
def test_the_store_that_is_named_there_is_the_one(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second store's order was to be held: the one of that number at the machine's own store was."""
    own, other = tmp_path / "tether.toml", tmp_path / "other.toml"
    own.write_text("")
    monkeypatch.setenv("TETHER_CONFIG", str(own))
    with pytest.raises(SystemExit) as ended, explain():
        run(words[0], "--config", str(other), *words[1:])
    assert (ended.value.code, str(other) in capsys.readouterr().err) == (78, True)
    assert list(tmp_path.iterdir()) == [own]


def test_json_that_is_asked_for_there_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    run("channels", "--json", "known")
    assert "twilio" in {row["name"] for row in msgspec.json.decode(capsys.readouterr().out)["items"]}
