"""Mail by any SMTP server (RFC 5321): the store's own provider, where no API is wanted.

Each message has its own connection; which command was refused tells what is wrong: the sender (channel), the recipient, or the
text. A cut after the text began to go is unknown, and SMTP has no way to ask. Longer than most files here because it is not
HTTP and so stands on no base but `Channel`.
"""

import asyncio
import re
import ssl
from collections.abc import Awaitable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Literal

import aiosmtplib
import msgspec

from daemon.channels._mail import Sender, compose, in_ascii, is_plain, sender
from daemon.channels._verdict import Failure
from daemon.channels.base import Channel, CommonSettings, Health, Misconfigured, Outgoing
from daemon.http import Http
from daemon.redact import scrub
from daemon.shortage import CODE, is_short
from daemon.shortage import words as words_of_shortage
from outbox.outcome import Accepted, Deferred, Outcome, Rejected, Scope, Unknown

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_ACCOUNT = "check SMTP_USERNAME and SMTP_PASSWORD in .env, and host, port and security in [channels.smtp]"
_CERTIFICATE = "is it a mail server of your own with a certificate of its own, set [channels.smtp] verify = false; else look at `host` and at this machine's clock"
_SENDER = "the server does not let this account send as `from` in [channels.smtp]"
_QUOTA = "the account may send no more mails for now: set daily_limit in [channels.smtp] to what the provider allows"
_QUOTA_RENEWS = 3600
"""Seconds."""
_MAX_WORDS = 300
_TAKES_SECONDS = 120.0
"""How long the server may take for the text and its answer to that: many look through a mail before they answer, and one that is given up
meanwhile arrives twice (RFC 5321, 4.5.3.2.6, has clients wait ten minutes)."""
_ENHANCED = re.compile(r"\b5\.(\d{1,3})\.(\d{1,3})\b")
_LOGIN_CODES = frozenset({530, 534, 535, 538})


class SmtpSettings(CommonSettings, frozen=True, kw_only=True):
    host: str
    from_: str = msgspec.field(name="from")
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    """None: 587 for starttls, 465 for tls, 25 for none."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    verify: bool = True
    """False: take the server's certificate unseen (a mail server on the store's own LAN)."""


class _Refused(Exception):
    """A step's outcome is decided."""

    def __init__(self, outcome: Failure) -> None:
        super().__init__()
        self.outcome = outcome


class _Progress:
    """How far a delivery came: what a cut means depends on it."""

    def __init__(self) -> None:
        self.connected = False
        self.writing = False


class Smtp(Channel):
    name = "smtp"
    medium = "email"
    title = "SMTP"
    address_kinds = ("email",)
    optional_secrets = ("SMTP_USERNAME", "SMTP_PASSWORD")
    asked = ("SMTP_USERNAME", "SMTP_PASSWORD")
    rank = 60
    Settings = SmtpSettings
    default_rate = 2
    default_concurrency = 2

    settings: SmtpSettings

    def __init__(self, settings: SmtpSettings, secrets: Mapping[str, str], http: Http) -> None:
        self.settings = settings
        by = sender(settings.from_, "channels.smtp.from")
        self.sender = Sender(by.name, in_ascii("", by.address))
        self.username = secrets.get("SMTP_USERNAME", "")
        self.password = secrets.get("SMTP_PASSWORD", "")
        if bool(self.username) != bool(self.password):
            missing = "SMTP_PASSWORD" if self.username else "SMTP_USERNAME"
            raise Misconfigured(
                f"{missing} is missing: put it in .env, or take the other one out for a server that wants none"
            )
        self.port = settings.port or _PORTS[settings.security]

    def hosts(self) -> Sequence[tuple[str, int]]:
        return ((self.settings.host, self.port),)

    async def send(self, out: Outgoing) -> Outcome:
        progress, client = _Progress(), self._client()
        try:
            async with asyncio.timeout(self.settings.timeout) as patience:
                outcome = await self._deliver(out, client, progress, patience)
            await _leave(client)
            return outcome
        except _Refused as refused:
            return self._clean(refused.outcome, _addresses(out))
        except (aiosmtplib.SMTPException, OSError) as error:
            return self._clean(_fault(error, progress), _addresses(out))
        finally:
            client.close()

    async def check(self) -> Health:
        progress, client = _Progress(), self._client()
        try:
            async with asyncio.timeout(self.settings.timeout):
                await self._open(client, progress)
        except _Refused as refused:
            return Health(ok=False, summary=self._clean(refused.outcome, ()).reason, remedy=_ACCOUNT)
        except (aiosmtplib.SMTPException, OSError) as error:
            return Health(ok=False, summary=self._clean(_fault(error, progress), ()).reason, remedy=_ACCOUNT)
        finally:
            client.close()
        return Health(ok=True, summary=f"{self.settings.host} {'knows us' if self.username else 'answers'}")

    async def _deliver(
        self, out: Outgoing, client: aiosmtplib.SMTP, progress: _Progress, patience: asyncio.Timeout
    ) -> Outcome:
        out = msgspec.structs.replace(out, to=in_ascii("", out.to))
        mail = compose(out, self.sender)
        await self._open(client, progress)
        encoding, options = "ascii", []
        if not is_plain(out, self.sender):
            encoding, options = "utf-8", ["SMTPUTF8"]
            await _step(client.ehlo(), Scope.CHANNEL, _ACCOUNT)
            if not client.supports_extension("smtputf8"):
                if not self.sender.address.isascii():
                    return Rejected(Scope.CHANNEL, "smtputf8", "the server takes no sender outside ASCII", _SENDER)
                return Rejected(Scope.RECIPIENT, "smtputf8", "the server takes no addresses outside ASCII")
        await _step(client.mail(self.sender.address, options=options, encoding=encoding), Scope.CHANNEL, _SENDER)
        await _step(client.rcpt(out.to, encoding=encoding), Scope.RECIPIENT, "")
        progress.writing = True
        patience.reschedule(asyncio.get_running_loop().time() + _TAKES_SECONDS)
        data = client.data(mail.as_bytes(), timeout=_TAKES_SECONDS)
        await _step(data, Scope.MESSAGE, "the server refused the content of this mail")
        return Accepted(str(mail["Message-ID"]).strip("<>"))

    async def _open(self, client: aiosmtplib.SMTP, progress: _Progress) -> None:
        await client.connect()
        progress.connected = True
        if self.username:
            await _step(client.login(self.username, self.password), Scope.CHANNEL, _ACCOUNT)

    def _client(self) -> aiosmtplib.SMTP:
        context = ssl.create_default_context()
        if not self.settings.verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        security = self.settings.security
        return aiosmtplib.SMTP(
            hostname=self.settings.host,
            port=self.port,
            local_hostname=in_ascii("", self.sender.address).rpartition("@")[2],
            timeout=self.settings.timeout,
            use_tls=security == "tls",
            start_tls=security == "starttls",
            tls_context=None if security == "none" else context,
        )

    def private(self) -> Sequence[str]:
        return (self.password, self.username)

    def _clean(self, said: Failure, addresses: Collection[str]) -> Failure:
        words = scrub(" ".join(said.reason.split()), self.private(), addresses)
        return msgspec.structs.replace(said, reason=words[:_MAX_WORDS])


