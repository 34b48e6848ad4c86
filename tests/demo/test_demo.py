"""The demo as people start it: a real service, the sandbox, a day with a cut line, and a verdict."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.demo.door import demo_door, held_door
from tests.support.busy import MOST

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Demos of one user share a door: these are by themselves."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.slow
def test_a_day_ends_with_everything_arrived_once_and_in_order() -> None:
    command = [sys.executable, "-W", "error", "-m", "daemon", "demo", "--once", "--port", "0"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-4000:]
    assert "Everything that should have arrived did, once and in order." in ended.stdout
    assert "the line is down" in ended.stdout
    assert "the line is up" in ended.stdout
    assert "\x1b" not in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr


def test_ctrl_c_ends_it_at_once_and_well_and_its_door_is_open_meanwhile(state: Path) -> None:
    door = demo_door({"XDG_STATE_HOME": str(state)})
    command = [sys.executable, "-m", "daemon", "demo", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        assert any("tui --demo" in line for line in demo.stdout)
        assert any("order.placed" in line for line in demo.stdout)
        with socket.socket(socket.AF_UNIX) as screen:
            screen.connect(str(door))
        demo.send_signal(signal.SIGINT)
        _, complaints = demo.communicate(timeout=MOST)
    assert (demo.returncode, complaints) == (0, "")
    assert not door.exists()


def test_a_second_demo_leaves_the_first_one_s_door_alone(state: Path) -> None:
    environ = {"XDG_STATE_HOME": str(state)}
    with held_door(environ) as first, held_door(environ) as second:
        assert (first, second) == (demo_door(environ), None)
    with held_door(environ) as again:
        assert again == demo_door(environ)


def test_where_no_door_can_be_the_screen_is_told_the_url(state: Path) -> None:
    with held_door({"XDG_STATE_HOME": str(state / ("long" * 30))}) as door:
        assert door is None


def test_a_port_that_is_taken_is_told_with_what_to_do() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        command = [sys.executable, "-m", "daemon", "demo", "--port", str(port)]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert f"port {port} is taken by another program" in ended.stderr
    assert f"`make run PORT={port + 13}`" in ended.stderr
