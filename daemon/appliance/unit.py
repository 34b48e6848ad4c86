"""The service as systemd runs it: start, stop, and whether it is well."""

from enum import Enum, auto

import aiohttp
import msgspec

from daemon.appliance.machine import Machine, Ran
from daemon.config import Settings
from daemon.config_words import handed_over, secrets_in
from daemon.keys.digests import check_key
from daemon.runtime.verify import usable
from daemon.upkeep.errors import InstallError
from outbox.clock import Clock

UNIT = "tether.service"
TIMER = "tether-backup.timer"
START_SECONDS = 150.0
HEALTHY_WITHIN = 90.0
STAYS_FOR = 8.0
"""Seconds that it has to stay well: one that falls over when it begins to send is not well."""
LOOK_EVERY = 1.0


HANDED_OVER = "/run/credentials/tether.service/env"
"""Where systemd put what it read of /etc/tether/.env when it started the service: a reload reads nothing anew."""


class Secrets(Enum):
    """Those that systemd handed the service, beside those of `.env`."""

    SAME = auto()
    HANDED_OVER = auto()
    """They were others, and the service was started anew for them."""
    UNSEEN = auto()
    """This user may not see them, so they may be others."""


async def hand_over_secrets(machine: Machine, settings: Settings) -> Secrets:
    """Start the service anew where systemd handed it secrets that are not those of `.env` any more.

    Raises what that start would end with (ConfigError, KeyMissing, KeyChanged), and then nothing was started: the service goes on with the
    secrets that it has. Raises InstallError when the start fails. Only root can see what was handed over, and only root can do it.
    """
    handed, env = machine.path(HANDED_OVER), settings.folder / ".env"
    if settings.folder != machine.path("/etc/tether").resolve():
        return Secrets.SAME
    try:
        if handed.read_bytes() == env.read_bytes():
            return Secrets.SAME
    except PermissionError:
        return Secrets.UNSEEN
    except OSError:
        return Secrets.SAME
    check_start(await as_started(machine, settings))
    ran = await machine.run("systemctl", "restart", UNIT, seconds=START_SECONDS)
    if ran is None or ran.code != 0:
        raise InstallError(
            f"the secrets changed, and `systemctl restart {UNIT}` failed: {ran.said[-500:] if ran else ''}"
        )
    return Secrets.HANDED_OVER


async def as_started(machine: Machine, settings: Settings) -> Settings:
    """With the secrets that a start of the service would have: those of its unit's environment, of `.env`, and what else systemd hands it now."""
    handed = machine.path(HANDED_OVER)
    if not handed.parent.is_dir():
        return settings
    others = handed_over(handed.parent, but=handed.name)
    return _with_secrets(settings, {**await _environment(machine), **secrets_in(settings.folder, {}), **others})


async def _environment(machine: Machine) -> dict[str, str]:
    """That of the service which runs: systemd says nothing of what it read in an EnvironmentFile."""
    ran = await machine.run("systemctl", "show", UNIT, "-p", "MainPID", "--value")
    text = machine.read(f"/proc/{ran.said}/environ") if ran is not None and ran.said.isdigit() else None
    pairs = (each.partition("=") for each in (text or "").split("\0"))
    return {name: value for name, _, value in pairs if value.strip()}


def check_start(settings: Settings) -> None:
    """Whether a start would be refused, in its own words. Raises ConfigError, KeyMissing, KeyChanged."""
    settings = usable(settings)
    check_key(settings)
    if settings.fleet.store:
        from daemon.fleet.membership import keys_of, membership_of

        keys_of(settings)
        membership_of(settings)


def _with_secrets(settings: Settings, secrets: dict[str, str]) -> Settings:
    alone = None if settings.alone is None else msgspec.structs.replace(settings.alone, secrets=secrets)
    return msgspec.structs.replace(settings, secrets=secrets, alone=alone)


class Unit:
    def __init__(self, machine: Machine, clock: Clock) -> None:
        self._machine = machine
        self._clock = clock

    async def systemctl(self, *arguments: str) -> Ran:
        """Raises InstallError when it fails, with what it said."""
        ran = await self._machine.run("systemctl", *arguments, seconds=START_SECONDS)
        if ran is None:
            raise InstallError("there is no systemd here; run `tether run` under a supervisor of your own")
        if ran.code != 0:
            raise InstallError(f"systemctl {' '.join(arguments)} failed: {ran.said[-500:]}")
        return ran

    async def is_there(self) -> bool:
        """Whether the unit is installed."""
        ran = await self._machine.run("systemctl", "cat", UNIT)
        return ran is not None and ran.code == 0

    async def is_active(self) -> bool:
        ran = await self._machine.run("systemctl", "is-active", UNIT)
        return ran is not None and ran.code == 0

    async def restarts(self) -> int:
        """How often systemd had to start it again."""
        ran = await self._machine.run("systemctl", "show", UNIT, "-p", "NRestarts", "--value")
        return int(ran.said) if ran is not None and ran.said.isdigit() else 0

    async def start(self, settings: Settings, *verb: str) -> str:
        """By that verb of systemctl's. What is wrong with it then; "" for nothing."""
        try:
            await self.systemctl("reset-failed", UNIT)
            await self.systemctl(*verb, UNIT)
        except InstallError as error:
            return f"{error}\n{await self.last_words()}"
        return await self.becomes_healthy(settings)

    async def becomes_healthy(self, settings: Settings) -> str:
        """Wait until it takes events, and goes on doing so. "" when it does, else what is wrong."""
        end = self._clock.monotonic() + HEALTHY_WITHIN
        trouble = await self._trouble(settings)
        while trouble and self._clock.monotonic() < end:
            if await self._has_failed():
                break
            await self._clock.sleep(LOOK_EVERY)
            trouble = await self._trouble(settings)
        if trouble:
            return f"{trouble}\n{await self.last_words()}"
        before = await self.restarts()
        await self._clock.sleep(STAYS_FOR)
        trouble = await self._trouble(settings)
        if trouble or await self.restarts() != before:
            return f"it started and fell over again: {trouble or 'it was restarted'}\n{await self.last_words()}"
        return ""

    async def _has_failed(self) -> bool:
        ran = await self._machine.run("systemctl", "is-failed", UNIT)
        return ran is not None and ran.code == 0

    async def _trouble(self, settings: Settings) -> str:
        if not await self.is_active():
            return f"{UNIT} is not active"
        connector = aiohttp.UnixConnector(path=str(settings.socket))
        async with aiohttp.ClientSession(
            "http://tether", connector=connector, timeout=aiohttp.ClientTimeout(5)
        ) as session:
            try:
                async with session.get("/readyz") as answer:
                    return "" if answer.status == 200 else f"it does not take events yet ({answer.status})"
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                return f"nothing answers at {settings.socket} ({type(error).__name__})"

    async def last_words(self) -> str:
        """What the journal has of it last."""
        ran = await self._machine.run("journalctl", "-u", UNIT, "-n", "15", "--no-pager", "-o", "cat")
        return ran.said[-2000:] if ran is not None else ""
