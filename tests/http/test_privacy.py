"""No log line and no problem holds a secret or a whole address, whatever goes wrong."""

import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from daemon.redact import scrub
from daemon.runtime import logs
from outbox.masks import mask_address, mask_email, mask_phone
from tests.support.face import event, opened
from tests.support.logs import logs_as_before
from tests.support.small_store import store_settings

SECRETS = {
    "TWILIO_AUTH_TOKEN": "f00dbabe1234",
    "TETHER_WEBHOOK_SECRET": "whsec_YmFsbG9vbi1zaG9w",
    "HOME": "/home/balloons",
}
TOKEN = "tether_" + "y" * 43
PHONE, MAIL = "+447700900123", "ada.lovelace@example.com"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Everything that is logged, down to debug."""
    stream = io.StringIO()
    with logs_as_before():
        logs.configure_logs("debug", "json", secrets=SECRETS, stream=stream)
        yield stream


def assert_private(text: str, *more: str) -> None:
    for secret in (
        *more,
        "f00dbabe1234",
        "whsec_YmFsbG9vbi1zaG9w",
        "tether_" + "x" * 20,
        TOKEN,
        PHONE,
        PHONE[1:],
        "07700 900123",
        MAIL,
    ):
        assert secret not in text, text


async def test_requests_that_go_wrong(lines: io.StringIO) -> None:
    body = event(customer={"phone": PHONE, "email": MAIL})
    told: list[bytes] = []
    async with opened(store_settings(secrets=SECRETS)) as face:
        token = face.secret("till-2")
        face.store.fails_with(f"could not tell {MAIL} at {PHONE} with f00dbabe1234 and Bearer {token}")
        told.append((await face.post("/v1/events", body, as_="till-2")).body)
        for changed in (
            {**body, "id": 7},
            {**body, "customer": {"phone": 447700900123}},
            {**body, "order": {"ref": "B-1", "total": PHONE}},
            {**body, "customer": {"email": [MAIL]}},
        ):
            told.append((await face.post("/v1/events", changed, as_="till-2")).body)
        for headers in (
            {"Authorization": "Bearer tether_" + "x" * 43},
            {"webhook-id": "1", "webhook-signature": "v1,x"},
        ):
            told.append((await face.call("POST", "/v1/events", body, as_=None, headers=headers)).body)
        told.append((await face.get("/v1/messages", as_="desk", query={"since": PHONE})).body)
        told.append((await face.call("PUT", "/v1/optouts", {"medium": "email", "address": PHONE}, as_="desk")).body)
        told.append((await face.post("/v1/orders/B-1/messages", {"text": "x", "to": "nobody"}, as_="desk")).body)
    assert_private(lines.getvalue(), token)
    assert_private(b"\n".join(told).decode(), token)
    assert '"a request failed"' in lines.getvalue()


async def test_bytes_that_are_no_request_stay_out_of_the_log(lines: io.StringIO) -> None:
    import asyncio

    async with opened() as face:
        reader, writer = await asyncio.open_connection("127.0.0.1", face.port)
        token = face.secret("till-2")
        writer.write(f"GET / HTTP/1.1\r\nAuthorization: Bearer {token}\0\r\n\r\n".encode())
        assert b"400" in await reader.read()
        writer.close()
    assert_private(lines.getvalue(), token)
    assert "could not be read" in lines.getvalue()
    assert "Traceback" not in lines.getvalue()


@pytest.mark.parametrize(
    "value",
    [
        f"to {PHONE}",
        [PHONE, {"mail": MAIL}],
        {"nested": {"deep": (f"x{MAIL}y",)}},
        MAIL.encode(),
        ValueError(f"{MAIL} {PHONE} f00dbabe1234"),
        "07700 900123",
        f"Authorization: Bearer {TOKEN}",
        "token=tether_" + "x" * 43,
    ],
)
def test_values_of_all_kinds(lines: io.StringIO, value: Any) -> None:
    structlog.get_logger("daemon.x").warning("said", value=value)
    assert_private(lines.getvalue())


def test_tracebacks_and_lines_of_the_standard_library(lines: io.StringIO) -> None:
    try:
        raise RuntimeError(f"{PHONE} f00dbabe1234")
    except RuntimeError:
        structlog.get_logger("daemon.x").exception("failed", to=MAIL)
        logging.getLogger("asyncio").exception("task of %s failed", MAIL)
    text = lines.getvalue()
    assert text.count("Traceback") == 2
    assert_private(text)


def test_what_is_no_secret_stays_readable(lines: io.StringIO) -> None:
    structlog.get_logger("daemon.x").warning(
        "said",
        at="2026-11-24T10:15:00Z",
        ms=1795515300000,
        url="http://127.0.0.1:8787/v1",
        path="/home/balloons",
        ref="B-1042",
    )
    (line,) = [json.loads(each) for each in lines.getvalue().splitlines()]
    assert line["at"] == "2026-11-24T10:15:00Z"
    assert (line["ms"], line["url"], line["path"], line["ref"]) == (
        1795515300000,
        "http://127.0.0.1:8787/v1",
        "/home/balloons",
        "B-1042",
    )


def test_level_changes_while_running(lines: io.StringIO) -> None:
    log = structlog.get_logger("daemon.x")
    logs.set_level("error")
    log.warning("quiet")
    logs.set_level("info")
    log.info("loud")
    assert [json.loads(each)["event"] for each in lines.getvalue().splitlines()] == ["loud"]


def test_the_journal_reads_levels_and_needs_no_time(monkeypatch: pytest.MonkeyPatch, lines: io.StringIO) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    logs.configure_logs("info", "auto", secrets={}, stream=lines)
    log = structlog.get_logger("daemon.x")
    log.warning("a channel changed", channel="twilio", why="out of credit")
    try:
        raise RuntimeError("x")
    except RuntimeError:
        log.exception("failed")
    first, *rest = lines.getvalue().splitlines()
    assert first == '<4>a channel changed channel=twilio why="out of credit" logger=daemon.x'
    assert all(line.startswith("<3>") for line in rest)
    assert len(rest) > 2


def test_masks() -> None:
    assert mask_phone(PHONE) == "+44…0123"
    assert mask_phone("12345") == "…"
    assert mask_email(MAIL) == "a…@example.com"
    assert mask_email("nonsense") == "…"
    assert mask_address("") == ""
    assert mask_address(PHONE) == "+44…0123"
    assert mask_address("U012ABCDEF") == "U0…EF"


@pytest.mark.parametrize(
    "text",
    [
        "sent to +447700900123",
        "sent to 447700900123.",
        "to=%2B447700900123",
        "ADA.Lovelace@Example.com",
        "key f00dbabe1234",
        "f00dbabe%2F",
    ],
)
def test_scrub(text: str) -> None:
    clean = scrub(text, ["f00dbabe1234", "f00dbabe/"], [PHONE, MAIL])
    assert not re.search(r"900123|lovelace|f00dbabe", clean, re.IGNORECASE)
