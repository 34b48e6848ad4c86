"""What the pages say: a store, a search, a story, opt-outs and the audit."""

import asyncio
import html
import json
import re
from urllib.parse import urlencode

import pytest

from outbox.shares import Shares
from tests.support.fake_clock import FakeClock
from tests.support.hq_page import Site

pytestmark = pytest.mark.engines

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202e"


async def an_order(site: Site, store: str = "soho", ref: str = "B-1", **state: object) -> None:
    await site.store(store)
    await site.message(store, f"{store}-m1", ref, **state)
    await site.entries(
        store,
        ("event.accepted", ref, "", {"id": "e1", "source": "till-1", "type": "order.ready"}),
        ("message.queued", ref, f"{store}-m1", {"to": "customer", "type": "order.ready", "channel": "twilio"}),
        ("attempt.rejected", ref, f"{store}-m1", {"n": 1, "channel": "twilio", "code": "21614"}),
        ("message.failed", ref, f"{store}-m1", {"channel": "twilio", "reason_code": "no_channel"}),
    )


async def test_a_stores_own_page(site: Site, clock: FakeClock) -> None:
    await an_order(site, state="failed", reason_code="no_channel")
    for hour in range(3):
        clock.step(3600)
        await site.hear(
            "soho", queued=hour * 7, bytes_written=1000 * hour, channels={"twilio": "paused", "modem": "ready"}
        )
        clock.step(1)
        await site.hear("soho", queued=1, bytes_written=1000 * hour + 400, modem="ready", bundle="all 12")
    page = await (await site.as_user()).get("/stores/soho")
    assert page.status == 200
    assert "Nothing goes out by" not in page.words, "it works again"
    for said in (
        "Messages waiting at most 14, now 14",
        "Written to its card at most 400 B, now 400 B",
        "all 12",
        "Modem ready",
    ):
        assert said in page.words, page.words
    assert page.text.count("<rect") >= 3 * 6
    assert "No way of sending is set up that reaches them." in page.words
    assert "channel off twilio 24 Nov 2026" in page.words, "what was, this week"


async def test_a_messages_whole_story(site: Site) -> None:
    await an_order(site, state="failed", reason_code="no_channel")
    await site.entries("soho", ("message.sending", "B-1", "soho-m1", {"channel": "twilio", "reason_code": "on_hold"}))
    browser = await site.as_user()
    page = await browser.get("/stores/soho/messages/soho-m1")
    assert "Message: being sent, by twilio" in page.words
    assert "on hold" not in page.words, "why it waited before is no reason for its being sent"
    for said in (
        "Order ready, told by till-1", "Message to customer planned: Order ready", "Try 1: twilio refused it (code 21614)",
        "Message: failed, by twilio No way of sending is set up that reaches them.",
    ):  # fmt: skip
        assert said in page.words
    german = await browser.get("/orders/B-1?lang=de")
    assert "Es ist kein Versandweg eingerichtet, der sie erreicht." in german.words
    assert (await browser.get("/orders/B-2")).status == 404


async def test_search_by_order_message_and_address(site: Site) -> None:
    keys = site.services.settings.consent_keys
    who = list(Shares(keys).person("+447700900123"))
    await an_order(site, who=who)
    await an_order(site, "camden", "C-9")
    browser = await site.as_user()
    token = (await browser.get("/search")).token

    async def find(text: str) -> str:
        answer = await browser.post("/search", {"token": token, "q": text})
        if answer.status == 303:
            answer = await browser.get(answer.headers["Location"])
        return answer.words

    assert "1 message found" in await find("B-1")
    assert "1 message found" in await find("camden-m1")
    for typed in ("+447700900123", "0044 7700 900123", "+44 (7700) 900-123"):
        found = await find(typed)
        assert "1 message found" in found
        assert "soho" in found
        assert "Nobody asked for silence at this address." in found
    assert "0 messages found" in await find("+447700900124")
    assert "a telephone number without its country" in await find("07700 900123")
    medium, digest = "sms", Shares(keys).of("sms", "+447700900123")[0][1]
    await site.sql(
        "INSERT INTO consent VALUES ('k1', %s, %s, true, %s, true, 'camden', 'e', 5, 'STOP', 1, '', now())",
        medium, digest, site.services.clock.now(),
    )  # fmt: skip
    found = await find("+447700900123")
    assert "camden wants no texts “STOP”" in found
    assert "camden wants no texts “STOP”" in (await browser.get("/optouts")).words


