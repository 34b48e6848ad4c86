"""HQ's own connections with NATS: as the archive's account for all it does, and as the system's for what is about the servers themselves.

Its rights are claims that HQ signs for itself when it connects: there is nothing to keep but the accounts' seeds.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import product

import msgspec

from daemon.fleet.claim import claim_by
from daemon.fleet.nats_connection import (
    SOCKET_SECONDS,
    Identity,
    NatsAway,
    NatsConnection,
    NotAuthorised,
    connected,
    pinned,
)
from daemon.fleet.nkey import KeyPair
from daemon.hq.claims import EVERYTHING, AccountClaim, archive_claim, fleet_claim, read_account_claim, user_claim
from daemon.hq.config import ACCOUNT, OPERATOR, SYSTEM, HqSettings
from daemon.hq.servers import MEMORY, STORAGE
from outbox.clock import Clock

UPDATE = "$SYS.REQ.CLAIMS.UPDATE"
LOOKUP = "$SYS.REQ.ACCOUNT.{account}.CLAIMS.LOOKUP"
ANSWER_SECONDS = 5.0
"""How long a server that does not answer is waited for."""
LOOKUP_SECONDS = 1.0
"""How long while somebody is to be cut off, where what others answered is enough for that."""
PATIENCE = (2.0, SOCKET_SECONDS)
"""How long a server may take to let us in, the first time and the second: one that is off is not waited for while others are there."""
CONNECTED, CONNECTED_PAGE = "$SYS.REQ.ACCOUNT.{account}.CONNZ", 200
JETSTREAM = "$SYS.REQ.SERVER.PING.JSZ"


class ServerRefused(Exception):
    """A server of NATS is not set up as the archive's promise needs it: says what to do."""


@asynccontextmanager
async def as_archive(settings: HqSettings, clock: Clock, rng: random.Random) -> AsyncIterator[NatsConnection]:
    """On any of the servers. Raises NatsAway, ConfigError."""
    async with _as(settings, settings.archive_key, "hq", clock, rng) as line:
        yield line


@asynccontextmanager
async def as_system(settings: HqSettings, clock: Clock, rng: random.Random) -> AsyncIterator[NatsConnection]:
    async with _as(settings, settings.key(SYSTEM, "account"), "hq-system", clock, rng) as line:
        yield line


