"""A mail server that takes everything and delivers nothing: RFC 5321 with AUTH PLAIN and LOGIN (RFC 4954), without TLS.

Recipients may ask for trouble like anywhere here (`daemon.sandbox.fate`): invalid@ is refused with 550 5.1.1, optedout@ with 550 5.7.1.
"""

import asyncio
import base64
import re
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from typing import Any

from daemon.sandbox.fate import Fate, fate_of
from daemon.sandbox.faults import Fault, Faults
from daemon.sandbox.line import Line
from daemon.sandbox.mailbox import Arrival
from daemon.sandbox.providers.base import World
from outbox.clock import Clock

SECRETS = {"SMTP_USERNAME": "sandbox", "SMTP_PASSWORD": "sandbox-smtp-password"}
"""What it takes for good credentials, by the name each has in `.env`."""
MAX_MAIL = 10 * 2**20
IDLE = 300.0
"""Seconds without a command before a session is closed (RFC 5321 4.5.3.2.7)."""

_PATH = re.compile(r"(?:FROM|TO):\s*<([^>]*)>(.*)", re.IGNORECASE)
_REFUSED = {
    Fate.INVALID: "550 5.1.1 No such mailbox",
    Fate.OPTED_OUT: "550 5.7.1 The recipient does not want mail from you",
}


def settings(host: str, port: int) -> dict[str, Any]:
    """The table of a store's `smtp` channel."""
    return {"host": host, "port": port, "security": "none", "from": "orders@example.com"}


class HangUp(Exception):
    """The session ends without a farewell."""


@dataclass
class Envelope:
    sender: str | None = None
    to: list[str] = field(default_factory=list)


