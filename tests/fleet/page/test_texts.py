"""The page's own way to publish: writing with a preview, what the store's check says, the difference, publishing, roll-back; and who may."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from daemon.hq.config import Hq, HqSettings, Nats, Publish
from daemon.hq.config import Postgres as PostgresTable
from daemon.hq.database import opened
from daemon.hq.published import content
from daemon.hq.publishing import Publisher, Wanted
from daemon.hq.record import latest
from tests.fleet.test_bundle_format import KEY
from tests.support.fake_clock import FakeClock
from tests.support.hq_page import CONSENT_KEY, Answer, Browser, Site, page_site

pytestmark = pytest.mark.engines

READY = "templates/en/order.ready.sms.j2"
EDIT = f"/texts/all/edit?file={READY}"


@pytest.fixture
async def site(database: str, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Site]:
    (tmp_path / "publish.key").write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    settings = HqSettings(
        hq=Hq("Balloon Loft"),
        nats=Nats(("tls://127.0.0.1:1",), tmp_path / "ca.pem"),
        postgres=PostgresTable(database),
        publish=Publish(Path("publish.key")),
        file=tmp_path / "hq.toml",
        secrets={"HQ_CONSENT_KEYS": CONSENT_KEY},
    )
    async with page_site(database, tmp_path, clock, settings=settings) as running:
        yield running


async def types(browser: Browser, text: str, what: str = "save", file: str = READY) -> str:
    """What is said after somebody typed that."""
    page = await browser.get("/texts")
    answer = await browser.post("/texts/all/edit", {"token": page.token, "file": file, "text": text, "what": what})
    if answer.status == 303:
        answer = await browser.get(answer.headers["Location"])
    assert answer.status == 200
    return answer.words


def reviewed(page: Answer) -> str:
    """By what the page knows again what it showed."""
    found = re.search(r'name="reviewed" value="([0-9a-f]{64})"', page.text)
    assert found
    return found[1]


async def writes(site: Site, name: str, text: str) -> None:
    """A draft of somebody's, without all that is shown while they write."""
    await site.sql(
        "INSERT INTO draft (grp, file, content, changed_by, changed_at) VALUES ('all', %s, %s, %s, %s) "
        "ON CONFLICT (grp, file) DO UPDATE SET content = excluded.content",
        READY, text, name, site.services.now(),
    )  # fmt: skip


async def test_a_text_is_written_reviewed_published_and_rolled_back(site: Site) -> None:
    await site.store("soho", bundle="")
    browser = await site.as_user()
    said = await types(browser, "Hooray, {{ order.ref }} is ready <b>!</b>\n")
    assert "Saved; nothing is published yet." in said
    assert "1 SMS" in said
    shown = said.partition("As customers get it")[2]
    assert shown.index("Hooray, B-10421042") < shown.index("Guten Tag"), "what is being written comes first"
    assert "Hooray, B-10421042 is ready <b>!</b>" in (await browser.get(EDIT)).text.replace("&lt;", "<").replace(
        "&gt;", ">"
    )
    assert "<b>!</b>" not in (await browser.get(EDIT)).text, "what somebody wrote is shown, never obeyed"
    review = await browser.get("/texts/all/review")
    assert "Hooray, {{ order.ref }} is ready" in review.words
    assert 'class="plus"' in review.text
    answer = await browser.post(
        "/texts/all/publish", {"token": review.token, "reviewed": reviewed(review), "note": "spring", "canary": "0"}
    )
    assert answer.status == 303
    listed = await browser.get(answer.headers["Location"])
    assert "all all/1" in listed.words
    assert "spring" in listed.words
    async with opened(site.services.settings.postgres.dsn) as db:
        ((digest,),) = await site.sql("SELECT digest FROM bundle")
        assert await content(db, digest) == {READY: b"Hooray, {{ order.ref }} is ready <b>!</b>\n"}
        assert {deed.actor for deed in await latest(db)} == {"ines"}
    assert "Nothing is changed." in (await browser.get("/texts/all/review")).words
    back = await browser.post("/texts/all/rollback", {"token": listed.token, "what": "back"})
    assert back.status == 303
    assert "none of its own" in (await browser.get("/texts")).words


