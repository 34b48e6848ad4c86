"""The opt-outs page by page."""

import re

import pytest

from tests.support.hq_page import Site

pytestmark = pytest.mark.engines


async def test_opt_outs_that_came_at_one_moment_are_on_a_page_each(site: Site) -> None:
    """A stream that was made anew is told fifty words at once, and many of them arrive within the same millisecond."""
    await site.sql(
        "INSERT INTO consent SELECT 'k1', 'sms', lpad(n::text, 32, '0'), true, 1, true, 'soho', 'e', n, 'STOP', n, '', %s "
        "FROM generate_series(1, 150) AS n",
        site.services.now(),
    )
    browser = await site.as_user()
    first = await browser.get("/optouts")
    (older,) = re.findall(r'href="(/optouts\?below=[^"]+)"', first.text)
    second = await browser.get(older.replace("&amp;", "&"))
    assert [page.words.count("STOP") for page in (first, second)] == [100, 50]
