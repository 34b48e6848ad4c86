"""One connection with NATS, made and ended within bounds: all that the link and HQ know of the client library is here.

The library finds a dead line late, keeps trying by itself, and says of a refused publish only to a callback that there was one. So it
makes one connection and nothing more, ours is the patience, and a refusal becomes an error that says so. It is loaded by the first
connection: a command that has none does without.
"""

import asyncio
import contextlib
import logging
import math
import secrets
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from daemon.fleet.nkey import KeyPair
from daemon.fleet.stored import CONDITION, Stored, read_headers, read_stored

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

SOCKET_SECONDS = 10.0
PING_SECONDS = 20
UNANSWERED = 2
"""Pings without an answer after which a connection is dropped: 60 s in all."""
SILENT_SECONDS = PING_SECONDS * (UNANSWERED + 1.0)
"""How long a large answer may take to come whole: a line that brings nothing at all is given up by then."""
CLOSE_SECONDS = 1.0
BATCH_BYTES = 4 * 2**20


class _Chatter(logging.Filter):
    """asyncio's remark on how the library ends TLS, at every goodbye: it means nothing to anybody here."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "eof_received" not in record.getMessage()


logging.getLogger("nats").setLevel(logging.CRITICAL)
logging.getLogger("asyncio").addFilter(_Chatter())


class NatsAway(Exception):
    """The connection can't be had, or is gone: tried again later."""


class NotAuthorised(NatsAway):
    """NATS refuses this key, or this key this act."""


class WrongSequence(NatsAway):
    """Somebody else wrote to that subject meanwhile."""


class Identity(msgspec.Struct, frozen=True):
    """Who we are to NATS, and the prefix under which answers come back to us and nobody else."""

    key: KeyPair
    claim: str
    inbox: str
    name: str


class Ack(msgspec.Struct, frozen=True):
    """What a stream says of a publish."""

    seq: int
    duplicate: bool = False


class _AckError(msgspec.Struct, frozen=True):
    code: int = 0
    err_code: int = 0
    description: str = ""


class _AckBody(msgspec.Struct, frozen=True):
    seq: int = 0
    duplicate: bool = False
    error: _AckError | None = None


_WRONG_LAST_SEQUENCE = (10071, 10164)
_ack = msgspec.json.Decoder(_AckBody)


