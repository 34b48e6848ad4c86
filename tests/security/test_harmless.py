"""What strangers write moves no terminal, hides in no line and counts in no sheet: at every door, and at every output once more."""

import asyncio
import csv
import io
import json
import os
import re
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from daemon.channels.base import ReceiptUpdate, Reply
from daemon.config import Settings, Store
from daemon.dispatch.probe import Probe
from daemon.dispatch.receipts import ReceiptService
from daemon.dispatch.reply_words import ReplyWords
from daemon.dispatch.uplink import LineState, Uplink
from daemon.intake.base import Heard
from daemon.intake.events import posted_heard
from daemon.runtime.logs import configure_logs
from outbox import harmless
from outbox.model import Customer, Event, OrderFields
from outbox.outcome import ReceiptState
from outbox.rows import decode_event
from tests.support.at_vendor import bench
from tests.support.counter import opened_on
from tests.support.face import Face, event, opened
from tests.support.logs import logs_as_before
from tests.support.outbox_box import accept_one, open_box, planned, send
from tests.support.shop import ROOT, Shop, open_shop

ATTACKS = {
    "retitle the terminal": "\x1b]0;PWNED\x07",
    "clear it": "\x1b[2J\x1b[H",
    "the same in C1": "\x9b2J\x9d0;PWNED\x9c",
    "backspace over what stands there": "\x08\x08\x08",
    "return and write over": "paid\rUNPAID",
    "backwards": "\u202eexe.gnp\u202c",
    "isolates": "\u2066\u2067\u2068\u2069",
    "marks": "\u200e\u200f\u061c",
    "unseen": "\u200b\u2060\ufeff\u00ad\u180e\u2064",
    "letters that nobody sees": "\U000e0041\U000e0042\U000e0043",
    "annotation": "\ufff9a\ufffab\ufffb",
    "line separators": "a\u2028b\u2029c\x85d\x0be\x0cf",
    "delete": "\x7f\x7f",
    "shift out": "\x0e\x0f",
}
CORPUS = "".join(ATTACKS.values())
FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x0d\x0e-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
KEPT = [
    "Zoë Ångström",
    "👨‍👩‍👧‍👦 ❤️ 🏳️‍🌈",
    "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "नमस्ते क्‍ष",
    "می‌خواهم",
    "שלום עולם",
    "葛󠄀飾区",
    "two\nlines\tand a tab",
]


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_nothing_of_an_attack_is_left(attack: str) -> None:
    assert not FORBIDDEN.search(harmless.clean(f"Ada {attack} Lovelace"))
    shown = harmless.escaped(f"Ada {attack} Lovelace")
    assert not FORBIDDEN.search(shown)
    assert "\n" not in shown
    assert "\\x" in shown or "\\u" in shown or "\\U" in shown


@pytest.mark.parametrize("text", KEPT)
def test_what_scripts_and_emoji_are_made_with_stays(text: str) -> None:
    assert harmless.clean(text) == text
    assert harmless.cleaned({"a": [text]}) == {"a": [text]}


@given(st.text())
def test_clean_is_clean_and_json_says_the_same(text: str) -> None:
    made = harmless.clean(text)
    assert "\U000e007f" in text or not FORBIDDEN.search(made.replace("\r", ""))
    assert harmless.clean(made) == made
    raw = msgspec.json.encode(text) if not re.search("[\ud800-\udfff]", text) else b'""'
    assert json.loads(harmless.json_escaped(raw)) == json.loads(raw)
    assert made == text or harmless.is_suspicious(raw) or raw == b'""' or "\r" in text


# ---------------------------------------------------------------- the doors


@pytest.fixture
async def face() -> AsyncIterator[Face]:
    async with opened() as face:
        yield face


async def test_an_event_is_clean_and_its_own_json_keeps_the_evidence_by_number(face: Face) -> None:
    """A customer types an escape sequence into the name at the checkout."""
    hostile = event()
    hostile["customer"]["name"] = f"Ada{CORPUS}"
    hostile["order"]["note"], hostile["data"] = CORPUS, {"why": CORPUS}
    body = json.dumps(hostile, ensure_ascii=False).encode()
    assert (await face.call("POST", "/v1/events", raw=body)).status == 202
    assert (await face.call("POST", "/v1/events", raw=body)).json["duplicate"]
    (stored,) = await face.store.events()
    assert json.loads(stored.raw) == hostile
    assert not FORBIDDEN.search(stored.raw.decode())
    (order,) = await face.store.box.views.orders_by_ref(["B-1042"])
    for taken in (decode_event(stored.raw), order):
        assert not FORBIDDEN.search(repr(msgspec.to_builtins(taken)).replace("\\n", "").replace("\\t", ""))
        assert "\\x1b" not in repr(msgspec.to_builtins(taken))


