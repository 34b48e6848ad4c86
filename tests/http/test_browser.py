"""The pages in a real Chromium: the board is live and comes back by itself, and nothing leaves the machine."""

import re
from collections.abc import AsyncIterator

import msgspec
import pytest

from daemon.config import Board, Hook
from outbox.clock import SystemClock
from tests.support.axe import axe_source, violations
from tests.support.chromium import LIVE_S, Browser, Page
from tests.support.face import Face, event, serving
from tests.support.small_store import SmallStore, open_store, store_settings

READY = "[...document.querySelectorAll('#ready li')].map(li => li.textContent).join()"


@pytest.fixture
async def store() -> AsyncIterator[SmallStore]:
    async with open_store(store_settings(board=Board(enabled=True)), clock=SystemClock()) as store:
        yield store


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    async with browser.page() as page:
        yield page


def stayed_here(page: Page, face: Face) -> bool:
    return all(url.startswith((face.url, "data:", "about:")) for url in page.requests)


async def put(face: Face, ref: str, status: str) -> None:
    await face.post("/v1/events", event(f"{ref}-{status}", status, ref=ref))


async def test_board_is_live(page: Page, store: SmallStore) -> None:
    async with serving(store) as face:
        await put(face, "B-1", "order.in_production")
        await page.open(face.url + "/board")
        await page.until("document.querySelectorAll('#making li').length === 1")
        await put(face, "B-1", "order.ready")
        await page.until(f"{READY} === 'B-1'", within=LIVE_S)
        assert page.requests.count(face.url + "/board/events") == 1, "it is told, and asks no second time"
        assert await page.run("document.querySelectorAll('#making li').length") == 0
        assert await page.run("document.querySelector('#ready li').classList.contains('new')")
        assert await page.run("parseFloat(getComputedStyle(document.querySelector('#ready li')).fontSize)") >= 32
        assert page.complaints == []
        assert stayed_here(page, face)


async def test_board_comes_back_after_a_restart(page: Page, store: SmallStore) -> None:
    async with serving(store) as face:
        await put(face, "B-1", "order.ready")
        await page.open(face.url + "/board")
        await page.until(f"{READY} === 'B-1'")
    store.engine.settings = msgspec.structs.replace(store.engine.settings, hook=Hook(port=face.port))
    async with serving(store) as again:
        await put(again, "B-2", "order.ready")
        await page.until(f"{READY}.includes('B-2')", within=15.0)
        await page.until("document.querySelector('#away')?.textContent === ''")


async def test_many_orders_fit(page: Page, store: SmallStore) -> None:
    async with serving(store) as face:
        for n in range(40):
            await put(face, f"B-{1000 + n}", "order.ready" if n % 2 else "order.in_production")
        await page.open(face.url + "/board", width=1920, height=1080)
        await page.until("document.querySelectorAll('#ready li').length === 20")
        await page.until("document.fonts.status === 'loaded'")
        overflow = "[...document.querySelectorAll('section')].some(s => s.scrollHeight > s.clientHeight + 1)"
        assert await page.run(overflow) is False
        assert await page.run("document.querySelector('#ready-more').hidden")


async def test_what_has_no_room_is_counted(page: Page, store: SmallStore) -> None:
    async with serving(store) as face:
        for n in range(40):
            await put(face, f"Order of balloons {n}", "order.ready")
        await page.open(face.url + "/board", width=800, height=480)
        await page.until("document.querySelector('#ready-more')?.hidden === false")
        shown = await page.run("document.querySelectorAll('#ready li').length")
        assert await page.run("document.querySelector('#ready-more').textContent") == f"+ {40 - shown}"
        assert (
            await page.run("parseFloat(getComputedStyle(document.querySelector('#ready li')).fontSize) / innerHeight")
            >= 0.039
        )


async def test_docs_page_is_quiet(page: Page, store: SmallStore) -> None:
    async with serving(store) as face:
        await page.open(face.url + "/docs")
        await page.until("document.querySelectorAll('article').length > 40")
        assert await page.run("document.documentElement.scrollWidth <= innerWidth")
        assert page.complaints == []
        assert stayed_here(page, face)
        assert not re.search("undefined", await page.run("document.body.innerText"))


@pytest.mark.parametrize("path", ["/board", "/docs"])
async def test_accessibility(page: Page, store: SmallStore, path: str) -> None:
    axe = axe_source()
    async with serving(store) as face:
        await put(face, "B-1", "order.ready")
        await put(face, "B-2", "order.in_production")
        await page.open(face.url + path)
        await page.until("location.pathname !== '/board' || document.querySelectorAll('li').length === 2")
        assert await violations(page, axe) == []
