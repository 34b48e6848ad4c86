"""Who gets in, and who doesn't. Real passwords, real cookies, a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import psycopg
import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from daemon.hq.page.attempts import NAME_MOST, PLACE_MOST
from daemon.hq.page.sessions import token_of
from daemon.hq.passwords import is_right
from tests.support.busy import until
from tests.support.fake_clock import FakeClock
from tests.support.headquarters import headquarters
from tests.support.hq_page import Browser, Site, page_site

pytestmark = pytest.mark.engines

PASSWORD = "a red balloon, high up"


@pytest.fixture(scope="module")
def kept() -> str:
    """At next to no cost: what a check costs stands in what is kept."""
    salt, cheap = b"sixteen bytes ..", {"length": 32, "iterations": 1, "lanes": 1, "memory_cost": 32}
    return Argon2id(salt=salt, **cheap).derive_phc_encoded(PASSWORD.encode())


@pytest.fixture
async def maria(site: Site, kept: str) -> None:
    await site.sql("INSERT INTO hq_user (name, role, password) VALUES ('maria', 'admin', %s)", kept)


async def log_in(browser: Browser, password: str = PASSWORD, name: str = "maria", **more: str) -> int:
    form = await browser.get("/login")
    done = await browser.post("/login", {"token": form.token, "name": name, "password": password} | more)
    return done.status


@pytest.mark.usefixtures("maria")
async def test_who_has_a_password_gets_in_and_out_again(site: Site) -> None:
    browser = site.browser()
    asked = await browser.get("/?state=late")
    assert (asked.status, asked.headers["Location"]) == (303, "/login?next=/%3Fstate%3Dlate")
    assert await log_in(browser) == 303
    page = await browser.get("/")
    assert page.status == 200
    held = browser.cookies["tether-session"]
    assert (await browser.post("/logout", {"token": page.token})).status == 303
    browser.hold("tether-session", held)
    assert (await browser.get("/")).status == 303
    kinds = [kind for (kind,) in await site.sql("SELECT kind FROM hq_record WHERE actor = 'maria' ORDER BY seq")]
    assert kinds == ["page.entered", "page.left"]


@pytest.mark.usefixtures("maria")
async def test_a_browser_that_is_left_open_is_let_in_for_no_longer_than_it_may(site: Site, clock: FakeClock) -> None:
    """Who finds it wants to be the owner: after half a day without her, a week after she came, or for as long as a wrong clock gave her."""
    browser = site.browser()
    assert await log_in(browser) == 303
    for _ in range(14):
        clock.step(11.9 * 3600)
        assert (await browser.get("/")).status == 200
    clock.step(11.9 * 3600)
    assert (await browser.get("/")).status == 303, "a week is over"
    assert await log_in(browser) == 303
    clock.step(12.1 * 3600)
    assert (await browser.get("/")).status == 303, "nobody was there for half a day"
    clock.step(365 * 86_400)
    assert await log_in(browser) == 303
    assert (await browser.get("/")).status == 200
    clock.step(-365 * 86_400)
    assert (await browser.get("/")).status == 303, "it was made by a clock that was a year ahead"
    assert await log_in(site.browser()) == 303
    assert await site.sql("SELECT count(*) FROM hq_session") == [(1,)]


@pytest.mark.usefixtures("maria")
async def test_log_in_guessing(site: Site, clock: FakeClock) -> None:
    """Somebody on the network guesses the owner's password, many at once; they want in. The owner, from her own browser, must not be kept
    out meanwhile."""
    hers = site.browser()
    assert await log_in(hers) == 303
    await hers.post("/logout", {"token": (await hers.get("/")).token})
    stranger = site.browser()
    form = await stranger.get("/login")
    guesses = [
        stranger.post("/login", {"token": form.token, "name": "maria", "password": f"guess number {n}"})
        for n in range(NAME_MOST + 4)
    ]
    answers = [answer.status for answer in await asyncio.gather(*guesses)]
    assert sorted(answers) == [403] * NAME_MOST + [429] * 4
    assert await log_in(stranger) == 429, "even the right one, while it is guessed at"
    assert await log_in(hers) == 303
    clock.step(16 * 60)
    assert await log_in(stranger) == 303


@pytest.mark.usefixtures("maria")
async def test_guesses_by_a_clock_that_was_ahead_shut_nobody_out_for_days(site: Site, clock: FakeClock) -> None:
    clock.step(3 * 86_400)
    stranger = site.browser()
    for _ in range(NAME_MOST + 1):
        await log_in(stranger, "a wrong guess")
    clock.step(-3 * 86_400 + 16 * 60)
    assert await log_in(site.browser()) == 303


@pytest.mark.usefixtures("maria")
async def test_a_password_that_is_changed_while_it_is_looked_at_lets_nobody_in(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who stole it logs in at the very moment in which its owner gets another one; they want a week more."""

    def and_meanwhile(password: str, kept: str | None) -> bool:
        right = is_right(password, kept)
        with psycopg.connect(site.services.settings.postgres.dsn) as db:
            db.execute("UPDATE hq_user SET password = 'another' WHERE name = 'maria'")
        return right

    monkeypatch.setattr("daemon.hq.page.door.is_right", and_meanwhile)
    assert await log_in(site.browser()) == 403
    assert await site.sql("SELECT count(*) FROM hq_session") == [(0,)]


