"""The link in a mail that ends the mails. An adversary guesses links to silence others, has a scanner follow the link of somebody, wants
to learn an address from one, or posts whatever to the one door that asks for no token."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from daemon.channels._http import HttpChannel
from daemon.config import Hook, Settings, Store
from daemon.dispatch.prepare import Preparer, Ready
from daemon.planner.render import Renderer
from outbox import Outbox
from tests.http.test_hostile import connected, status
from tests.support.at_vendor import bench
from tests.support.busy import MOST
from tests.support.channel_case import EMAIL, outgoing
from tests.support.face import Face, opened
from tests.support.outbox_box import MAIL, accept_one, planned

LINK = "https://tether.shop.example/unsubscribe/" + "A" * 43
ONE_CLICK = {"raw": b"List-Unsubscribe=One-Click", "headers": {"Content-Type": "application/x-www-form-urlencoded"}}


@pytest.fixture
async def face() -> AsyncIterator[Face]:
    async with opened() as face:
        yield face


@pytest.fixture
def box(face: Face) -> Outbox:
    return face.store.box


async def test_one_click_ends_the_mails_and_the_ledger_says_how_and_when(face: Face, box: Outbox) -> None:
    await accept_one(box, planned(), customer={"email": "Ada@Example.com"})
    answer = await face.call("POST", f"/unsubscribe/{box.unsubscribe.token(MAIL)}", as_=None, **ONE_CLICK)
    assert answer.status == 200
    assert await box.consent.blocked("email", MAIL) == "one-click unsubscribe (RFC 8058)"
    assert await box.consent.blocked("sms", MAIL) is None
    (optout,) = (await box.consent.list(limit=9)).items
    assert (optout.medium, optout.address, optout.actor) == ("email", "A…@Example.com", "unsubscribe link")
    assert optout.at
    (entry,) = (await box.audit.list(kind="consent", limit=9)).items
    assert entry.kind == "consent.stopped"
    again = await face.call("POST", f"/unsubscribe/{box.unsubscribe.token(MAIL)}", as_=None, **ONE_CLICK)
    assert again.status == 200
    assert len((await box.consent.list(limit=9)).items) == 1


async def test_following_the_link_only_asks(face: Face, box: Outbox) -> None:
    token = box.unsubscribe.token(MAIL)
    for language, words in (
        ("de-DE,de;q=0.9", "Keine Mails mehr"),
        ("pt, fr", "Ne plus recevoir"),
        ("", "End the mails"),
    ):
        answer = await face.call("GET", f"/unsubscribe/{token}", as_=None, headers={"Accept-Language": language})
        assert answer.status == 200
        assert words in answer.body.decode()
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert await box.consent.blocked("email", MAIL) is None
    (action,) = re.findall(r'<form method="post" action="([^"]+)">', answer.body.decode())
    pressed = await face.call("POST", f"/unsubscribe/{token}{action}", as_=None, raw=b"")
    assert pressed.status == 200
    assert await box.consent.blocked("email", MAIL) == "pressed the button of the page behind the link"


async def test_a_link_names_nobody_and_can_t_be_made_up_or_moved_to_another(face: Face, box: Outbox) -> None:
    token, other = box.unsubscribe.token(MAIL), box.unsubscribe.token("other@example.com")
    assert MAIL not in token
    assert token != other
    assert token == box.unsubscribe.token(f" {MAIL.upper()} ")
    guesses = [
        "A" * 43,
        token[:-1],
        token + "A",
        token[:22] + other[22:],
        other[:21] + token[21:],
        token.swapcase(),
        "%00" * 43,
        "..%2F..%2Fetc",
        "é" * 43,
    ]
    for guess in guesses:
        for method in ("GET", "POST"):
            answer = await face.call(method, f"/unsubscribe/{guess}", as_=None)
            assert answer.status in (400, 404), guess
    assert (await box.consent.list(limit=9)).items == []


async def test_the_door_takes_no_more_than_a_button_sends(face: Face, box: Outbox) -> None:
    answer = await face.call("POST", f"/unsubscribe/{box.unsubscribe.token(MAIL)}", as_=None, raw=b"x" * 5000)
    assert answer.status == 413
    assert await box.consent.blocked("email", MAIL) is None


async def test_a_stranger_s_body_in_chunks_is_ended_where_it_is_too_large(face: Face) -> None:
    """They name no length, send what fits into the memory, and hold its end back: on each of a hundred connections."""
    async with connected(face) as (reader, writer):
        head = b"POST /unsubscribe/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head + b"1388\r\n" + b"x" * 5000 + b"\r\n")
        async with asyncio.timeout(MOST):
            assert status(await reader.readuntil(b"\r\n\r\n")) == 413


async def test_after_the_person_is_forgotten_their_link_still_silences(box: Outbox) -> None:
    await accept_one(box, planned(), customer={"email": MAIL})
    token = box.unsubscribe.token(MAIL)
    await box.people.forget(MAIL, actor="owner")
    assert await box.unsubscribe.use(token, how="one-click")
    assert await box.consent.blocked("email", MAIL) is not None


# ---------------------------------------------------------------- what goes out


@pytest.mark.parametrize(
    ("public_url", "expected"),
    [
        ("https://tether.shop.example/", "https://tether.shop.example/unsubscribe/token"),
        ("http://tether.lan", "mailto:"),
        ("", "mailto:"),
    ],
)
@pytest.mark.parametrize("audience", ["customer", "team"])
async def test_customers_mails_say_where_to_end_them(
    box: Outbox, public_url: str, expected: str, audience: str
) -> None:
    settings = Settings(store=Store(email="hello@shop.example"), hook=Hook(public_url=public_url))
    await accept_one(box, planned(via=("mailgun",), audience=audience, text="Hello"), customer={"email": MAIL})
    (due,) = await box.spool.due("mailgun", now=2**60, limit=1)
    preparer = Preparer(
        settings,
        Renderer(settings),
        lambda: False,
        lambda: False,
        lambda message, medium: None,
        lambda address: "token",
    )
    async with bench("mailgun") as at:
        at.channel.destination = lambda: "team@shop.example"  # type: ignore[method-assign]
        ready = preparer.prepare(due, at.channel, 0)
    assert isinstance(ready, Ready)
    assert ready.outgoing.reply_to == "hello@shop.example"
    assert ready.outgoing.unsubscribe == (expected if audience == "customer" else "")


def said(name: str, channel: HttpChannel, **changes: Any) -> dict[str, Any]:
    """The headers that a mail through that channel is to carry, as its API is told."""
    request: Any = channel.build(outgoing(to=EMAIL, **changes))
    if name == "mailgun":
        return {key.removeprefix("h:"): value for key, value in request_form(request.body)}
    import msgspec

    body = msgspec.json.decode(request.body)
    match name:
        case "sendgrid":
            return {**body["headers"], "Reply-To": body.get("reply_to", {}).get("email")}
        case "ses":
            rows = body["Content"]["Simple"]["Headers"]
            return {
                **{row["Name"]: row["Value"] for row in rows},
                "Reply-To": (body.get("ReplyToAddresses") or [None])[0],
            }
        case _:
            replies = body["message"].get("replyTo") or [{"emailAddress": {"address": None}}]
            return {"Reply-To": replies[0]["emailAddress"]["address"]}


def request_form(body: bytes) -> list[tuple[str, str]]:
    from urllib.parse import parse_qsl

    return parse_qsl(body.decode())


@pytest.mark.parametrize("name", ["mailgun", "sendgrid", "ses", "outlook"])
async def test_each_mail_channel_tells_its_provider(name: str) -> None:
    async with bench(name) as at:
        got = said(name, at.channel, reply_to="hello@shop.example", unsubscribe=LINK)
        assert got["Reply-To"] == "hello@shop.example"
        if name == "outlook":
            return  # Graph takes no header of others' standards beside a message in JSON
        assert (got["List-Unsubscribe"], got["List-Unsubscribe-Post"]) == (f"<{LINK}>", "List-Unsubscribe=One-Click")
        got = said(name, at.channel, reply_to="hello@shop.example", unsubscribe="mailto:")
        assert got["List-Unsubscribe"] == "<mailto:hello@shop.example?subject=unsubscribe>"
        assert "List-Unsubscribe-Post" not in got
        assert "List-Unsubscribe" not in said(name, at.channel)
