"""The mail server takes real mail from a real client, and refuses what it should."""

import asyncio
from collections.abc import AsyncIterator
from email.message import EmailMessage
from random import Random

import aiosmtplib
import pytest

from daemon.sandbox import Sandbox
from outbox.clock import SystemClock
from tests.support.stand_in import C


@pytest.fixture
async def box() -> AsyncIterator[Sandbox]:
    async with Sandbox(clock=SystemClock(), rng=Random(3)) as box:
        yield box


def mail(to: str = "ada@example.com") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "orders@example.com", to, "Fertig für Sie ✓"
    message["Message-ID"] = "<m1.1@example.com>"
    message.set_content("Grüße\n.\n..two dots\n")
    message.add_alternative("<p>Grüße</p>", subtype="html")
    return message


async def send(
    box: Sandbox, message: EmailMessage, password: str = C["SMTP_PASSWORD"]
) -> tuple[dict[str, object], str]:
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=box.smtp_port, timeout=2, start_tls=False)
    async with client:
        await client.login(C["SMTP_USERNAME"], password)
        return await client.send_message(message)  # type: ignore[return-value]


async def test_a_multipart_mail_arrives_whole(box: Sandbox) -> None:
    refused, answer = await send(box, mail())
    assert not refused
    assert "queued as" in answer
    arrived = box.messages[0]
    assert (arrived.provider, arrived.to, arrived.subject) == ("smtp", "ada@example.com", "Fertig für Sie ✓")
    assert arrived.text == "Grüße\n.\n..two dots\n"
    assert arrived.html.strip() == "<p>Grüße</p>"
    assert (arrived.id, arrived.reference) == ("m1.1@example.com", "m1.1")


@pytest.mark.parametrize("method", ["auth_plain", "auth_login"])
async def test_both_ways_to_log_in(box: Sandbox, method: str) -> None:
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=box.smtp_port, start_tls=False) as client:
        code, _ = await getattr(client, method)(C["SMTP_USERNAME"], C["SMTP_PASSWORD"])
    assert code == 235


async def test_a_bad_password_and_no_password(box: Sandbox) -> None:
    with pytest.raises(aiosmtplib.SMTPAuthenticationError):
        await send(box, mail(), password="no")
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=box.smtp_port, start_tls=False) as client:
        with pytest.raises(aiosmtplib.SMTPResponseException) as refusal:
            await client.send_message(mail())
    assert refusal.value.code == 530


@pytest.mark.parametrize(("to", "words"), [("invalid@example.com", "5.1.1"), ("ada+optedout@example.com", "5.7.1")])
async def test_recipients_that_ask_for_trouble(box: Sandbox, to: str, words: str) -> None:
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as refusal:
        await send(box, mail(to))
    assert [(one.code, words in one.message) for one in refusal.value.recipients] == [(550, True)]
    assert not box.messages


async def test_each_recipient_has_an_arrival(box: Sandbox) -> None:
    await send(box, mail("ada@example.com, bob@example.com"))
    assert [arrival.to for arrival in box.messages] == ["ada@example.com", "bob@example.com"]


async def test_faults(box: Sandbox) -> None:
    box.fault("error", "smtp", count=1)
    with pytest.raises(aiosmtplib.SMTPDataError) as refusal:
        await send(box, mail())
    assert refusal.value.code == 451
    box.fault("drop_after", "smtp", count=1)
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await send(box, mail())
    assert len(box.messages) == 1
    box.fault("drop_before", "smtp", count=1)
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await send(box, mail())
    assert len(box.messages) == 1


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["MAIL FROM:<a@b.example>"], b"503"),
        (["EHLO x", "DATA"], b"503"),
        (["EHLO x", "RCPT TO:<a@b.example>"], b"503"),
        (["EHLO x", "AUTH CRAM-MD5"], b"504"),
        (["EHLO x", "AUTH PLAIN !!!"], b"501"),
        (["BREW coffee"], b"500"),
        (["HELO x", "NOOP", "RSET", "QUIT"], b"221"),
    ],
)
async def test_commands_out_of_order(box: Sandbox, lines: list[str], code: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", box.smtp_port)
    await reader.readline()
    answer = b""
    for line in lines:
        writer.write(f"{line}\r\n".encode())
        while (answer := await reader.readline())[3:4] == b"-":
            pass
    assert answer.startswith(code)
    writer.close()