@asynccontextmanager
async def _as(
    settings: HqSettings, account: KeyPair, name: str, clock: Clock, rng: random.Random
) -> AsyncIterator[NatsConnection]:
    key = KeyPair.make("user")
    claim = user_claim(account, key.public, name, EVERYTHING, at=clock.now() // 1000)
    # Under no store's inbox, in whatever account: no name of one has capitals.
    identity = Identity(key, claim, f"_INBOX.{name.upper()}.{rng.getrandbits(64):016x}", f"tether {name}")
    servers = list(settings.nats.servers)
    rng.shuffle(servers)
    tls = pinned(settings.ca)
    failures: list[str] = []
    for patience, server in product(PATIENCE, servers):
        entered = connected(server, tls, identity, patience=patience)
        try:
            line = await entered.__aenter__()
        except NotAuthorised:
            raise
        except NatsAway as error:
            failures.append(str(error))
            continue
        try:
            yield line
        finally:
            await entered.__aexit__(None, None, None)
        return
    raise NatsAway("none of NATS's servers can be reached: " + "; ".join(failures))


async def put_in_force(
    line: NatsConnection, settings: HqSettings, clock: Clock, revoked: Mapping[str, int], *, after: int = 0
) -> None:
    """As the system. These keys are out on every server that is there once this returns: connected ones are cut. One that is not there learns of it from the
    others when it comes back. `after`: when the word before was signed (seconds). Raises NatsAway where none took it, or one would not."""
    operator, archive = settings.key(OPERATOR, "operator"), settings.archive_key.public
    # Of two words servers give each other the one of the later date: that is this one, whatever the clock says.
    at = max(clock.now() // 1000, after + 1)
    claims = (
        archive_claim(operator, archive, at=at, storage=STORAGE, memory=MEMORY),
        fleet_claim(operator, settings.key(ACCOUNT, "account").public, archive, at=at, revoked=revoked),
    )
    most = len(settings.nats.servers)
    asking = (line.ask_all(UPDATE, claim.encode(), wait=ANSWER_SECONDS, most=most) for claim in claims)
    # At once: who is out is not to be waited with until a server that is away is given up.
    both = await asyncio.gather(*asking, return_exceptions=True)
    for answers in both:
        if isinstance(answers, BaseException):
            raise answers
        if not answers:
            raise NatsAway("no server of NATS took the fleet's new claims in time")
        for answer in answers:
            if b'"code":200' not in answer:
                raise NatsAway(f"NATS did not take the fleet's new claim: {_why_not(answer)}")


async def claims_in_force(line: NatsConnection, settings: HqSettings) -> Sequence[AccountClaim]:
    """As the system. Of each server the keys that it keeps out, as headquarters signed it: this archive may be an older copy, and a server
    that just came back may not have heard of the newest. Raises NatsAway, also where no server says."""
    operator, account = settings.key(OPERATOR, "operator"), settings.key(ACCOUNT, "account")
    asked, most = LOOKUP.format(account=account.public), len(settings.nats.servers)
    for seconds in (LOOKUP_SECONDS, ANSWER_SECONDS):
        if answers := await line.ask_all(asked, b"", wait=seconds, most=most):
            break
    else:
        raise NatsAway("no server of NATS said which claims are in force there")
    return [read_account_claim(answer.decode("ascii", "replace"), operator.public) for answer in answers]


class _Client(msgspec.Struct, frozen=True):
    jwt: str = ""


class _Clients(msgspec.Struct, frozen=True):
    connections: list[_Client] = []


class _Connected(msgspec.Struct, frozen=True):
    data: _Clients = _Clients()


async def keys_that_come_as(line: NatsConnection, store: str, settings: HqSettings) -> Mapping[str, int]:
    """As the system. The keys with which somebody is that store to NATS at this moment, by headquarters' own claims, and when these were
    signed (seconds): this archive may be older than they are. Where none is found, a server that is slow to answer may have it."""
    return await _connected_as(line, store, settings, LOOKUP_SECONDS) or await _connected_as(
        line, store, settings, ANSWER_SECONDS
    )


async def _connected_as(line: NatsConnection, store: str, settings: HqSettings, wait: float) -> Mapping[str, int]:
    account, found, offset = settings.key(ACCOUNT, "account").public, dict[str, int](), 0
    while True:
        asked = msgspec.json.encode({"auth": True, "limit": CONNECTED_PAGE, "offset": offset})
        answers = await line.ask_all(
            CONNECTED.format(account=account), asked, wait=wait, most=len(settings.nats.servers)
        )
        pages = [msgspec.json.decode(each, type=_Connected).data.connections for each in answers]
        claims = [claim_by(client.jwt, account) for page in pages for client in page]
        for claim in claims:
            if claim is not None and claim.name == store:
                found[claim.sub] = max(claim.iat, found.get(claim.sub, 0))
        if all(len(page) < CONNECTED_PAGE for page in pages):
            return found
        offset += CONNECTED_PAGE


class _Error(msgspec.Struct, frozen=True):
    description: str = ""


class _Refusal(msgspec.Struct, frozen=True):
    error: _Error = _Error()


def _why_not(answer: bytes) -> str:
    """In a server's words, which stand behind a page on the server itself."""
    try:
        said = msgspec.json.decode(answer, type=_Refusal).error.description
    except msgspec.MsgspecError:
        said = ""
    return said or repr(answer[-200:])


class _Jetstream(msgspec.Struct, frozen=True):
    config: dict[str, object] = {}


class _Server(msgspec.Struct, frozen=True):
    name: str = ""
    ver: str = ""


class _Ping(msgspec.Struct, frozen=True):
    server: _Server = _Server()
    data: _Jetstream = _Jetstream()


async def check_servers(settings: HqSettings, clock: Clock, rng: random.Random) -> Sequence[str]:
    """The servers that answered, by name. Raises ServerRefused where one would lose what it acknowledged, NatsAway."""
    async with as_system(settings, clock, rng) as line:
        answers = await line.ask_all(JETSTREAM, b"", wait=ANSWER_SECONDS, most=len(settings.nats.servers))
    names = []
    for raw in answers:
        ping = msgspec.json.decode(raw, type=_Ping)
        names.append(ping.server.name)
        if not ping.data.config.get("sync_always"):
            raise ServerRefused(
                f'{ping.server.name}: sync_interval is not "always" in its jetstream block: what it acknowledges is lost when the '
                "power fails. Set it as tether hq init wrote it, restart that server, and start HQ again"
            )
    if not names:
        raise NatsAway("none of NATS's servers said how it is set up")
    return sorted(names)
