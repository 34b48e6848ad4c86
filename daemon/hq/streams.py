"""NATS's streams as the fleet needs them: made where they are missing, and refused where they would lose what was acknowledged."""

from collections.abc import Mapping
from typing import Any

import msgspec

from daemon.fleet.nats_connection import NatsAway, NatsConnection
from outbox.clock import Clock

DAY = 86_400 * 10**9
NOT_YET = (10008, 10039, 10074, 503)
"""The servers are still finding their leader."""
PATIENCE = 30.0
NOT_FOUND = 10059
WORD_MOST = 4096
"""Bytes of a word on consent with its headers: it stands for ever, every store reads it, and headquarters keeps it. One has some 1,500."""


class StreamRefused(Exception):
    """The streams are not as the archive's promise needs them: says what to do."""


class Config(msgspec.Struct, frozen=True, omit_defaults=True):
    """A stream's configuration, as NATS's API names it."""

    name: str
    subjects: list[str]
    num_replicas: int
    retention: str = "limits"
    storage: str = msgspec.field(default="")
    discard: str = ""
    max_age: int = 0
    max_msgs_per_subject: int = 0
    max_msg_size: int = 0
    duplicate_window: int = 0
    deny_delete: bool = False
    deny_purge: bool = False
    allow_direct: bool = False
    republish: dict[str, Any] = {}

    def changes(self, found: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a stream of an earlier release lacks."""
        return {
            name: value
            for name in ("max_msg_size", "republish")
            if (value := getattr(self, name)) and value != found.get(name)
        }


class _Error(msgspec.Struct, frozen=True):
    code: int = 0
    err_code: int = 0
    description: str = ""


class Info(msgspec.Struct, frozen=True):
    """What NATS says of a stream."""

    config: dict[str, Any] = {}
    created: str = ""
    state: dict[str, Any] = {}
    error: _Error | None = None

    @property
    def last_seq(self) -> int:
        return int(self.state.get("last_seq", 0))


_info = msgspec.json.Decoder(Info)


def wanted(replicas: int) -> tuple[Config, ...]:
    return (
        Config(
            "UP",
            ["up.*.audit", "up.*.msg"],
            replicas,
            storage="file",
            discard="new",
            max_age=30 * DAY,
            duplicate_window=3600 * 10**9,
            deny_delete=True,
            deny_purge=True,
            allow_direct=True,
        ),
        Config("HEALTH", ["health.*"], replicas, storage="memory", max_msgs_per_subject=1, allow_direct=True),
        Config(
            "CONSENT",
            ["optout.*.*.*"],
            replicas,
            storage="file",
            max_msgs_per_subject=1,
            max_msg_size=WORD_MOST,
            allow_direct=True,
            republish={"src": "optout.>", "dest": "kept.>", "headers_only": True},
        ),
        Config("BUNDLE", ["bundle.*"], replicas, storage="file", max_msgs_per_subject=10, allow_direct=True),
        Config("MARK", ["mark.*"], replicas, storage="file", max_msgs_per_subject=1, allow_direct=True),
    )


async def ask(line: NatsConnection, verb: str, stream: str, body: bytes = b"", *, timeout: float = 5.0) -> Info:
    """Raises NatsAway."""
    answer = await line.request(f"$JS.API.STREAM.{verb}.{stream}", body, timeout=timeout)
    try:
        return _info.decode(answer.data)
    except msgspec.MsgspecError as error:
        raise NatsAway(f"NATS's answer on stream {stream} can't be read: {error}") from error


async def ensure(line: NatsConnection, clock: Clock, *, replicas: int) -> dict[str, Info]:
    """All streams, as they are now. Raises StreamRefused, NatsAway."""
    return {config.name: await _ensure(line, clock, config, replicas) for config in wanted(replicas)}


async def _ensure(line: NatsConnection, clock: Clock, config: Config, replicas: int) -> Info:
    until = clock.monotonic() + PATIENCE
    while True:
        try:
            found = await ask(line, "INFO", config.name)
            if found.error is not None and found.error.err_code == NOT_FOUND:
                found = await ask(line, "CREATE", config.name, msgspec.json.encode(config))
            elif found.error is None and (changes := config.changes(found.config)):
                found = await ask(line, "UPDATE", config.name, msgspec.json.encode({**found.config, **changes}))
            if found.error is None:
                return _checked(found, config, replicas)
            trouble = found.error.description
        except NatsAway as error:
            trouble = str(error)
        if clock.monotonic() > until:
            raise NatsAway(f"stream {config.name} can't be had: {trouble}")
        await clock.sleep(0.2)


def _checked(found: Info, config: Config, replicas: int) -> Info:
    has = int(found.config.get("num_replicas", 0))
    if has < replicas:
        raise StreamRefused(
            f"stream {config.name} has {has} replica{'s' if has != 1 else ''} and needs {replicas}: "
            f"nats stream edit {config.name} --replicas {replicas}, or set single = true under [hq] for one server"
        )
    if config.deny_purge and not found.config.get("deny_purge"):
        raise StreamRefused(f"stream {config.name} may be purged: make it anew with tether hq init's settings")
    return found
