"""The registry: every page, in no order. To add one: a file with its `show`, `templates/NAME.html.j2`, `words/NAME.toml`, and its `PAGES` here."""

from collections.abc import Sequence

from daemon.hq.page import audit, commands, figures, optouts, order, search, store, stores, texts
from daemon.hq.page.frame import Page

PAGES: Sequence[Page] = (
    *stores.PAGES,
    *store.PAGES,
    *order.PAGES,
    *search.PAGES,
    *optouts.PAGES,
    *audit.PAGES,
    *texts.PAGES,
    *figures.PAGES,
    *commands.PAGES,
)
