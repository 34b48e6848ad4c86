"""Mail by SMTP against a real server: what arrives, and what each refusal or cut means."""

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from daemon.channels.base import Misconfigured
from daemon.channels.registry import build
from outbox.model import Rendered
from outbox.outcome import Accepted, Deferred, Rejected, Unknown
from tests.support.busy import too_late
from tests.support.certificate import server_context
from tests.support.channel_case import EMAIL, NOW, outgoing, told

SECRETS = {"SMTP_USERNAME": "till@example.com", "SMTP_PASSWORD": "correct horse"}
Hook = Callable[[], Any]


class Mailroom:
    """What the server got, and what it is to say to each command instead of yes."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.recipients: list[str] = []
        self.answers: dict[str, str] = {}
        self.cut_at = ""
        self.hang_at = ""
        self.reached = asyncio.Event()
        self.goes_on = asyncio.Event()

    async def _say(self, command: str, server: SMTP, good: str) -> str:
        if self.cut_at == command:
            assert server.transport is not None
            server.transport.abort()
        if self.hang_at == command:
            self.reached.set()
            await self.goes_on.wait()
        return self.answers.get(command, good)

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return await self._say("MAIL", server, "250 OK")

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        said = await self._say("RCPT", server, "250 OK")
        if said.startswith("250"):
            envelope.rcpt_tos.append(address)
        return said

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        said = await self._say("DATA", server, "250 OK queued as 12345")
        if said.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.mails.append(envelope.content)
            self.recipients += envelope.rcpt_tos
        return said

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        return await self._say("QUIT", server, "221 Bye")

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        good = isinstance(data, LoginPassword) and data.password == b"correct horse"
        return AuthResult(success=good, handled=good)

    def mail(self) -> EmailMessage:
        assert len(self.mails) == 1
        parsed = email.message_from_bytes(self.mails[0], policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed


@asynccontextmanager
async def running(room: Mailroom, **options: Any) -> AsyncIterator[int]:
    servers: list[SMTP] = []

    def protocol() -> SMTP:
        servers.append(
            SMTP(
                room,
                loop=asyncio.get_running_loop(),
                **{"enable_SMTPUTF8": True, "hostname": "mail.example.com", **options},
            )
        )
        return servers[-1]

    listener = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        for server in servers:
            if server.transport is not None:
                with suppress(AttributeError):  # Python 3.11.2, which Debian 12 has, can't where it is closed already
                    server.transport.abort()
        await listener.wait_closed()


@pytest.fixture
async def room() -> Mailroom:
    return Mailroom()


@pytest.fixture
async def port(room: Mailroom) -> AsyncIterator[int]:
    async with running(room, authenticator=room.authenticate, auth_require_tls=False, auth_required=False) as port:
        yield port


def smtp(port: int, secrets: dict[str, str] | None = None, **table: Any) -> Any:
    settings = {
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "from": "Balloon Löft <orders@example.com>",
        "timeout": "5s",
        **table,
    }
    return build("smtp", settings, secrets or {}, http=None)  # type: ignore[arg-type]


def mail(**changes: Any) -> Any:
    return outgoing(to=EMAIL, **changes)


# ---------------------------------------------------------------- what arrives


async def test_a_mail_arrives_whole(room: Mailroom, port: int) -> None:
    text = "Prêt 🎈\n.a line that begins with a dot\n" + "long " * 400
    rendered = Rendered(text, "Commande prête 🎈\nBcc: thief@example.com", "<p>Prêt 🎈</p>")
    outcome = await smtp(port).send(mail(rendered=rendered, name="Zoë\r\nX-Evil: 1"))
    assert outcome == Accepted("m1042ready0000000000000abc@example.com")
    got = room.mail()
    assert room.recipients == [EMAIL]
    assert got["Subject"] == "Commande prête 🎈 Bcc: thief@example.com"
    assert got["From"].addresses[0].display_name == "Balloon Löft"
    assert got["To"].addresses[0].addr_spec == EMAIL
    assert got["X-Evil"] is None
    assert got["Bcc"] is None
    assert got["Message-ID"] == "<m1042ready0000000000000abc@example.com>"
    assert got["Date"].datetime == datetime.fromtimestamp(NOW / 1000, UTC)
    assert got["Auto-Submitted"] == "auto-generated"
    assert got.get_content_type() == "multipart/alternative"
    plain, html = got.get_body(("plain",)), got.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().splitlines() == text.splitlines()
    assert html.get_content().strip() == "<p>Prêt 🎈</p>"
    assert max(len(line) for line in room.mails[0].split(b"\r\n")) <= 998
    assert room.mails[0].isascii()


async def test_what_staff_send_again_is_a_mail_of_its_own_and_its_repeat_is_none(room: Mailroom, port: int) -> None:
    """Mailboxes put away unseen what bears the Message-ID of another that they have, be it in the bin."""
    for attempt, first_try in ((1, 1), (2, 1), (3, 3), (4, 3)):
        await smtp(port).send(mail(attempt=attempt, first_try=first_try))
    ids = [email.message_from_bytes(each)["Message-ID"].partition("@")[0] for each in room.mails]
    assert ids == ["<m1042ready0000000000000abc"] * 2 + ["<m1042ready0000000000000abc.3"] * 2


async def test_a_server_that_looks_through_a_mail_for_a_minute_is_waited_for(room: Mailroom, port: int) -> None:
    """Whoever gives it up sends a mail again that was taken."""
    room.hang_at = "DATA"
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(smtp(port).send(mail()))
        await room.reached.wait()
        now = loop.time
        loop.time = lambda: now() + 60  # type: ignore[method-assign]
        await asyncio.sleep(0.01)
        room.goes_on.set()
    assert isinstance(sending.result(), Accepted)
    assert len(room.mails) == 1


async def test_a_server_that_does_not_say_goodbye_has_the_mail_all_the_same(room: Mailroom, port: int) -> None:
    room.cut_at = "QUIT"
    assert isinstance(await smtp(port).send(mail()), Accepted)
    assert len(room.mails) == 1


async def test_a_mail_says_where_answers_go_and_how_to_have_no_more_of_them(room: Mailroom, port: int) -> None:
    link = "https://tether.balloon-loft.example.com/unsubscribe/" + "A" * 43
    assert isinstance(await smtp(port).send(mail(reply_to="hello@shop.example", unsubscribe=link)), Accepted)
    got = room.mail()
    assert (got["Reply-To"], got["List-Unsubscribe"]) == ("hello@shop.example", f"<{link}>")
    assert got["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    lines = room.mails[0].splitlines()
    assert f"List-Unsubscribe: <{link}>".encode() in lines, "in one piece and not in encoded words"


async def test_without_a_link_silence_is_asked_for_by_mail(room: Mailroom, port: int) -> None:
    assert isinstance(await smtp(port).send(mail(unsubscribe="mailto:")), Accepted)
    assert room.mail()["List-Unsubscribe"] == "<mailto:orders@example.com?subject=unsubscribe>"
    assert room.mail()["List-Unsubscribe-Post"] is None


async def test_plain_text_alone_is_no_multipart(room: Mailroom, port: int) -> None:
    await smtp(port).send(mail(rendered=Rendered("Ready.")))
    assert room.mail().get_content_type() == "text/plain"
    assert room.mail()["Subject"] == "Order B-1042"


async def test_an_address_outside_ascii_goes_by_smtputf8(room: Mailroom, port: int) -> None:
    outcome = await smtp(port).send(outgoing(to="jörg@example.com", addresses={"email": "jörg@example.com"}))
    assert isinstance(outcome, Accepted)
    assert room.recipients == ["jörg@example.com"]


async def test_a_shop_whose_own_domain_is_outside_ascii_mails(room: Mailroom, port: int) -> None:
    sender = "Ballons <hallo@bällerei.example>"
    outcome = await smtp(port, **{"from": sender}).send(outgoing(to="ada@example.com", addresses={"email": EMAIL}))
    assert isinstance(outcome, Accepted)


async def test_a_host_outside_ascii_goes_by_any_server(room: Mailroom) -> None:
    ada = "ada@bücher.example"
    async with running(room, enable_SMTPUTF8=False) as port:
        channel = smtp(port, **{"from": "Ballons <hallo@bällerei.example>"})
        outcome = await channel.send(outgoing(to=ada, addresses={"email": ada}, reply_to="hallo@bücher.example"))
    assert isinstance(outcome, Accepted)
    assert room.recipients == ["ada@xn--bcher-kva.example"]
    assert b"Reply-To: hallo@xn--bcher-kva.example" in room.mails[0].splitlines()


async def test_a_sender_outside_ascii_is_no_customer_s_fault(room: Mailroom) -> None:
    async with running(room, enable_SMTPUTF8=False) as port:
        channel = smtp(port, **{"from": "Ballons <jörg@example.com>"})
        assert told(await channel.send(mail())) == "rejected:channel"


async def test_a_server_that_knows_no_smtputf8_cannot_reach_such_an_address(room: Mailroom) -> None:
    async with running(room, enable_SMTPUTF8=False) as port:
        outcome = await smtp(port).send(outgoing(to="jörg@example.com", addresses={"email": "jörg@example.com"}))
    assert told(outcome) == "rejected:recipient"


async def test_an_account_logs_in(room: Mailroom, port: int) -> None:
    assert isinstance(await smtp(port, SECRETS).send(mail()), Accepted)
    assert (await smtp(port, SECRETS).check()).ok
    assert (await smtp(port).check()).ok


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("command", "answer", "meaning"),
    [
        ("MAIL", "553 5.7.1 sender not owned", "rejected:channel"),
        ("MAIL", "550 5.1.0 sender rejected", "rejected:channel"),
        ("MAIL", "451 4.3.0 try later", "deferred"),
        ("MAIL", "530 5.7.0 authentication required", "rejected:channel"),
        ("RCPT", "550 5.1.1 no such user", "rejected:recipient"),
        ("RCPT", "550 no such user", "rejected:recipient"),
        ("RCPT", "552 5.2.2 mailbox full", "rejected:recipient"),
        ("RCPT", "550 5.1.8 bad sender domain", "rejected:channel"),
        ("RCPT", "450 4.2.0 greylisted", "deferred"),
        ("DATA", "554 5.7.1 spam", "rejected:message"),
        ("DATA", "552 5.3.4 too big", "rejected:message"),
        ("DATA", "550 5.4.5 Daily user sending limit exceeded", "rejected:channel"),
        ("DATA", "550 5.1.1 no such user after all", "rejected:recipient"),
        ("DATA", "451 4.7.0 slow down", "deferred"),
    ],
)
async def test_a_refusal_means_what_its_command_and_code_say(
    room: Mailroom, port: int, command: str, answer: str, meaning: str
) -> None:
    room.answers[command] = answer
    outcome = await smtp(port).send(mail())
    assert told(outcome) == meaning
    assert outcome.code == answer[:3]
    assert not room.mails


async def test_a_wrong_password_pauses_the_channel_and_is_not_told(room: Mailroom, port: int) -> None:
    channel = smtp(port, {**SECRETS, "SMTP_PASSWORD": "wrong battery"})
    outcome = await channel.send(mail())
    assert told(outcome) == "rejected:channel"
    assert outcome.remedy
    assert "wrong battery" not in repr(outcome)
    assert "wrong battery" not in repr(channel)
    health = await channel.check()
    assert not health.ok
    assert health.remedy


async def test_secrets_and_addresses_are_taken_out_of_the_servers_words(room: Mailroom, port: int) -> None:
    room.answers["RCPT"] = f"550 <{EMAIL}> unknown, said correct horse"
    outcome = await smtp(port, SECRETS).send(mail())
    assert isinstance(outcome, Rejected)
    assert EMAIL not in outcome.reason
    assert "correct horse" not in outcome.reason


async def test_tls_that_the_server_lacks_is_a_matter_for_the_owner(room: Mailroom, port: int) -> None:
    outcome = await smtp(port, security="starttls").send(mail())
    assert isinstance(outcome, Rejected)
    assert outcome.scope == "channel"
    assert "security" in outcome.remedy


# ---------------------------------------------------------------- the line


async def test_a_refused_connection_was_never_sent() -> None:
    outcome = await smtp(1).send(mail())
    assert isinstance(outcome, Deferred)
    assert outcome.unreachable
    assert not (await smtp(1).check()).ok


@pytest.mark.parametrize("command", ["MAIL", "RCPT"])
async def test_a_cut_before_the_text_is_deferred(room: Mailroom, port: int, command: str) -> None:
    room.cut_at = command
    assert told(await smtp(port).send(mail())) == "deferred"


async def test_a_cut_after_the_text_is_unknown(room: Mailroom, port: int) -> None:
    room.cut_at = "DATA"
    assert isinstance(await smtp(port).send(mail()), Unknown)


async def test_no_answer_to_the_text_in_time_is_unknown(room: Mailroom, port: int) -> None:
    room.hang_at = "DATA"
    assert isinstance(await too_late(smtp(port).send(mail()), room.reached), Unknown)


async def test_no_answer_before_the_text_is_deferred(room: Mailroom, port: int) -> None:
    room.hang_at = "MAIL"
    assert told(await too_late(smtp(port).send(mail()), room.reached)) == "deferred"


async def test_cancelled_in_flight_closes_the_connection(room: Mailroom, port: int) -> None:
    room.hang_at = "DATA"
    async with asyncio.TaskGroup() as group:
        task = group.create_task(smtp(port).send(mail()))
        await room.reached.wait()
        task.cancel()
    assert task.cancelled()


# ---------------------------------------------------------------- TLS


async def test_starttls_with_a_certificate_of_its_own(room: Mailroom, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(
            running(room, tls_context=server_context(tmp_path), require_starttls=True)
        )
        strict = await smtp(port, security="starttls").send(mail())
        assert told(strict) == "deferred:unreachable", "a certificate nobody vouches for is not trusted"
        assert "[channels.smtp] verify = false" in strict.reason
        assert not room.mails
        assert isinstance(await smtp(port, security="starttls", verify=False).send(mail()), Accepted)
    assert room.mail()["To"]


# ---------------------------------------------------------------- configuration


def test_half_an_account_is_misconfigured() -> None:
    with pytest.raises(Misconfigured, match="SMTP_PASSWORD is missing"):
        smtp(25, {"SMTP_USERNAME": "till"})


def test_a_sender_that_is_no_address_is_misconfigured() -> None:
    with pytest.raises(Misconfigured, match=r"channels\.smtp\.from"):
        smtp(25, **{"from": "Balloon Loft"})


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_the_port_follows_from_the_security(security: str, port: int) -> None:
    channel = build("smtp", {"host": "mail.example.com", "from": "a@b.example", "security": security}, {}, http=None)  # type: ignore[arg-type]
    assert channel.hosts() == (("mail.example.com", port),)