async def test_what_is_typed_is_kept_nowhere(site: Site) -> None:
    """Somebody reads headquarters' database or a proxy's log; they want customers' numbers."""
    browser = await site.as_user()
    token = (await browser.get("/search")).token
    answer = await browser.post("/search", {"token": token, "q": "+447700900123"})
    assert answer.status == 200, "no address with the number in it"
    for table in ("hq_record", "hq_session", "hq_failure"):
        assert "7700900123" not in str(await site.sql(f"SELECT t::text FROM {table} AS t"))


async def test_audit_says_how_far_chains_are_verified(site: Site, clock: FakeClock) -> None:
    await an_order(site)
    clock.step(1)
    await site.hear("soho", signed_head="head 4 deadbeef")
    browser = await site.as_user()
    page = await browser.get("/audit")
    assert "soho" in page.words
    assert "head 4 deadbeef" in page.words
    assert "None: every record is whole." in page.words
    done = await browser.post("/audit/verify", {"token": page.token, "store": "soho"})
    assert "The record of soho holds: 4 entries computed anew." in done.words
    await site.sql("UPDATE audit SET detail = '{}' WHERE seq = 3")
    done = await browser.post("/audit/verify", {"token": page.token, "store": "soho"})
    assert "The record of soho does not hold from entry 3 on." in done.words


async def test_headquarters_own_record_can_not_be_rewritten_quietly(site: Site) -> None:
    """Somebody with the database deletes or changes what they did; they want nobody to notice."""
    browser = await site.as_user("ines", "admin")
    page = await browser.get("/audit")
    for _ in range(3):
        done = await browser.post("/audit/verify", {"token": page.token})
    assert "The record of headquarters holds: 2 entries computed anew." in done.words
    assert "Computed a record anew by ines" in done.words
    await site.sql("UPDATE hq_record SET actor = 'somebody else' WHERE seq = 2")
    done = await browser.post("/audit/verify", {"token": page.token})
    assert "The record of headquarters does not hold from entry 2 on." in done.words
    viewer = await (await site.as_user("vic", "viewer")).get("/audit")
    assert "What people did here" not in viewer.words


async def test_an_orders_story_as_a_file(site: Site) -> None:
    await an_order(site, ref="B/1 ö")
    browser = await site.as_user()
    page = await browser.get("/orders/B%2F1%20%C3%B6")
    assert page.status == 200
    saved = await browser.post("/orders/B%2F1%20%C3%B6/export", {"token": page.token})
    assert saved.headers["Content-Disposition"] == "attachment; filename*=UTF-8''order%20B%2F1%20%C3%B6.html"
    assert "Try 1: twilio refused it" in saved.words
    hashes = [bytes(row[0]).hex() for row in await site.sql("SELECT hash FROM audit ORDER BY seq")]
    assert all(saved.text.count(each) >= 1 for each in hashes)
    assert await site.sql("SELECT actor, kind, order_ref FROM hq_record") == [("ines", "order.exported", "B/1 ö")]


async def test_opt_out_by_hand_needs_the_right_and_an_address(site: Site) -> None:
    viewer = await site.as_user("vic", "viewer")
    token = (await viewer.get("/search")).token
    fields = {"token": token, "address": "+447700900123", "medium": "all"}
    assert (await viewer.post("/optouts", fields)).status == 403
    browser = await site.as_user()
    fields["token"] = (await browser.get("/optouts")).token
    assert (await browser.post("/optouts", fields | {"address": "12345"})).status == 422
    for address, medium in (("ada@example.com", "sms"), ("+447700900123", "email"), ("+447700900123", "push")):
        asked = await browser.post("/optouts", fields | {"address": address, "medium": medium})
        assert asked.status == 422, "no message would ever ask for that word"
    told = await browser.post("/optouts", fields)
    assert told.status == 503, "NATS is away here: it is not said to be done"
    assert await site.sql("SELECT * FROM hq_record") == []


async def test_a_store_that_is_not_there(site: Site) -> None:
    assert (await (await site.as_user()).get("/stores/nowhere")).status == 404


async def test_postgresql_away_is_said(site: Site) -> None:
    browser = await site.as_user()
    site.archive.behind = 12
    await site.services.pool.close()
    page = await browser.get("/")
    assert page.status == 503
    assert "The archive is behind by 12 messages" in page.words


