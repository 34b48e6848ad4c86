"""A headquarters as its owner makes it: `tether hq init`, a server of NATS from the files that it wrote, a database, and `tether hq run` as a
process."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from daemon.hq.engines import free_ports, nats_program
from tests.support.shop import ROOT

SECONDS = 30.0


class Headquarters:
    def __init__(self, folder: Path, dsn: str, session: aiohttp.ClientSession) -> None:
        self.folder = folder
        self._session = session
        self.dsn = dsn
        self.web_port, self.nats_port = free_ports(2)
        self.url = f"https://127.0.0.1:{self.web_port}"
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def tether(
        self, *arguments: str, check: bool = True, stdin: str | None = None
    ) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [sys.executable, "-m", "daemon", "hq", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            input=stdin,
            timeout=60,
            env={**os.environ, "TETHER_HQ_CONFIG": str(self.folder / "hq.toml")},
        )
        if check and done.returncode:
            raise AssertionError(f"tether hq {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def init(self) -> str:
        done = self.tether(
            "init", str(self.folder), "--name", "Balloon Loft", "--url", self.url, "--server", f"127.0.0.1:{self.nats_port}",
            "--dsn", self.dsn, "--listen", f"127.0.0.1:{self.web_port}",
        )  # fmt: skip
        conf = self.folder / "nats" / "hq1" / "server.conf"
        text = conf.read_text().replace("/etc/tether-nats", str(conf.parent))
        conf.write_text(text.replace("/var/lib/tether-nats", str(self.folder / "data")))
        return done.stdout

    def start_nats(self) -> None:
        self._start("nats", [str(nats_program()), "-c", str(self.folder / "nats" / "hq1" / "server.conf")])

    async def start(self) -> None:
        self._start("hq", [sys.executable, "-m", "daemon", "hq", "run", "--config", str(self.folder / "hq.toml")])
        async with asyncio.timeout(SECONDS):
            while True:
                if self._running["hq"].poll() is not None:
                    raise AssertionError(self.log)
                try:
                    if (await self.get("/healthz"))["ok"]:
                        return
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)

    def _start(self, name: str, command: list[str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)

    @property
    def log(self) -> str:
        return (self.folder / "hq.log").read_text()

    async def get(self, path: str, token: str = "") -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self._session.get(self.url + path, headers=headers, ssl=False) as answer:
            return await answer.json(content_type=None)

    def end(self, name: str, how: signal.Signals = signal.SIGTERM) -> int:
        process = self._running.pop(name)
        process.send_signal(how)
        return process.wait(SECONDS)

    def close(self) -> None:
        for name in list(self._running):
            self.end(name, signal.SIGKILL)


@asynccontextmanager
async def headquarters(folder: Path, dsn: str) -> AsyncIterator[Headquarters]:
    async with aiohttp.ClientSession() as session:
        made = Headquarters(folder, dsn, session)
        try:
            yield made
        finally:
            made.close()
