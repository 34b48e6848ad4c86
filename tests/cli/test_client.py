"""The way from a command to the service's socket, with a service that keeps it waiting or says what nobody reads."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from daemon.cli import client
from daemon.cli.client import Client
from daemon.cli.frame import Failure
from daemon.cli.service import service
from daemon.config import load
from daemon.wire.requests import channels
from tests.support.outbox_box import open_own_box
from tests.support.ports import free_port

CONFIG = '[store]\nname = "Loft"\n[hook]\nport = {port}\n'


@pytest.fixture
def mute(tmp_path: Path) -> Iterator[socket.socket]:
    """A socket where a service should be."""
    (tmp_path / "tether.toml").write_text(CONFIG.format(port=free_port()))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "tether.sock"))
        listening.listen()
        listening.settimeout(20)
        yield listening


def command(folder: Path, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "daemon", *(words or ("messages",))],
        env={**os.environ, "TETHER_CONFIG": str(folder / "tether.toml")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def healthy(called: socket.socket) -> None:
    called.recv(65536)
    called.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")


def test_a_command_that_waits_ends_when_it_is_told_to(tmp_path: Path, mute: socket.socket) -> None:
    with command(tmp_path) as waiting:
        with mute.accept()[0] as first:
            healthy(first)
        with mute.accept()[0] as called:
            called.recv(65536)
            waiting.send_signal(signal.SIGINT)
            _, said = waiting.communicate(timeout=60)
    assert waiting.returncode != 0
    assert "Traceback" not in said


def break_off(mute: socket.socket, answer: bytes) -> None:
    """Well when it is asked how it is; then so much of an answer, and gone."""
    with mute.accept()[0] as first:
        healthy(first)
    with mute.accept()[0] as called:
        called.recv(65536)
        called.sendall(answer)


@pytest.mark.parametrize(
    "answer",
    [b"", b"\x00\xff garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n[", b"HTTP/9.9 odd\r\n"],
    ids=["hangs up", "garbage", "half of it", "no HTTP of ours"],
)
def test_what_is_no_answer_is_told(tmp_path: Path, mute: socket.socket, answer: bytes) -> None:
    """Somebody else's program on the socket, or a service that dies in the middle."""
    with command(tmp_path) as waiting:
        break_off(mute, answer)
        _, said = waiting.communicate(timeout=20)
    assert waiting.returncode == 1
    assert "the service did not answer" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n[",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5a\r\n[",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n",
    ],
    ids=["of a length", "in the middle of a piece", "between two pieces"],
)
def test_half_an_export_is_none(tmp_path: Path, mute: socket.socket, answer: bytes) -> None:
    """A service that dies while it hands out its record: who keeps that file must not take it for the whole."""
    with command(tmp_path, "audit", "export") as waiting:
        break_off(mute, answer)
        _, said = waiting.communicate(timeout=20)
    assert waiting.returncode == 1
    assert "the service broke off" in said


def test_an_answer_that_is_no_json_is_told(tmp_path: Path, mute: socket.socket) -> None:
    with command(tmp_path) as waiting:
        with mute.accept()[0] as first:
            healthy(first)
        with mute.accept()[0] as called:
            called.recv(65536)
            called.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n{")
        _, said = waiting.communicate(timeout=20)
    assert waiting.returncode == 1
    assert "no service of ours" in said
    assert "Traceback" not in said


# ---------------------------------------------------------------- a service that takes its time


def answered(mute: socket.socket, enough: threading.Event) -> threading.Thread:
    def late() -> None:
        with mute.accept()[0] as called:
            called.recv(65536)
            enough.wait(20)
            with suppress(OSError):  # hung up meanwhile
                called.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")

    thread = threading.Thread(target=late)
    thread.start()
    return thread


async def test_what_may_take_long_is_waited_for(
    tmp_path: Path, mute: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text by the modem takes minutes: the command said that nothing had answered, and who asked again sent it twice."""
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.05)
    enough = threading.Event()
    late = answered(mute, enough)
    asking = asyncio.ensure_future(Client(tmp_path / "tether.sock").act(channels.try_channel("modem", "+447400123456")))
    await asyncio.wait({asking}, timeout=0.5)
    assert not asking.done()
    enough.set()
    assert await asking == {}
    late.join()


async def test_who_waited_long_enough_hears_that_it_may_be_done(
    tmp_path: Path, mute: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.05)
    enough = threading.Event()
    late = answered(mute, enough)
    with pytest.raises(Failure, match=r"no answer within 0\.05 s; it may be done still"):
        await Client(tmp_path / "tether.sock").act(channels.pause("twilio"))
    enough.set()
    late.join()


async def test_a_service_that_is_held_up_is_not_taken_for_another_one(
    tmp_path: Path, mute: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner was told to stop "another tether", which was the one that they had asked."""
    monkeypatch.setattr(client, "CONNECT_SECONDS", 0.05)
    async with open_own_box(tmp_path):
        with pytest.raises(Failure, match=rf"the service \(process {os.getpid()}\) runs and does not answer"):
            async with service(load(tmp_path / "tether.toml", environ={})):
                pytest.fail("nobody answered")
