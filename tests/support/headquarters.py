"""A headquarters as its owner makes it: `tether hq init`, a server of NATS from the files that it wrote, a database, and `tether hq run` as a
process."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from daemon.hq.engines import nats_program
from tests.support import forks
from tests.support.busy import PROCESS_SECONDS
from tests.support.forks import ROOT
from tests.support.ports import free_ports


class Headquarters:
    def __init__(self, folder: Path, dsn: str, session: aiohttp.ClientSession) -> None:
        self.folder = folder
        self._session = session
        self.dsn = dsn
        self.web_port, self.nats_port = free_ports(2)
        self.url = f"https://127.0.0.1:{self.web_port}"
        self._running: dict[str, subprocess.Popen[bytes] | forks.Forked] = {}

    def tether(
        self, *arguments: str, check: bool = True, stdin: str | None = None
    ) -> "subprocess.CompletedProcess[str]":
        env = {**os.environ, "TETHER_HQ_CONFIG": str(self.folder / "hq.toml")}
        done = forks.run(["hq", *arguments], env=env, stdin=stdin)
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

    async def start_nats(self) -> None:
        """Once it listens."""
        command = [str(nats_program()), "-c", str(self.folder / "nats" / "hq1" / "server.conf")]
        with self._log("nats").open("ab") as log:
            self._running["nats"] = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        async with asyncio.timeout(PROCESS_SECONDS):
            while True:
                if self._running["nats"].poll() is not None:
                    raise AssertionError(self._log("nats").read_text())
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.nats_port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    return

    async def start(self) -> None:
        with self._log("hq").open("ab") as log, Path(os.devnull).open("rb") as nothing:
            self._running["hq"] = forks.start(
                ["hq", "run", "--config", str(self.folder / "hq.toml")],
                cwd=ROOT, env=os.environ, stdin=nothing, stdout=log, stderr=log,
            )  # fmt: skip
        async with asyncio.timeout(PROCESS_SECONDS):
            while True:
                if self._running["hq"].poll() is not None:
                    raise AssertionError(self.log)
                try:
                    if (await self.get("/healthz"))["ok"]:
                        return
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    @property
    def log(self) -> str:
        return self._log("hq").read_text()

    async def get(self, path: str, token: str = "") -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self._session.get(self.url + path, headers=headers, ssl=False) as answer:
            return await answer.json(content_type=None)

    def end(self, name: str, how: signal.Signals = signal.SIGTERM) -> int:
        process = self._running.pop(name)
        process.send_signal(how)
        return process.wait(PROCESS_SECONDS)

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
