"""The registry: every page, in no order. To add one: a file with its `show`, `templates/NAME.html.j2`, `words/NAME.toml`, and its `Page` here."""

from collections.abc import Sequence

from daemon.hq.page import stores
from daemon.hq.page.frame import Page

PAGES: Sequence[Page] = (*stores.PAGES,)