@pytest.mark.usefixtures("maria")
async def test_guessing_names(site: Site) -> None:
    """A stranger wants to know which names there are: both answers are alike."""
    browser = site.browser()
    form = await browser.get("/login")
    told = [
        await browser.post("/login", {"token": form.token, "name": name, "password": "wrong"})
        for name in ("maria", "nobody")
    ]
    assert [answer.status for answer in told] == [403, 403]
    assert told[0].words == told[1].words


@pytest.mark.usefixtures("maria")
async def test_session_fixation(site: Site) -> None:
    """Somebody plants a session of their own choice in the owner's browser and waits for her to log in; they want to be her."""
    theirs = await site.session("eve", "viewer")
    for planted in (theirs, "a word of their own"):
        browser = site.browser()
        browser.hold("tether-session", planted)
        if planted == theirs:
            page = await browser.get("/")
            await browser.post("/logout", {"token": page.token})
            browser.hold("tether-session", planted)
        assert await log_in(browser) == 303
        assert browser.cookies["tether-session"] != planted
        eve = site.browser()
        eve.hold("tether-session", planted)
        assert (await eve.get("/")).status == 303


@pytest.mark.usefixtures("maria")
async def test_log_in_by_a_strangers_form(site: Site) -> None:
    """A page elsewhere sends its own log-in form from the owner's browser; it wants her to work in their account."""
    browser = site.browser()
    form = await browser.get("/login")
    fields = {"token": form.token, "name": "maria", "password": PASSWORD}
    assert (await browser.post("/login", fields, Origin="https://elsewhere.example")).status == 403
    assert (await browser.post("/login", fields, **{"Sec-Fetch-Site": "cross-site"})).status == 403
    assert (await browser.post("/login", fields | {"token": "0" * 64})).status == 403
    assert (await site.browser().post("/login", fields)).status == 403, "the token is of another browser's"
    assert "tether-session" not in browser.cookies