async def test_idor_between_managers_stores(site: Site) -> None:
    """The manager of soho types addresses of another's pages; they want to read or touch camden's customers."""
    who = list(Shares(site.services.settings.consent_keys).person("+447700900123"))
    await an_order(site, "camden", "C-9", who=who)
    await an_order(site, "soho", "B-1")
    noor = await site.as_user("noor", "manager", ("soho",))
    token = (await noor.get("/")).token
    for path in ("/stores/camden", "/stores/camden/messages/camden-m1", "/orders/C-9"):
        answer = await noor.get(path)
        assert answer.status == 404, path
        assert "C-9" not in answer.words
    for typed in ("C-9", "camden-m1", "+447700900123"):
        answer = await noor.post("/search", {"token": token, "q": typed})
        if answer.status == 303:
            answer = await noor.get(answer.headers["Location"])
        assert "0 messages found" in answer.words
    assert (await noor.post("/orders/C-9/export", {"token": token})).status == 404
    assert (await noor.post("/audit/verify", {"token": token, "store": "camden"})).status == 404
    assert "camden" not in (await noor.get("/audit")).text
    assert (await noor.get("/stores/soho")).status == 200
    same = await site.sql("UPDATE message SET order_ref = 'B-1' WHERE store = 'camden' RETURNING id")
    assert same == [("camden-m1",)]
    assert "camden" not in (await noor.get("/orders/B-1")).text


async def test_a_manager_sees_opt_outs_of_their_own(site: Site) -> None:
    """The manager of soho looks through opt-outs; they want to know who asks for silence at camden. That somebody is out, they must see."""
    who = list(Shares(site.services.settings.consent_keys).of("all", "+447700900123"))
    for store, (kid, digest) in (
        ("camden", who[0]),
        ("soho", ("k1", "a" * 32)),
        ("headquarters", ("k1", "b" * 32)),
        ("", ("k1", "c" * 32)),
    ):
        await site.sql(
            "INSERT INTO consent VALUES (%s, 'all', %s, true, 1, true, %s, 'e1', 1, 'STOP', 1, '', %s)",
            kid, digest, store, site.services.now(),
        )  # fmt: skip
    noor = await site.as_user("noor", "manager", ("soho",))
    page = await noor.get("/optouts")
    assert ("camden" in page.text, "soho" in page.text, "bbbbbbbbbb" in page.text) == (False, True, True)
    assert "nobody's, as far as can be proved wants no messages of any kind “STOP” cccccccccc" in html.unescape(
        page.words
    )
    found = await noor.post("/search", {"token": page.token, "q": "+447700900123"})
    assert (found.status, "STOP" in found.words, "camden" in found.text) == (200, True, False)
    assert "camden" in (await (await site.as_user()).get("/optouts")).text


@pytest.mark.parametrize("by_form", [True, False])
async def test_who_looked_for_a_person_is_on_record_without_the_address(site: Site, by_form: bool) -> None:
    """Somebody at headquarters looks up people they know, in the form or by an address line of their own making; what they want is that nobody
    can tell."""
    noor = await site.as_user("noor", "manager", ("soho",))
    token = (await noor.get("/search")).token
    digest = next(iter(Shares(site.services.settings.consent_keys).person("+447700900123")))
    for q in ("B-1", "+44 7700 900123"):
        asked = {"token": token, "q": q}
        answer = await (noor.post("/search", asked) if by_form else noor.get(f"/search?{urlencode({'q': q})}"))
        assert answer.status in (200, 303)
    assert await site.sql("SELECT kind, actor, detail FROM hq_record") == [
        ("person.searched", "noor", json.dumps({"digest": digest[:8]}, separators=(",", ":")))
    ]
    audit = await (await site.as_user()).get("/audit")
    assert f"Searched for a person by their address by noor digest: {digest[:8]}" in audit.words
    assert "900123" not in audit.text


@pytest.mark.parametrize(
    "path", ["/search?q=%00", "/stores/%00", "/orders/%00", "/stores/soho/messages/%00", "/audit?after=%00"]
)
async def test_what_no_column_holds(site: Site, path: str) -> None:
    """Whoever is logged in types what PostgreSQL refuses; they want an error that says what runs here."""
    page = await (await site.as_user()).get(path)
    assert page.status == 404
    assert page.headers["Content-Security-Policy"]


async def test_headquarters_own_record_is_verified_by_who_may_see_it(site: Site) -> None:
    """A viewer asks for headquarters' own record to be verified; they want to know how much is done here, and to keep it busy."""
    eve = await site.as_user("eve", "viewer")
    assert (await eve.post("/audit/verify", {"token": (await eve.get("/")).token})).status == 403


async def test_forms_that_never_end(site: Site) -> None:
    """Somebody who is logged in begins forms and never ends them; they want the page to have no connection with PostgreSQL left for others."""
    browser = await site.as_user()
    host, port = site.url.removeprefix("http://").split(":")
    slow = []
    for _ in range(8):
        reader, writer = await asyncio.open_connection(host, int(port))
        cookie = browser.cookies["tether-session"]
        writer.write(
            f"POST /search HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: tether-session={cookie}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 500\r\n\r\nq=".encode()
        )
        await writer.drain()
        slow.append((reader, writer))
    try:
        assert (await browser.get("/")).status == 200
    finally:
        for _, writer in slow:
            writer.close()
            await writer.wait_closed()


