"""Mail from the running service, as a mail server that others wrote receives and reads it."""

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

from tests.support.ports import free_port
from tests.support.shop import Shop, event, open_shop

ROUTES = """
[planning]
default_routes = false
[[route]]
on = "order.*"
to = "customer"
via = ["smtp"]
"""


class Box:
    """Keeps what arrives; `refusing` answers the next recipients with that."""

    def __init__(self) -> None:
        self.arrived: asyncio.Queue[Envelope] = asyncio.Queue()
        self.loop = asyncio.get_running_loop()
        self.refusing: list[str] = []
        self.logged_in = False

    def check(self, given: LoginPassword) -> AuthResult:
        self.logged_in = (given.login, given.password) == (b"shop", b"balloons")
        return AuthResult(success=self.logged_in)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:
        if self.refusing:
            return self.refusing.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        self.loop.call_soon_threadsafe(self.arrived.put_nowait, envelope)
        return "250 2.0.0 queued as 4XYZ"

    async def next(self) -> tuple[Envelope, EmailMessage]:
        async with asyncio.timeout(20):
            envelope = await self.arrived.get()
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        assert not message.defects
        return envelope, message


@pytest.fixture
async def box() -> AsyncIterator[tuple[Box, int]]:
    """A mail server of the store's own, without TLS as on this machine itself, that knows one password."""
    box = Box()
    controller = Controller(
        box,
        hostname="127.0.0.1",
        ready_timeout=60,
        auth_require_tls=False,
        authenticator=lambda server, session, envelope, mechanism, data: box.check(data),
    )
    controller.port = free_port()
    controller.start()
    yield box, controller.port
    controller.stop()


@pytest.fixture
async def shop(tmp_path: Path, box: tuple[Box, int]) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path) as it:
        settings = {
            "host": "127.0.0.1",
            "port": box[1],
            "security": "none",
            "from": "Balloon Loft <hello@balloons.example>",
        }
        it.configure(["smtp"], ROUTES, smtp=settings)
        env = it.folder / ".env"
        env.write_text("SMTP_USERNAME=shop\nSMTP_PASSWORD=balloons\n")
        await it.start()
        yield it


async def test_a_mail_is_whole_and_readable(shop: Shop, box: tuple[Box, int]) -> None:
    assert await shop.post(event(1042, phone=None, email="zoe@example.com", name="Zoë Müller", locale="de")) == 202
    envelope, mail = await box[0].next()
    assert envelope.rcpt_tos == ["zoe@example.com"]
    assert envelope.mail_from == "hello@balloons.example"
    assert mail["Subject"] == "Abholbereit: Bestellung B-1042"
    assert [str(each) for each in mail["From"].addresses] == ["Balloon Loft <hello@balloons.example>"]
    assert mail["To"].addresses[0].addr_spec == "zoe@example.com"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"].startswith("<")
    assert mail["Message-ID"].endswith("@balloons.example>")
    assert abs(parsedate_to_datetime(mail["Date"]) - datetime.now().astimezone()) < timedelta(minutes=1)
    assert mail.get_content_type() == "multipart/alternative"
    text, html = mail.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert {part.get_content_charset() for part in (text, html)} == {"utf-8"}
    for part in (text, html):
        assert "B-1042" in part.get_content()
        assert "Zoë" in part.get_content()
    assert "<html" in html.get_content()
    assert "<" not in text.get_content()
    [message] = await shop.until({"sent", "delivered"})
    [attempt] = (await shop.get(f"/v1/messages/{message['id']}"))["attempts"]
    assert attempt["outcome"] == "accepted"
    assert box[0].logged_in


async def test_a_subject_in_letters_of_its_own(shop: Shop, box: tuple[Box, int]) -> None:
    own = shop.folder / "templates" / "en"
    own.mkdir(parents=True)
    (own / "order.ready.email.txt.j2").write_text(
        "Subject: Fertig 🎈 für {{ customer.name }} ({{ order.ref }})\n\nHallo!"
    )
    await shop.post(event(7, phone=None, email="zoe@example.com", name="Zoë"))
    envelope, mail = await box[0].next()
    assert mail["Subject"] == "Fertig 🎈 für Zoë (B-7)"
    assert isinstance(envelope.content, bytes)
    assert max(map(len, envelope.content.splitlines())) <= 998
    assert envelope.content.isascii(), "any relay can carry it"


async def test_a_box_that_does_not_exist_is_refused_for_good_and_a_full_one_is_tried_again(
    shop: Shop, box: tuple[Box, int]
) -> None:
    box[0].refusing = ["550 5.1.1 no such user"]
    await shop.post(event(1, phone=None, email="nobody@example.com"))
    [failed] = await shop.until({"failed"})
    assert failed["attempt_count"] == 1
    box[0].refusing = ["450 4.2.0 try again"]
    await shop.post(event(2, phone=None, email="ada@example.com"))
    await box[0].next()
    messages = await shop.until({"sent", "failed"})
    assert {message["order_ref"]: message["attempt_count"] for message in messages} == {"B-1": 1, "B-2": 2}


async def test_one_click_in_the_mail_ends_the_mails(shop: Shop, box: tuple[Box, int]) -> None:
    await shop.stop()
    text = shop.config.read_text()
    text = text.replace("port = 0", 'port = 0\npublic_url = "https://tether.balloons.example"', 1)
    shop.config.write_text(text.replace("[store]", '[store]\nemail = "answers@balloons.example"', 1))
    await shop.start()
    await shop.post(event(1, phone=None, email="zoe@example.com"))
    _, mail = await box[0].next()
    assert mail["Reply-To"].addresses[0].addr_spec == "answers@balloons.example"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = mail["List-Unsubscribe"].strip("<>")
    assert link.startswith("https://tether.balloons.example/unsubscribe/")
    at_the_door = link.replace("https://tether.balloons.example", shop.url)
    async with aiohttp.ClientSession() as stranger:
        async with stranger.get(at_the_door) as page:
            assert "<button>" in await page.text()
        assert (await shop.get("/v1/optouts"))["items"] == []
        async with stranger.post(at_the_door, data={"List-Unsubscribe": "One-Click"}) as done:
            assert done.status == 200
    (optout,) = (await shop.get("/v1/optouts"))["items"]
    assert (optout["medium"], optout["address"], optout["actor"]) == ("email", "z…@example.com", "unsubscribe link")
    await shop.post(event(2, phone=None, email="Zoe@Example.com"))
    [_, message] = sorted(await shop.until({"sent", "delivered", "suppressed"}), key=lambda each: each["order_ref"])
    assert message["state"] == "suppressed"
    assert box[0].arrived.empty()