@pytest.mark.usefixtures("maria")
@pytest.mark.parametrize("where", ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere.example", "x"])
async def test_where_to_after_the_log_in(site: Site, where: str) -> None:
    """A link in a mail goes to our log-in and wants to be followed to elsewhere after it."""
    browser = site.browser()
    form = await browser.get("/login")
    done = await browser.post("/login", {"token": form.token, "name": "maria", "password": PASSWORD, "next": where})
    assert done.headers["Location"] == "/"


async def test_what_a_browser_holds_is_not_in_the_database(site: Site) -> None:
    """Somebody reads a backup of the database; they want to be whoever is logged in."""
    secret = await site.session()
    rows = await site.sql("SELECT digest FROM hq_session")
    assert secret.encode() not in bytes(rows[0][0])
    for guess in (bytes(rows[0][0]).hex(), bytes(rows[0][0]).decode("latin-1")):
        browser = site.browser()
        browser.hold("tether-session", "".join(filter(str.isprintable, guess.encode("ascii", "ignore").decode())))
        assert (await browser.get("/")).status == 303


async def test_a_session_ends(site: Site, clock: FakeClock) -> None:
    browser = await site.as_user()
    for _ in range(3):
        clock.step(11 * 3600)
        assert (await browser.get("/")).status == 200
    clock.step(13 * 3600)
    assert (await browser.get("/")).status == 303


async def test_rights_are_taken_at_once(site: Site) -> None:
    browser = await site.as_user("noor", "manager", ("soho",))
    assert (await browser.get("/")).status == 200
    await site.sql("DELETE FROM hq_user WHERE name = 'noor'")
    assert (await browser.get("/")).status == 303


async def test_rights_that_are_taken_while_a_form_comes_in(site: Site, clock: FakeClock) -> None:
    """Somebody who is let go holds a text back by its last byte, until they are."""
    secret = await site.session("noor")
    ((began,),) = await site.sql("SELECT seen FROM hq_session")
    clock.step(3600)

    async def is_let_in() -> bool:
        return await site.sql("SELECT 1 FROM hq_session WHERE seen > %s", began) != []

    async def slowly() -> AsyncIterator[bytes]:
        yield f"token={token_of(secret)}&what=save&file=routes.toml&text=".encode()
        await until(is_let_in)
        await site.sql("DELETE FROM hq_user WHERE name = 'noor'")
        yield b"x"

    headers = {"Cookie": f"tether-session={secret}", "Content-Type": "application/x-www-form-urlencoded"}
    async with (
        aiohttp.ClientSession(site.url, headers=headers) as http,
        http.post("/texts/all/edit", data=slowly()) as answer,
    ):
        assert answer.status == 403
        assert "You are logged out" in await answer.text()
    assert await site.sql("SELECT file FROM draft") == []


@pytest.mark.usefixtures("maria")
async def test_cookies_under_tls(database: str, tmp_path: Path, clock: FakeClock, site: Site, kept: str) -> None:
    """Somebody on the line wants to read a session, or to set one from another host of the domain."""
    async with page_site(database, tmp_path, clock, public_url="https://hq.example") as safe:
        answer = await safe.browser().get("/login", Host="hq.example")
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-tether-door=")
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
        assert "Domain" not in cookie


async def test_nothing_is_let_in_from_outside(site: Site) -> None:
    """A text that got onto a page wants to run, or to load something from elsewhere: the policy of every answer forbids both."""
    browser = await site.as_user()
    for path in ("/", "/login", "/nowhere", "/static/hq.css"):
        headers = (await browser.get(path)).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.usefixtures("maria")
async def test_guesses_from_behind_the_same_proxy(site: Site) -> None:
    """A stranger tries names without end from where all come from (a proxy, a shop's line); they want the owner, who knows her password, kept out."""
    hers = site.browser()
    assert await log_in(hers) == 303
    await hers.post("/logout", {"token": (await hers.get("/")).token})
    stranger = site.browser()
    form = await stranger.get("/login")
    await stranger.post("/login", {"token": form.token, "name": "nobody", "password": "a guess"})
    await site.sql("UPDATE hq_failure SET times = %s WHERE key LIKE 'place %%'", PLACE_MOST)
    assert await log_in(stranger, name="somebody") == 429
    assert await log_in(hers) == 303


async def test_a_name_that_no_column_holds(site: Site) -> None:
    """A stranger sends what PostgreSQL refuses; they want an error that says what runs here."""
    browser = site.browser()
    form = await browser.get("/login")
    done = await browser.post("/login", {"token": form.token, "name": "a\x00b", "password": "x" * 20})
    assert done.status in (403, 404)
    assert "NUL" not in done.text


@pytest.mark.slow
async def test_users_by_the_command_line(database: str, tmp_path: Path) -> None:
    async with headquarters(tmp_path, database) as hq:
        hq.init()
        added = hq.tether("user", "add", "noor", "--role", "manager", "--store", "soho", stdin=PASSWORD + "\n")
        assert "noor may log in as manager of soho" in added.stdout
        assert "not in the fleet yet: soho" in added.stdout
        assert "maria may log in as admin" in hq.tether("user", "add", "maria", "--role", "admin", "--provider").stdout
        assert hq.tether("user", "add", "x", "--store", "soho", stdin=PASSWORD + "\n", check=False).returncode == 2
        assert hq.tether("user", "add", "x", stdin="short\n", check=False).returncode == 2
        listed = hq.tether("user", "list").stdout
        assert "noor" in listed
        assert "soho" in listed
        assert "did you mean 'noor'?" in hq.tether("user", "remove", "nor", check=False).stderr
        hq.tether("user", "remove", "noor")
        assert "nobody is called 'noor' here" in hq.tether("user", "remove", "noor", check=False).stderr
        secret = hq.tether("token", "new", "grafana").stdout.strip()
        assert "grafana" in hq.tether("token", "list").stdout
        assert "did you mean 'grafana'?" in hq.tether("token", "revoke", "graphana", check=False).stderr
        hq.tether("token", "revoke", "grafana")
        assert "nobody yet" in hq.tether("token", "list").stdout
        assert "no token is named 'grafana'" in hq.tether("token", "revoke", "grafana", check=False).stderr
        with psycopg.connect(database) as db:
            told = db.execute("SELECT kind, actor, detail FROM hq_record ORDER BY seq").fetchall()
        assert [kind for kind, *_ in told] == ["user.put", "user.put", "user.removed", "token.added", "token.revoked"]
        assert all(actor.endswith(" (command line)") for _, actor, _ in told)
        assert PASSWORD not in str(told)
        assert secret not in str(told)


@pytest.mark.usefixtures("maria")
async def test_strangers_get_no_memory(site: Site) -> None:
    """A stranger tries made-up names without end; they want the database to fill."""
    form = await (browser := site.browser()).get("/login")
    await site.sql("INSERT INTO hq_failure VALUES ('place 127.0.0.1', 50, %s)", site.services.now())
    for n in range(5):
        answer = await browser.post("/login", {"token": form.token, "name": f"nobody {n}", "password": "x"})
        assert answer.status == 429
    assert await site.sql("SELECT key, times FROM hq_failure") == [("place 127.0.0.1", 55)]