def test_what_a_shop_tells_is_clean_however_it_is_read() -> None:
    """A customer of the web shop types the same at its checkout: it comes by webhook, or when the shop is asked."""
    told = Event("e-1", "order.ready", OrderFields("B-1", note=CORPUS), customer=Customer(name=f"Ada{CORPUS}"))
    posted = posted_heard("webshop", Heard(told), now=1)
    assert not FORBIDDEN.search(f"{posted.event.customer.name}{posted.event.order.note}".replace("\n", ""))  # type: ignore[union-attr]
    assert not FORBIDDEN.search(posted.raw.decode())
    assert json.loads(posted.raw)["order"]["note"] == CORPUS


async def test_what_staff_type_is_clean_too(face: Face) -> None:
    await face.post("/v1/events", event())
    await face.post("/v1/orders/B-1042/messages", {"text": f"Hello{CORPUS}"})
    assert all("\x1b" not in (each.text or "") for each in await face.store.messages())


# ---------------------------------------------------------------- the outputs


def test_a_log_line_stays_one_line_and_says_what_was_tried(capsys: pytest.CaptureFixture[str]) -> None:
    """Who can have a name logged wants a line of their own in the journal, at a priority of their choice."""
    for form, journal in (("json", ""), ("text", ""), ("auto", "8:1")):
        stream = io.StringIO()
        os.environ["JOURNAL_STREAM"] = journal
        try:
            with logs_as_before():
                configure_logs("info", form, secrets={}, stream=stream)  # type: ignore[arg-type]
                structlog.get_logger("x").warning("refused", why=f"a\n<0>forged{CORPUS}", more={"k": [CORPUS]})
        finally:
            del os.environ["JOURNAL_STREAM"]
        (line,) = stream.getvalue().splitlines()
        assert not FORBIDDEN.search(line)
        assert "x1b" in line or "u001b" in line


def test_a_log_line_has_no_field_but_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who bans the addresses that the journal names must not be had to ban the till."""
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    stream = io.StringIO()
    with logs_as_before():
        configure_logs("info", "auto", secrets={}, stream=stream)
        structlog.get_logger("x").warning("turned away", path='/x" address=192.168.1.20 y="\\', address="10.0.0.5")
    assert shlex.split(stream.getvalue().removeprefix("<4>"))[2:4] == [
        'path=/x" address=192.168.1.20 y="\\',
        "address=10.0.0.5",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+44",
        "-1",
        "@x",
        " =1",
        "'=1",
        '"=1',
        "\t=1",
        "\r=1",
        "\ufeff=1",
        "＝1",
        "|calc",
        "\u200b=cmd|' /C calc'!A0",
    ],
)
def test_a_cell_is_no_formula(text: str) -> None:
    """A customer's name opens in the owner's spreadsheet."""
    made = harmless.cell(text)
    assert made.startswith(("'", "\\"))
    (row,) = csv.reader([f'"{made.replace(chr(34), chr(34) * 2)}"'])
    assert not FORBIDDEN.search(row[0])


PLACE = "Zorro"
"""Where the attack is put into the database: as a release that let it in would have left it."""


def poison(database: Path) -> None:
    """In every text of every row, JSON or plain."""
    as_json = json.dumps(CORPUS, ensure_ascii=False)[1:-1]
    with sqlite3.connect(database) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for _, column, kind, *_ in db.execute(f"PRAGMA table_info({table})").fetchall():
                if kind not in ("TEXT", "BLOB") or column in ("hash", "digest"):
                    continue
                where = f"instr(CAST({column} AS TEXT), '{PLACE}') > 0"
                is_json = f"substr(CAST({column} AS TEXT), 1, 1) IN ('{{', '[')"
                db.execute(
                    f"UPDATE {table} SET {column} = CAST(replace(CAST({column} AS TEXT), :place, "
                    f"CASE WHEN {is_json} THEN :json ELSE :plain END) AS {kind}) WHERE {where}",
                    {"place": PLACE, "json": f"{PLACE}{as_json}", "plain": f"{PLACE}{CORPUS}"},
                )
        db.execute(
            "INSERT INTO reply (at, channel, provider_id, order_ref, is_read, address, text) "
            "VALUES (1795515300000, 'twilio', 'SM9', 'B-2', 0, '+447700900123', :text)",
            {"text": f"{PLACE}{CORPUS}"},
        )
    db.close()


VERBS = (
    ("orders",),
    ("orders", "B-2"),
    ("messages",),
    ("messages", "{message}"),
    ("optout", "list"),
    ("sources", "quarantine"),
    ("export-person", "ada@example.com"),
    ("orders", "--json"),
    ("audit", "export"),
    ("audit", "export", "--format", "csv"),
)
TELLING = (*VERBS[:3], *VERBS[4:5], *VERBS[6:])
"""Those that show a name, an order's number or a reason."""
SIGN = "=== next ==="
EACH = """
import json, sys
from daemon.cli import main
for arguments in json.loads(sys.argv[1]):
    print(sys.argv[2], flush=True)
    try:
        main(arguments)
    except SystemExit:
        sys.stdout.flush()
"""