class SmtpSink:
    """One listening socket (a `line.Listener`); each connection is a `Session`."""

    line: Line

    def __init__(self, world: World, faults: Faults, clock: Clock, host: str, port: int) -> None:
        self.world = world
        self.faults = faults
        self.clock = clock
        self._host, self.port = host, port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def address(self) -> tuple[str, int]:
        return self._host, self.port

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, self._host, self.port, limit=2**20)
        self.port = self._server.sockets[0].getsockname()[1]

    async def deafen(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if not self.line.up:
                await self.line.quiet()
                return
            await Session(self, reader, writer).run()
        except (HangUp, ConnectionError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.transport.abort()
        finally:
            self._open.discard(writer)
            writer.close()


class Session:
    def __init__(self, sink: SmtpSink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._sink = sink
        self._reader = reader
        self._writer = writer
        self._envelope = Envelope()
        self._greeted = self._authorized = False

    async def run(self) -> None:
        await self._say("220 sandbox.example ESMTP")
        while True:
            verb, _, rest = (await self._line()).partition(" ")
            match verb.upper():
                case "EHLO" | "HELO" as hello:
                    self._greeted, self._envelope = True, Envelope()
                    await self._say(*(_EXTENSIONS if hello == "EHLO" else ("250 sandbox.example",)))
                case "AUTH":
                    await self._auth(rest)
                case "MAIL":
                    await self._mail(rest)
                case "RCPT":
                    await self._rcpt(rest)
                case "DATA":
                    await self._data()
                case "RSET":
                    self._envelope = Envelope()
                    await self._say("250 2.0.0 OK")
                case "NOOP":
                    await self._say("250 2.0.0 OK")
                case "QUIT":
                    await self._say("221 2.0.0 Bye")
                    return
                case _:
                    await self._say("500 5.5.2 Command not recognised")

    # ------------------------------------------------------------ commands

    async def _auth(self, rest: str) -> None:
        method, _, initial = rest.partition(" ")
        if method.upper() not in ("PLAIN", "LOGIN"):
            await self._say("504 5.5.4 Unrecognised authentication type")
            return
        try:
            given = await self._credentials(method.upper(), initial)
        except ValueError:  # bad base64 and bad UTF-8 are both
            await self._say("501 5.5.2 Malformed credentials")
            return
        secrets = self._sink.world.secrets
        self._authorized = given == (secrets["SMTP_USERNAME"], secrets["SMTP_PASSWORD"])
        await self._say("235 2.7.0 Authentication successful" if self._authorized else "535 5.7.8 Bad credentials")

    async def _credentials(self, method: str, initial: str) -> tuple[str, str]:
        if method == "PLAIN":
            _, user, password = _unbase64(initial or await self._challenge("")).split("\0")
            return user, password
        user = _unbase64(initial or await self._challenge("VXNlcm5hbWU6"))
        return user, _unbase64(await self._challenge("UGFzc3dvcmQ6"))

    async def _challenge(self, text: str) -> str:
        await self._say(f"334 {text}")
        return await self._line()

    async def _mail(self, rest: str) -> None:
        match = _PATH.fullmatch(rest)
        size = re.search(r"\bSIZE=(\d+)", rest, re.IGNORECASE)
        if not self._greeted:
            await self._say("503 5.5.1 Say EHLO first")
        elif not self._authorized:
            await self._say("530 5.7.0 Authentication required")
        elif not match:
            await self._say("501 5.5.4 Syntax: MAIL FROM:<address>")
        elif size and int(size[1]) > MAX_MAIL:
            await self._say("552 5.3.4 Message too big")
        else:
            self._envelope = Envelope(sender=match[1])
            await self._say("250 2.1.0 OK")

    async def _rcpt(self, rest: str) -> None:
        match = _PATH.fullmatch(rest)
        if self._envelope.sender is None:
            await self._say("503 5.5.1 MAIL first")
        elif not match or "@" not in match[1]:
            await self._say("501 5.1.3 Syntax: RCPT TO:<address>")
        elif (fate := fate_of(match[1])) in _REFUSED:
            await self._say(_REFUSED[fate])
        else:
            self._envelope.to.append(match[1])
            await self._say("250 2.1.5 OK")

    async def _data(self) -> None:
        if not self._envelope.to:
            await self._say("503 5.5.1 RCPT first")
            return
        await self._say("354 End data with <CR><LF>.<CR><LF>")
        source = await self._source()
        if source is None:
            await self._say("552 5.3.4 Message too big")
            return
        fault = self._sink.faults.pick("smtp", self._sink.clock.monotonic())
        envelope, self._envelope = self._envelope, Envelope()
        queued = self._take(envelope, source) if fault is None or fault.taken else ""
        if fault is None:
            await self._say(f"250 2.0.0 OK: queued as {queued}")
        else:
            await self._suffer(fault, queued)

    async def _suffer(self, fault: Fault, queued: str) -> None:
        clock = self._sink.clock
        match fault.kind:
            case "latency":
                await clock.sleep(fault.wait)
                await self._say(f"250 2.0.0 OK: queued as {queued}")
            case "error":
                await self._say(f"{fault.code or '451 4.3.0'} The sandbox was asked to fail")
            case "throttle":
                await self._say("421 4.7.0 Too many messages, try again later")
                raise HangUp
            case "garbage" | "captive_portal":
                await self._say("\x01\x02<html>")
            case "timeout":
                await clock.sleep(fault.wait)
                raise HangUp
            case "drop_before" | "drop_after":
                raise HangUp

    # ------------------------------------------------------------ bytes

    async def _line(self) -> str:
        async with asyncio.timeout(IDLE):
            raw = await self._reader.readuntil(b"\n")
        return raw.rstrip(b"\r\n").decode("utf-8", "replace")

    async def _source(self) -> bytes | None:
        """The mail's source up to the lone dot, its stuffing taken out; None: longer than we take."""
        lines: list[bytes] = []
        size = 0
        async with asyncio.timeout(IDLE):
            while (line := await self._reader.readuntil(b"\n")) != b".\r\n":
                size += len(line)
                if size <= MAX_MAIL:
                    lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines) if size <= MAX_MAIL else None

    async def _say(self, *lines: str) -> None:
        self._writer.write("".join(f"{line}\r\n" for line in lines).encode())
        await self._writer.drain()

    def _take(self, envelope: Envelope, source: bytes) -> str:
        """Put it into the mailbox, once for each recipient."""
        mail = message_from_bytes(source, _class=EmailMessage, policy=SMTPUTF8)
        world, now = self._sink.world, self._sink.clock.now()
        queued = f"{world.rng.getrandbits(48):012X}"
        message_id = str(mail["Message-ID"] or "").strip("<> ")
        for to in envelope.to:
            world.mailbox.add(
                Arrival(
                    seq=world.mailbox.next_seq,
                    provider="smtp",
                    medium="email",
                    id=message_id or queued,
                    to=to,
                    sender=envelope.sender or "",
                    subject=str(mail["Subject"] or ""),
                    text=_part(mail, "plain"),
                    html=_part(mail, "html"),
                    reference=message_id.partition("@")[0],
                    at=now,
                    method="DATA",
                    path="",
                    body=source.decode(errors="replace"),
                    fate=fate_of(to),
                )
            )
        return queued


_EXTENSIONS = (
    "250-sandbox.example",
    f"250-SIZE {MAX_MAIL}",
    "250-8BITMIME",
    "250-SMTPUTF8",
    "250-ENHANCEDSTATUSCODES",
    "250 AUTH PLAIN LOGIN",
)


def _part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    return str(part.get_content()).replace("\r\n", "\n") if part is not None else ""


def _unbase64(text: str) -> str:
    return base64.b64decode(text, validate=True).decode()