async def test_cross_site_requests(site: Site) -> None:
    """A page elsewhere posts forms from an admin's browser; it wants something done in their name."""
    browser = await site.as_user()
    token = (await browser.get("/")).token
    theirs = (await (await site.as_user("eve", "viewer")).get("/")).token
    paths = [page.path for page in site.pages if page.method == "POST"]
    assert len(paths) > 3
    for path in [*paths, "/logout"]:
        path = re.sub(r"\{[a-z]+(:[^}]*)?\}", "soho", path)
        for fields, headers in (
            ({}, {}),
            ({"token": theirs}, {}),
            ({"token": token}, {"Origin": "https://elsewhere.example"}),
            ({"token": token}, {"Origin": "null"}),
            ({"token": token}, {"Sec-Fetch-Site": "same-site"}),
        ):
            answer = await browser.post(path, fields, **headers)
            assert answer.status == 403, (path, fields, headers)
    assert await site.sql("SELECT * FROM hq_record") == []
    assert (await browser.get("/")).status == 200, "still logged in"


async def test_text_that_a_store_supplies(site: Site) -> None:
    """Somebody owns one store's box and has it tell headquarters of scripts; they want to run them in the owner's browser."""
    await site.store(
        "soho",
        channels={EVIL: "paused"},
        release=EVIL,
        bundle=EVIL,
        bundle_problem=EVIL,
        signed_head=EVIL,
        modem=EVIL,
        uplink=EVIL,
    )
    await site.message(
        "soho", EVIL, EVIL, state="failed", channel=EVIL, reason_code=EVIL, type=EVIL, to=EVIL,
    )  # fmt: skip
    await site.entries(
        "soho",
        (EVIL, EVIL, EVIL, {"reason": EVIL, "code": EVIL, "channel": EVIL}),
        ("event.accepted", EVIL, "", {"source": EVIL, "type": EVIL}),
        ("attempt.rejected", EVIL, EVIL, {"n": EVIL, "channel": EVIL, "code": EVIL}),
        actor=EVIL,
    )
    browser = await site.as_user(EVIL)
    quoted = "%3Cscript%3Ealert(1)%3C%2Fscript%3E%22'%3E%3Cimg%20src%3Dx%20onerror%3Dalert(2)%3E%E2%80%AE"
    paths = [
        "/",
        "/stores/soho",
        f"/orders/{quoted}",
        f"/stores/soho/messages/{quoted}",
        f"/search?q={quoted}",
        "/audit",
        "/optouts",
    ]
    for path in paths:
        page = await browser.get(path)
        assert page.status == 200, (path, page.words)
        assert "<script>alert" not in page.text
        assert "<img" not in page.text
        assert "\u202e" not in page.text
        assert EVIL.replace("<", "&lt;")[:12] in page.text or path == "/optouts" or "lt;script" in page.text
    saved = await browser.post(f"/orders/{quoted}/export", {"token": page.token})
    assert saved.status == 200
    assert "<script" not in saved.text
    assert "\n" not in saved.headers["Content-Disposition"]


@pytest.mark.parametrize(
    "evil",
    [
        "' OR '1'='1",
        "'; DROP TABLE hq_user; --",
        "%(mine)s",
        "{x}",
        "\\'",
        "%00",
        "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    ],
)
async def test_sql_injection(site: Site, evil: str) -> None:
    """Whoever is logged in types SQL wherever something can be typed; they want others' rows, or the tables gone."""
    await an_order(site, "camden", "C-9")
    noor = await site.as_user("noor", "manager", ("soho",))
    token = (await noor.get("/")).token
    for path in (
        "/search?q={}",
        "/stores/{}",
        "/orders/{}",
        "/stores/soho/messages/{}",
        "/audit?after={}&below={}",
        "/optouts?below={}",
    ):
        answer = await noor.get(
            path.replace("{}", evil.replace("%", "%25").replace("#", "%23").replace("?", "%3F").replace("/", "%2F"))
        )
        assert answer.status in (200, 404), (path, answer.status)
        assert "C-9" not in answer.text
    form = await site.browser().get("/login")
    assert form.status == 200
    for fields in ({"q": evil}, {"q": evil + "@example.com"}):
        assert (await noor.post("/search", {"token": token, **fields})).status in (200, 303)
    assert await site.sql("SELECT count(*) FROM hq_user") == [(1,)]
