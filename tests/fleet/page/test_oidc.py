"""Logging in by a provider: a real one runs beside, and what no real one would say is said to the check itself."""

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import msgspec
import pytest

from daemon.hq.config import Oidc
from daemon.hq.page.oidc import OidcRefused, discover, read_claims
from outbox.clock import SystemClock
from tests.support.hq_page import Browser, Site, page_site
from tests.support.oidc_provider import oidc_provider

pytestmark = pytest.mark.engines
MAIL = "maria@example.com"


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with oidc_provider() as url:
        yield url


@pytest.fixture
async def site(database: str, tmp_path: Path, provider: str) -> AsyncIterator[Site]:
    async with page_site(database, tmp_path, SystemClock()) as running:
        running.services.settings = msgspec.structs.replace(
            running.services.settings,
            oidc=Oidc(provider, "headquarters"),
            secrets={**running.services.settings.secrets, "HQ_OIDC_SECRET": "a secret of the tests"},
        )
        yield running


async def at_provider(provider: str, browser: Browser, *, who: str = MAIL) -> str:
    """Begin here, say at the provider who it is; the path by which the browser comes back."""
    begun = await browser.get("/login/oidc?next=/optouts")
    where = begun.headers["Location"]
    assert where.startswith(f"{provider}/oauth2/authorize?")
    claims = {"email": who, "email_verified": True}
    async with aiohttp.ClientSession() as session:
        async with session.put(f"{provider}/users/{who}", json=claims) as answer:
            assert answer.status < 300
        async with session.post(where, data={"sub": who}, allow_redirects=False) as answer:
            assert answer.status == 302, await answer.text()
            back = urlsplit(answer.headers["Location"])
    assert f"{back.scheme}://{back.netloc}" == browser.url
    return f"{back.path}?{back.query}"


async def test_who_is_known_gets_in(site: Site, provider: str) -> None:
    await site.session(MAIL, "admin")
    browser = site.browser()
    assert f"Log in by {urlsplit(provider).netloc}" in (await browser.get("/login")).words
    done = await browser.get(await at_provider(provider, browser))
    assert (done.status, done.headers["Location"]) == (303, "/optouts")
    page = await browser.get("/optouts")
    assert page.status == 200
    assert MAIL in page.words
    assert ("page.entered", MAIL) in await site.sql("SELECT kind, actor FROM hq_record")


async def test_who_is_not_known_here_does_not(site: Site, provider: str) -> None:
    """Anybody may have an account at the provider; a stranger wants in with theirs."""
    browser = site.browser()
    done = await browser.get(await at_provider(provider, browser, who="stranger@example.com"))
    assert done.status == 403
    assert "The provider knows you, headquarters does not." in done.words
    assert (await browser.get("/")).status == 303


async def test_a_log_in_that_somebody_else_began(site: Site, provider: str) -> None:
    """Somebody sends the owner the link with which their own log-in comes back; they want her to work in their account, or her code."""
    await site.session(MAIL, "admin")
    theirs = site.browser()
    path = await at_provider(provider, theirs)
    hers = site.browser()
    assert (await hers.get(path)).status == 403, "her browser began none"
    await hers.get("/login/oidc")
    assert (await hers.get(path)).status == 403, "and if it did, another one"
    assert (await theirs.get(path)).status == 303
    assert (await theirs.get(path)).status == 403, "once only"


async def test_a_code_that_leaked_is_of_no_use(site: Site, provider: str) -> None:
    """Somebody read the code in a log; they want to be the owner. Without her browser's own word (PKCE) it opens nothing."""
    await site.session(MAIL, "admin")
    code = parse_qs(urlsplit(await at_provider(provider, site.browser())).query)["code"][0]
    eve = site.browser()
    state = parse_qs(urlsplit((await eve.get("/login/oidc")).headers["Location"]).query)["state"][0]
    assert (await eve.get(f"/login/oidc/done?code={code}&state={state}")).status == 403


async def test_a_provider_that_is_not_what_it_says(provider: str) -> None:
    """Somebody between us and the provider answers in its place."""
    async with aiohttp.ClientSession() as http:
        with pytest.raises(OidcRefused, match="calls itself http://localhost:"):
            await discover(http, Oidc(provider.replace("localhost", "LOCALHOST"), "headquarters"))
        with pytest.raises(OidcRefused, match="is not https"):
            await discover(http, Oidc("http://login.example", "headquarters"))


GOOD = {"iss": "https://login.example", "aud": "hq", "exp": 2000, "nonce": "n", "email": MAIL, "email_verified": True}


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://other.example"}, {"aud": "another"}, {"aud": ["hq", "another"]}, {"exp": 1000}, {"exp": None}, {"nonce": "m"},
        {"email_verified": False}, {"email_verified": None}, {"email_verified": "true"}, {"email": ""}, {"email": None},
    ],
)  # fmt: skip
def test_what_a_token_must_say(wrong: Mapping[str, Any]) -> None:
    """Somebody has a token for another service, of another log-in, or with an address that nobody verified."""
    oidc = Oidc("https://login.example", "hq")
    assert read_claims(GOOD, oidc, oidc.issuer, "n", 1000.0) == MAIL
    with pytest.raises(OidcRefused):
        read_claims(GOOD | wrong, oidc, oidc.issuer, "n", 1000.0)


async def test_without_a_provider_there_is_no_such_page(database: str, tmp_path: Path) -> None:
    async with page_site(database, tmp_path, SystemClock()) as plain:
        assert (await plain.browser().get("/login/oidc")).status == 404
        assert "/login/oidc" not in (await plain.browser().get("/login")).text
