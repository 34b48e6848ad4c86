"""Figures on the page and as CSV: of the stores that who looks may see, and of no other."""

import csv

import pytest

from tests.support.fake_clock import FakeClock
from tests.support.hq_page import Site

pytestmark = pytest.mark.engines


async def test_told_within_how_long_by_which_way_and_why_not(site: Site, clock: FakeClock) -> None:
    await site.store("soho", currency="GBP")
    now = clock.now()
    await site.message("soho", "a", told_at=now + 30_000, parts=2, price="0.08")
    await site.message("soho", "b", state="failed", reason_code="refused")
    clock.step(1)
    page = await (await site.as_user()).get("/figures")
    assert page.status == 200
    assert "2026-11-23 soho 2 1 1 30 s 30 s 2 0.08 GBP" in page.words
    assert "soho failed refused 1" in page.words
    assert "50.0 %" in page.text
    sheet = await (await site.as_user()).get("/figures.csv?by=week")
    assert sheet.headers["Content-Disposition"] == 'attachment; filename="figures-week.csv"'
    (row,) = csv.DictReader(sheet.text.splitlines())
    assert (row["store"], row["told"], row["untold"], row["cost"]) == ("soho", "1", "1", "0.08")


async def test_a_manager_counts_own_stores_only(site: Site, clock: FakeClock) -> None:
    """A manager of one store wants the figures of another."""
    for store in ("soho", "camden"):
        await site.store(store)
        await site.message(store, f"{store}-1")
    clock.step(1)
    manager = await site.as_user("mo", "manager", ("soho",))
    for path in ("/figures", "/figures.csv?by=week", "/figures.csv?by=way", "/figures?weeks=12"):
        page = await manager.get(path)
        assert "soho" in page.text
        assert "camden" not in page.text, path
    assert (await manager.get("/figures.csv?by=all")).status == 404


async def test_a_stores_words_are_no_formula_of_a_sheet(site: Site, clock: FakeClock) -> None:
    """A store that somebody took over wants headquarters' spreadsheet to do something."""
    await site.store("soho")
    await site.message("soho", "a", state="failed", reason_code="=cmd|'/C calc'!A0")
    clock.step(1)
    sheet = await (await site.as_user()).get("/figures.csv?by=why")
    (row,) = csv.DictReader(sheet.text.splitlines())
    assert not row["reason_code"].startswith("=")