async def test_what_is_published_is_what_was_reviewed(site: Site) -> None:
    """Somebody who may write slips a text into the draft after another looked at it; they want it to go out in the other's name."""
    await site.store("soho", bundle="")
    maria = await site.as_user("maria")
    await writes(site, "maria", "{{ order.ref }} is ready\n")
    review = await maria.get("/texts/all/review")
    await writes(site, "eve", "Pay again at evil.example\n")
    fields = {"token": review.token, "reviewed": reviewed(review), "canary": "0"}
    answer = await maria.post("/texts/all/publish", fields)
    assert answer.status == 409
    assert "evil.example" in answer.words
    assert "Something was changed since you looked" in answer.words
    assert await site.sql("SELECT * FROM bundle") == []
    assert len(await site.sql("SELECT * FROM draft")) == 1


async def test_a_canary_that_lasts_for_ever(site: Site) -> None:
    """Somebody types a number of minutes that no clock has; they want an error that says what runs here."""
    browser = await site.as_user()
    await writes(site, "ines", "{{ order.ref }} is ready\n")
    review = await browser.get("/texts/all/review")
    fields = {"token": review.token, "reviewed": reviewed(review), "canary": "9" * 5000}
    assert (await browser.post("/texts/all/publish", fields)).status == 409


@pytest.mark.parametrize("headquarters", ["one", "another of this process"])
async def test_previews_without_end(site: Site, headquarters: str) -> None:
    """Somebody who may write asks for previews faster than they are made; they want no connection to PostgreSQL left for anybody else."""
    browser = await site.as_user()
    page = await browser.get("/texts")
    asked = {"token": page.token, "file": READY, "text": "{{ order.ref }}"}
    answers = await asyncio.gather(*(browser.post("/texts/all/preview", asked) for _ in range(7)), browser.get("/"))
    assert sorted({answer.status for answer in answers[:-1]}) == [200, 503]
    assert answers[-1].status == 200


async def test_what_no_store_could_send_is_said_at_once_and_not_published(site: Site) -> None:
    browser = await site.as_user()
    assert "order has no &#39;reff&#39;" in await types(browser, "{{ order.reff }}")
    said = await types(
        browser, '[[route]]\non = "order.ready"\nto = "customer"\nvia = ["pigeon"]\n', file="routes.toml"
    )
    assert "no channel &#39;pigeon&#39;" in said
    review = await browser.get("/texts/all/review")
    assert "be published yet" in review.words
    answer = await browser.post("/texts/all/publish", {"token": review.token, "canary": "0"})
    assert answer.status == 422
    assert await site.sql("SELECT * FROM bundle") == []


async def test_the_preview_follows_what_is_typed_in_every_language_and_medium(site: Site) -> None:
    browser = await site.as_user()
    page = await browser.get("/texts")
    asked = {"token": page.token, "file": READY, "text": "Für {{ order.ref }} " + "好" * 80}
    answer = await browser.post("/texts/all/preview", asked)
    assert answer.status == 200
    assert "<html" not in answer.text
    assert "2 SMS" in answer.words
    assert "UCS-2" in answer.words
    for language in ("en", "es", "fr", "de"):
        assert f'lang="{language}"' in answer.text
    broken = await browser.post("/texts/all/preview", asked | {"text": "{{ nobody }}"})
    assert "nobody" in broken.words


async def publishes(site: Site, release: str = "", canary: timedelta | None = None) -> None:
    """By the command line."""
    wanted = Wanted(group="all", by="ines", release=release, canary=canary)
    async with opened(site.services.settings.postgres.dsn) as db:
        text = f"{{{{ order.ref }}}} is ready{'!' if canary else ''}\n"
        await Publisher(site.services.settings, site.services.now).publish(db, {READY: text.encode()}, wanted)


async def test_what_is_withdrawn_while_canaries_try_something(site: Site) -> None:
    await site.store("soho", bundle="")
    await site.sql("UPDATE store SET canary = true")
    await publishes(site)
    await publishes(site, canary=timedelta(minutes=30))
    browser = await site.as_user()
    page = await browser.get("/texts")
    refused = await browser.post("/texts/all/rollback", {"token": page.token, "what": "withdraw"})
    assert refused.status == 409
    assert "Canaries try something there: wait for it, or roll that back." in refused.words