def _addresses(out: Outgoing) -> Collection[str]:
    """In every form in which the server may say them."""
    return (out.to, in_ascii("", out.to), *out.addresses.values())


async def _step(command: Awaitable[object], scope: Scope, remedy: str) -> None:
    """Run one command; a refusal by the server ends the delivery with what it means there."""
    try:
        await command
    except aiosmtplib.SMTPResponseException as error:
        raise _Refused(_refusal(error.code, error.message, scope, remedy)) from error


async def _leave(client: aiosmtplib.SMTP) -> None:
    """Say goodbye: the mail is taken by now, whatever becomes of it."""
    with suppress(aiosmtplib.SMTPException, OSError):
        await client.quit(timeout=1)


def _fault(error: Exception, progress: _Progress) -> Failure:
    """What ended a delivery other than a reply to one of its commands."""
    words = str(error) or "no answer in time"
    if (why := _certificate(error)) is not None:
        words = f"the server's certificate does not hold ({why}): {_CERTIFICATE}"
    if progress.writing:
        return Unknown(f"the mail may have been taken: {words}", code="no_answer")
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return _refusal(error.code, error.message, Scope.CHANNEL, _ACCOUNT)
    if isinstance(error, aiosmtplib.SMTPTimeoutError | aiosmtplib.SMTPServerDisconnected | OSError):
        if is_short(error) and not progress.connected:
            return Deferred(words_of_shortage(error), code=CODE, local=True)
        if progress.connected:
            return Deferred(f"the connection was cut before the mail was sent: {words}", code="cut")
        return Deferred(f"no connection: {words}", code="unreachable", unreachable=True)
    return Rejected(Scope.CHANNEL, "unsupported", words, _ACCOUNT)


def _certificate(error: BaseException | None) -> str | None:
    """What is wrong with the server's certificate; None: nothing is."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message
        error = error.__cause__ or error.__context__
    return None


def _refusal(code: int, words: str, scope: Scope, remedy: str) -> Failure:
    """A reply of 4xx or 5xx (RFC 5321 section 4.2.1), its scope corrected by an enhanced code (RFC 3463) where there is one."""
    if code < 500:
        return Deferred(words, str(code))
    enhanced = _ENHANCED.search(words)
    subject, detail = (int(enhanced[1]), int(enhanced[2])) if enhanced else (0, 0)
    if code in _LOGIN_CODES:
        scope, remedy = Scope.CHANNEL, _ACCOUNT
    elif (subject, detail) == (4, 5):
        return Rejected(Scope.CHANNEL, str(code), words, _QUOTA, after=_QUOTA_RENEWS)
    elif (subject, detail) in {(1, 7), (1, 8)}:
        scope, remedy = Scope.CHANNEL, _SENDER
    elif scope is not Scope.CHANNEL and subject in {1, 2} and (subject, detail) != (2, 3):
        scope, remedy = Scope.RECIPIENT, ""
    elif (subject, detail) in {(3, 4), (2, 3)}:
        scope, remedy = Scope.MESSAGE, "the mail is too large for this server"
    return Rejected(scope, str(code), words, remedy)