def pinned(ca: Path) -> ssl.SSLContext:
    """TLS 1.3 with the fleet's own authority and no other. Raises NatsAway."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_verify_locations(ca)
    except (OSError, ssl.SSLError) as error:
        raise NatsAway(f"the fleet's certificate {ca} can't be read: {error}") from error
    return context


class NatsConnection:
    """An open connection. Every call is bounded, and raises NatsAway when it can't be done."""

    def __init__(self, client: "Client", identity: Identity, server: str) -> None:
        self._client = client
        self._identity = identity
        self._asking: set[asyncio.Future[None]] = set()
        self.server = server
        self.claim = identity.claim
        self.lost = asyncio.Event()
        self.on_loss: Callable[[], None] = lambda: None
        self.bytes_out = 0

    async def publish(
        self,
        subject: str,
        body: bytes,
        *,
        id: str | None = None,
        expect: int | None = None,
        timeout: float = SOCKET_SECONDS,
    ) -> Ack:
        """Have a stream keep it. `id`: the stream keeps one of that id; `expect`: only if the subject's newest is of that number."""
        headers = {}
        if id is not None:
            headers["Nats-Msg-Id"] = id
        if expect is not None:
            headers[CONDITION] = str(expect)
        answer = await self.request(subject, body, headers=headers or None, timeout=timeout)
        try:
            ack = _ack.decode(answer.data)
        except msgspec.MsgspecError as error:
            raise NatsAway(f"no stream answered for {subject}: {answer.header or answer.data[:80]!r}") from error
        if ack.error is not None:
            if ack.error.err_code in _WRONG_LAST_SEQUENCE:
                raise WrongSequence(ack.error.description)
            raise NatsAway(f"the stream refused {subject}: {ack.error.description}")
        return Ack(ack.seq, ack.duplicate)

    async def request(
        self, subject: str, body: bytes, *, headers: dict[str, str] | None = None, timeout: float = SOCKET_SECONDS
    ) -> "Msg":
        """One question, one answer."""
        self.bytes_out += len(body)
        asking = asyncio.ensure_future(self._client.request(subject, body, timeout=timeout, headers=headers))  # noqa: TID251
        return await self._or_trouble(asking, subject)

    async def _or_trouble(self, asking: "asyncio.Future[Msg]", subject: str) -> "Msg":
        """A denied publish is never answered, nor what was asked on a connection that is gone: what comes instead is a word to a callback."""
        trouble: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asking.add(trouble)
        try:
            either: set[asyncio.Future[Any]] = {asking, trouble}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if trouble.done():
                trouble.result()
            return await asking
        except _failures() as error:
            raise NatsAway(f"no answer for {subject}: {_words(error)}") from error
        finally:
            self._asking.discard(trouble)
            trouble.cancel()
            if not asking.done():
                asking.cancel()
                with contextlib.suppress(asyncio.CancelledError, *_failures()):
                    await asking

    async def tell(self, subject: str, body: bytes) -> None:
        """Without waiting for an answer."""
        self.bytes_out += len(body)
        try:
            async with asyncio.timeout(SOCKET_SECONDS):
                await self._client.publish(subject, body)
        except _failures() as error:
            raise NatsAway(f"can't tell {subject}: {_words(error)}") from error

    async def listen(self, subject: str, heard: "Callable[[Msg], None]") -> None:
        """Have `heard` called (in the loop's thread) for what is published there from now on."""

        async def pass_on(message: "Msg") -> None:
            heard(message)

        try:
            await self._client.subscribe(subject, cb=pass_on)
        except _failures() as error:
            raise NatsAway(f"can't listen to {subject}: {_words(error)}") from error

    async def newest(self, stream: str, subject: str, *, timeout: float = SOCKET_SECONDS) -> Stored | None:
        """The newest that a stream keeps under that very subject."""
        found = _stored(await self.request(f"$JS.API.DIRECT.GET.{stream}.{subject}", b"", timeout=timeout), stream)
        if found is not None and found.subject != subject:
            raise NatsAway(f"what came is {found.subject}, and {subject} was asked for")
        return found

    async def following(self, stream: str, after: int) -> Stored | None:
        """The first that a stream keeps beyond that number; None: there is none yet."""
        asked = msgspec.json.encode({"seq": after + 1, "next_by_subj": ">"})
        return _stored(await self.request(f"$JS.API.DIRECT.GET.{stream}", asked), stream, after)

    async def read(
        self, stream: str, after: int, *, limit: int, subject: str = ">", max_bytes: int = BATCH_BYTES
    ) -> list[Stored]:
        """What a stream keeps beyond that number, in its order: up to `limit` in one question. On a slow line it may be fewer: what came
        counts, and is not asked for again."""
        inbox = f"{self._identity.inbox}.{self._client.new_inbox().rpartition('.')[2]}"
        asked = {"seq": after + 1, "batch": limit, "next_by_subj": subject, "max_bytes": max_bytes}
        found: list[Stored] = []
        try:
            async with asyncio.timeout(SOCKET_SECONDS) as patience:
                answers = await self._client.subscribe(inbox)
                try:
                    await self._client.publish(f"$JS.API.DIRECT.GET.{stream}", msgspec.json.encode(asked), reply=inbox)
                    async for answer in answers.messages:
                        stored = _stored(answer, stream, found[-1].seq if found else after)
                        if stored is None:
                            break
                        found.append(stored)
                        patience.reschedule(asyncio.get_running_loop().time() + SOCKET_SECONDS)
                finally:
                    await answers.unsubscribe()
        except _failures() as error:
            if not found:
                raise NatsAway(f"stream {stream} can't be read: {_words(error)}") from error
        return found

    async def ask_all(self, subject: str, body: bytes, *, wait: float, most: int) -> list[bytes]:
        """One question that several may answer: what came within that many seconds, or as soon as `most` have."""
        inbox = f"{self._identity.inbox}.{self._client.new_inbox().rpartition('.')[2]}"
        found: list[bytes] = []
        try:
            answers = await self._client.subscribe(inbox)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._client.publish(subject, body, reply=inbox)
                    async for answer in answers.messages:
                        found.append(answer.data)
                        if len(found) == most:
                            break
            await answers.unsubscribe()
        except _failures() as error:
            raise NatsAway(f"{subject} can't be asked: {_words(error)}") from error
        return found

    async def close(self) -> None:
        await _close(self._client)

    # ------------------------------------------------------------ told by the library

    def heard_error(self, error: Exception) -> None:
        words = str(error)
        if "permissions violation" in words.lower():
            self._trouble(NotAuthorised(f"NATS refuses it: {words.removeprefix('nats: ')}"))

    def heard_loss(self) -> None:
        self.lost.set()
        self.on_loss()
        self._trouble(NatsAway("the line is gone"))

    def _trouble(self, error: NatsAway) -> None:
        for waiting in self._asking:
            if not waiting.done():
                waiting.set_exception(error)


