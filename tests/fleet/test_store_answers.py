"""What a store answers to a command, as headquarters shows it: whoever has its box may answer anything."""

from datetime import UTC, datetime

import msgspec
import pytest

from daemon.cli.frame import table
from daemon.hq.archiver import Archive
from daemon.hq.commands import _given
from daemon.hq.page.looks import Assets, make_environment
from daemon.hq.page.words import Words

NOW = datetime(2026, 11, 24, 10, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "report", [[["disk"]], [["disk", "ok"]], [[]], [["disk", "ok", "10 GB", "and more"]], [3, {"a": 1}], "disk", None],
    ids=str,
)  # fmt: skip
def test_a_doctors_report_that_no_doctor_wrote(report: object, capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody has camden's box; they want nobody to see, or give, a command to it any more."""
    answer = msgspec.json.encode({"id": 7, "report": report}).decode()
    one = _given((7, "camden", "doctor", "", "", "maria", NOW, NOW, "command.done", answer, NOW), NOW)
    page = make_environment(Assets()).get_template("commands.html.j2")
    shown = page.render(
        w=Words("commands", "en"), user=None, token="", nav=[], fleet="Balloon Loft", release="1", now=NOW, archive=Archive(), said="",
        theme="auto", languages=[], themes=[], store="camden", channels=[], given=[one], problem="",
    )  # fmt: skip
    assert "maria" in shown
    table(("check", "", "what it found"), [tuple(line) for line in one.report], empty="nothing")
    assert capsys.readouterr().out