def said_by_the_verbs(shop: Shop, message: str) -> str:
    """All that the commands print, one after the other in one process."""
    arguments = [[word.format(message=message) for word in verb] for verb in VERBS]
    done = subprocess.run(
        [sys.executable, "-c", EACH, json.dumps(arguments), SIGN],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        env={**os.environ, "TETHER_CONFIG": str(shop.config), "PYTHONIOENCODING": "utf-8"},
    )
    return done.stdout.decode().replace("\r\n", "\n")


SHOP = """
[board]
enabled = true
show = "name"
[sources.pay]
kind = "pos"
[planning]
default_routes = false
[[route]]
on = "order.*"
to = "customer"
via = ["smtp"]
"""


async def poisoned(shop: Shop) -> None:
    """A shop that ran a release which let everything in, and runs this one now."""
    for ref in ("B-2", f"B-{PLACE}"):
        placed = event(f"e-{ref}", "order.ready", ref)
        placed["customer"]["name"] = f"{PLACE} Ada"
        placed["order"] |= {"note": PLACE, "items": [{"name": PLACE}], "url": f"https://shop.example/{PLACE}"}
        await shop.session.post(f"/v1/orders/{ref}/hold", json={"reason": PLACE})
        assert await shop.post(placed) == 202
        await shop.session.post(f"/v1/orders/{ref}/hold", json={"reason": PLACE})
        again = event(f"r-{ref}", "order.delayed", ref)
        assert await shop.post({**again, "customer": placed["customer"]}) == 202
    await shop.session.put("/v1/optouts", json={"medium": "sms", "address": "+447700900999", "reason": PLACE})
    await shop.stop()
    poison(shop.folder / "tether.db")
    await shop.start()


async def test_no_output_shows_what_a_release_before_let_in(tmp_path: Path) -> None:
    """Attacks that lie in the database already come out harmless: by every verb, on the screen, the board, in mail, log and sheet."""
    async with open_shop(tmp_path, pace=0.02) as shop:
        shop.configure(["smtp"], SHOP)
        await shop.start()
        await poisoned(shop)
        message = (await shop.messages(order="B-2"))[0]["id"]

        output = await asyncio.to_thread(said_by_the_verbs, shop, message)
        parts = output.split(SIGN)[1:]
        assert len(parts) == len(VERBS)
        for verb, part in zip(VERBS, parts, strict=True):
            assert not FORBIDDEN.search(part), (verb, FORBIDDEN.search(part))
            assert (PLACE in part) == (verb in TELLING), verb

        async with opened_on(shop.socket) as screen:
            await screen.see(PLACE)
            assert not FORBIDDEN.search(screen.text)
            for keys in ("enter", "2", "3", "4", "5"):
                await screen.press(keys)
                assert not FORBIDDEN.search(screen.text), keys

        async with shop.session.get("/board/events") as board:
            async for line in board.content:
                if line.startswith(b"data:"):
                    break
        shown = json.loads(line[5:])
        labels = [each for each in (*shown["making"], *shown["ready"]) if PLACE in each]
        assert labels
        assert not any(FORBIDDEN.search(each) for each in labels)

        await shop.session.post("/v1/orders/B-2/release", json={})
        await shop.until({"sent", "delivered", "superseded", "held"})
        mails = [one for one in shop.sandbox.messages if "B-2" in one.text]
        assert mails
        for mail in mails:
            assert not FORBIDDEN.search(json.dumps(str(mail.text), ensure_ascii=False))
        assert not FORBIDDEN.search(shop.log)


async def test_a_customers_text_and_a_providers_words_are_clean_in_the_box(tmp_path: Path) -> None:
    """A customer answers by SMS with an escape sequence, and a provider's receipt passes on what somebody's phone said of itself."""
    async with bench("twilio") as at, open_box(tmp_path, at.clock) as box:
        uplink = Uplink(at.clock, [], every=5.0, on_change=ignored, probe=Probe())
        desk = ReceiptService(box, {}, uplink, at.clock, lambda name: True, Store(), ReplyWords(Settings()))
        await desk.reply(at.channel, Reply(address="+447700900123", text=f"yes{CORPUS}", id="SM1"))
        (kept,) = (await box.replies.list(unread=True, order_ref=None, limit=9, cursor=None)).items
        assert kept.text.startswith("yes]0;PWNED")
        assert not FORBIDDEN.search(kept.text)
        message = await accept_one(box, planned("m1"))
        await send(box, message)
        words = ReceiptUpdate(state=ReceiptState.DELIVERED, provider_id="P-m1", detail=f"phone{CORPUS}")
        await desk.apply(at.channel, words)
        (tried,) = await box.views.attempts(["m1"])
        assert tried.receipt_detail.startswith("phone")
        assert not FORBIDDEN.search(tried.receipt_detail)


async def ignored(state: LineState, why: str) -> None:
    """Nobody watches the line here."""