@asynccontextmanager
async def connected(
    server: str, tls: ssl.SSLContext, identity: Identity, *, patience: float = SOCKET_SECONDS
) -> AsyncIterator[NatsConnection]:
    """A connection to that server, had within `patience` seconds, and closed at the end. Raises NatsAway, NotAuthorised."""
    client = _hearing()()
    nats = NatsConnection(client, identity, server)
    last: list[Exception] = []

    async def on_error(error: Exception) -> None:
        last.append(error)
        del last[:-3]
        nats.heard_error(error)

    async def on_lost() -> None:
        nats.heard_loss()

    try:
        try:
            async with asyncio.timeout(patience):
                await client.connect(
                    servers=[server],
                    tls=tls,
                    tls_handshake_first=True,
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    connect_timeout=math.ceil(patience),
                    ping_interval=PING_SECONDS,
                    max_outstanding_pings=UNANSWERED,
                    error_cb=on_error,
                    disconnected_cb=on_lost,
                    closed_cb=on_lost,
                    signature_cb=lambda nonce: b64encode(identity.key.sign(nonce.encode())),
                    user_jwt_cb=lambda: bytearray(identity.claim.encode()),
                    inbox_prefix=identity.inbox,
                    name=identity.name,
                    pending_size=2 * 2**20,
                )
        except _failures(ValueError) as error:
            raise _why(server, last or [error]) from error
        yield nats
    finally:
        await _close(client)


@cache
def _hearing() -> type["Client"]:
    """The library's own hears nothing any more after one message whose subject or header it can't decode. And who saw one of its inboxes
    knows the next: stores are together in an account, where servers' answers go wherever somebody says."""
    from nats.aio.client import Client
    from nats.nuid import NUID, TOTAL_LENGTH

    class Unguessable(NUID):
        def next(self) -> bytearray:
            return bytearray(secrets.token_hex(TOTAL_LENGTH // 2), "ascii")

    class Hearing(Client):
        def __init__(self) -> None:
            super().__init__()
            self._nuid = Unguessable()

        async def _process_headers(self, headers: bytes | None) -> dict[str, str] | None:
            return read_headers(headers) if headers else None

        def _build_message(
            self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
        ) -> "Msg":
            words = subject.decode("utf-8", "replace").encode()
            message: Msg = super()._build_message(sid, words, reply, data, headers)
            return message

    return Hearing


async def _close(client: "Client") -> None:
    """The library closes politely, which a dead connection can hold up: at most `CLOSE_SECONDS`, then the socket is cut."""
    try:
        with contextlib.suppress(AssertionError, AttributeError, *_failures()):
            async with asyncio.timeout(CLOSE_SECONDS):
                await client.close()
    finally:
        transport = getattr(client, "_transport", None)
        writer = getattr(transport, "_io_writer", None) or getattr(transport, "_bare_io_writer", None)
        if writer is not None:
            # On Python 3.11.2, which Debian 12 has, what is closed already can't be cut.
            with contextlib.suppress(AttributeError):
                writer.transport.abort()


def _why(server: str, errors: Sequence[Exception]) -> NatsAway:
    told = " ".join(str(error) for error in errors).lower()
    if "authorization violation" in told or "user authentication revoked" in told:
        return NotAuthorised(f"{server} refuses this store's key")
    return NatsAway(f"{server}: {_words(errors[0])}")


def _failures(*more: type[Exception]) -> tuple[type[Exception], ...]:
    """How the library, and the network below it, say that it could not be done; and `more`."""
    from nats.errors import Error

    return (Error, OSError, TimeoutError, *more)


def _words(error: BaseException) -> str:
    return str(error) or {"TimeoutError": "no answer in time"}.get(type(error).__name__, type(error).__name__)


def _stored(answer: "Msg", stream: str, after: int = 0) -> Stored | None:
    """None: the stream has no such message. What nobody asked for is no answer."""
    headers = answer.headers or {}
    found = read_stored(headers, answer.data)
    if found is not None and (headers.get("Nats-Stream") != stream or found.seq <= after):
        raise NatsAway(f"what came is {found.seq} of {headers.get('Nats-Stream')}: asked was {stream} beyond {after}")
    if found is None and (status := headers.get("Status", "")) not in ("404", "204"):
        raise NatsAway(f"the stream did not answer: {status} {headers.get('Description', '')}".rstrip())
    return found