async def test_what_needs_a_release_still_does_when_it_is_changed_on_the_page(site: Site) -> None:
    await site.store("soho", bundle="")
    await publishes(site, release="0.2")
    browser = await site.as_user()
    await writes(site, "ines", "{{ order.ref }} is ready for you\n")
    review = await browser.get("/texts/all/review")
    fields = {"token": review.token, "reviewed": reviewed(review), "canary": "0"}
    assert (await browser.post("/texts/all/publish", fields)).status == 303
    assert await site.sql("SELECT release FROM bundle ORDER BY version") == [("0.2",), ("0.2",)]


async def test_who_may_publish(site: Site) -> None:
    """A viewer, and a manager of one store, want to write to all stores' customers."""
    await site.store("soho")
    for role, stores in (("viewer", ()), ("manager", ("soho",))):
        browser = await site.as_user(role, role, stores)  # type: ignore[arg-type]
        for path in ("/texts", "/texts/all", EDIT, "/texts/all/review"):
            assert (await browser.get(path)).status == 403, path
        token = (await browser.get("/")).token
        for path in ("/texts/all/edit", "/texts/all/publish", "/texts/all/rollback", "/texts/all/preview"):
            assert (await browser.post(path, {"token": token, "file": READY, "text": "x"})).status == 403, path
    assert await site.sql("SELECT * FROM draft") == []


async def test_a_file_that_has_no_place_in_a_bundle(site: Site) -> None:
    """Somebody who may publish wants to read or write what is not a bundle's."""
    browser = await site.as_user()
    token = (await browser.get("/texts")).token
    for file in ("../../etc/passwd", "templates/en/../../x.j2", "hq.toml", "templates/en/x.py", "manifest.json"):
        assert (await browser.get(f"/texts/all/edit?file={file}")).status == 404
        for what in ("save", "drop", "remove"):
            fields = {"token": token, "file": file, "text": "x", "what": what}
            assert (await browser.post("/texts/all/edit", fields)).status == 404


async def test_a_bundle_of_which_nothing_is_left_is_withdrawn_and_not_published(site: Site) -> None:
    """Stores would take it for the nearest that counts, and lose what wider groups have."""
    await site.store("soho", bundle="")
    browser = await site.as_user()
    await writes(site, "ines", "{{ order.ref }} is ready\n")
    for status in (303, 409):
        review = await browser.get("/texts/all/review")
        fields = {"token": review.token, "reviewed": reviewed(review), "canary": "0"}
        answer = await browser.post("/texts/all/publish", fields)
        assert answer.status == status
        await types(browser, "", "remove")
    assert "withdraw" in answer.words
    assert len(await site.sql("SELECT * FROM bundle")) == 1


async def test_what_a_store_says_of_its_bundle_is_shown_and_never_obeyed(site: Site) -> None:
    await site.store("soho", bundle="<i>all/1</i>", bundle_problem="<script>alert(1)</script>")
    page = await (await site.as_user()).get("/texts")
    assert "<script>alert" not in page.text
    assert "<i>all" not in page.text


async def test_a_command_to_a_store_and_what_it_answered(site: Site) -> None:
    await site.store("soho")
    await site.store("camden")
    manager = await site.as_user("mo", "manager", ("soho",))
    assert "/stores/soho/commands" in (await manager.get("/stores/soho")).text
    page = await manager.get("/stores/soho/commands")
    given = await manager.post(
        "/stores/soho/commands", {"token": page.token, "what": "pause", "channel": "twilio", "reason": "<b>bill</b>"}
    )
    assert given.status == 303
    ((id,),) = await site.sql("SELECT id FROM command")
    page = await manager.get("/stores/soho/commands")
    assert "waiting Pause twilio · mo" in page.words
    assert "<b>bill" not in page.text
    await site.entries("soho", ("command.done", "", "", {"id": id, "report": [["disk", "ok", "<i>10 GB</i>"]]}))
    page = await manager.get("/stores/soho/commands")
    assert "done Pause twilio" in page.words
    assert "<i>10 GB" not in page.text
    assert (await manager.post("/stores/soho/commands", {"token": page.token, "what": "reboot"})).status == 404
    for who in (manager, await site.as_user("vi", "viewer")):
        path = "/stores/camden/commands" if who is manager else "/stores/soho/commands"
        assert (await who.get(path)).status in (403, 404), "another's store, or no right"
        token = (await who.get("/")).token
        assert (await who.post(path, {"token": token, "what": "doctor"})).status in (403, 404)
    assert len(await site.sql("SELECT id FROM command")) == 1
