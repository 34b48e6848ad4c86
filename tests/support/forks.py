"""`tether` as a process that finds loaded what all commands load: that is most of each start, and the same every time.

Each process has its own streams, environment and folder, is signalled and killed as any other, and the service ends as any other. What starts
from nothing, and imports in its own order, is proved in tests/cli/test_from_nothing.py and test_quick.py, tests/demo and tests/house.
"""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
AT_START = ("PYTHON", "LC_", "LANG", "LD_")
"""An interpreter reads these when it starts: a process that is forked can't have its own. PYTHONUNBUFFERED is heeded."""
NONE: Mapping[str, float] = MappingProxyType({})


class Forked:
    """A process, used as one of subprocess.Popen."""

    def __init__(self, arguments: Sequence[str], status: socket.socket) -> None:
        self.args = ["tether", *arguments]
        self.returncode: int | None = None
        self._status = status
        self._reading = threading.Lock()
        self.pid = int(status.recv(64))

    def poll(self) -> int | None:
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def _ended(self, timeout: float | None) -> int | None:
        """Its exit code, or None if it runs on for so long. Any thread may ask."""
        if self.returncode is None:
            told = select.poll()
            told.register(self._status, select.POLLIN)
            if told.poll(None if timeout is None else timeout * 1000):
                with self._reading:
                    if self.returncode is None:
                        self.returncode = int(self._status.recv(64))
                        self._status.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has ended, and that is not told yet
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class _Zygote:
    def __init__(self) -> None:
        self._control, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with far:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.zygote", str(far.fileno())], cwd=ROOT, pass_fds=[far.fileno()]
            )
        atexit.register(self._close)

    def _close(self) -> None:
        self._control.close()
        self._process.wait()

    def start(self, command: Mapping[str, Any], streams: Sequence[int]) -> Forked:
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with far:
            socket.send_fds(self._control, [json.dumps(command).encode()], [*streams, far.fileno()])
        return Forked(command["arguments"], near)


_zygote: _Zygote | None = None
_starting = threading.Lock()


def start(
    arguments: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdin: IO[Any],
    stdout: IO[Any],
    stderr: IO[Any],
    constants: Mapping[str, float] = NONE,
) -> Forked:
    """`tether` with these arguments, begun. `constants`: what a module's are in this process (`daemon.api.plumbing.gate.BODY_WAIT_S`)."""
    global _zygote
    strange = [
        name
        for name in env.keys() | os.environ.keys()
        if name.startswith(AT_START) and name != "PYTHONUNBUFFERED" and env.get(name) != os.environ.get(name)
    ]
    assert not strange, f"start it from nothing: a process that is forked can't have its own {', '.join(strange)}"
    with _starting:
        _zygote = _zygote or _Zygote()
    command = {"arguments": list(arguments), "cwd": str(cwd), "env": dict(env), "constants": dict(constants)}
    return _zygote.start(command, [stdin.fileno(), stdout.fileno(), stderr.fileno()])


def run(
    arguments: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path = ROOT,
    stdin: str | None = None,
    timeout: float = 60,
) -> "subprocess.CompletedProcess[str]":
    """The same to its end, with what it said."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained, tempfile.TemporaryFile() as told:
        told.write((stdin or "").encode())
        told.seek(0)
        process = start(arguments, cwd=cwd, env=env, stdin=told, stdout=said, stderr=complained)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        out, err = (_text(file) for file in (said, complained))
    return subprocess.CompletedProcess(process.args, code, out, err)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")
