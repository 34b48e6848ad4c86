"""The looks that staff change while the screen runs: its language and its colours. They are kept for this terminal."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from textual.app import App, SystemCommand

from tui.i18n import LANGUAGES
from tui.screens.order import OrderPage
from tui.screens.page import Page
from tui.shop.session import Session
from tui.terminal.themes import THEME_WORDS, THEMES
from tui.wording.words import GOOD, WARN

Remember = Callable[..., None]


class LooksOf:
    """One app's. `go` goes to a page; `remember` keeps what was chosen; it raises OSError where it can't."""

    def __init__(
        self, app: App[Any], session: Session, go: Callable[[str], Awaitable[None]], remember: Remember
    ) -> None:
        self._app = app
        self._session = session
        self._go = go
        self._remember = remember

    def commands(self) -> Iterable[SystemCommand]:
        """What the command palette offers."""
        app, t = self._app, self._session.t
        for code, name in LANGUAGES.items():
            yield SystemCommand(
                f"{t('language')}: {name}",
                t("what it speaks"),
                lambda code=code: app.call_later(self.speak, code),
            )
        for theme in THEMES:
            yield SystemCommand(
                f"{t('colours')}: {t(THEME_WORDS[theme.name])}",
                t("how it looks"),
                lambda name=theme.name: self.wear(name),
            )

    async def speak(self, language: str) -> None:
        """Every page is made anew in that language; what can be undone still can."""
        self._session.speak(language)
        await self._make_anew()
        self._keep(language=language)

    async def _make_anew(self) -> None:
        """Each page, and the order that is open."""
        app = self._app
        here = app.current_mode
        page = next((each for each in reversed(app.screen_stack) if isinstance(each, Page)), None)
        there = next(mode for mode in app.MODES if mode != here)
        await self._go(there)
        for mode in (each for each in app.MODES if each != there):
            await self._drop(mode)
        await self._go(here)
        await self._drop(there)
        if isinstance(page, OrderPage):
            _mounting = app.push_screen(OrderPage(page.ref))

    async def _drop(self, mode: str) -> None:
        await self._app.remove_mode(mode)
        self._app.add_mode(mode, self._app.MODES[mode])

    def wear(self, theme: str) -> None:
        self._app.theme = theme
        self._keep(theme=theme)

    def _keep(self, **changed: str) -> None:
        session = self._session
        try:
            self._remember(**changed)
        except OSError as error:
            session.say(session.t("It is so now, but can't be kept for the next time: {why}", why=error.strerror), WARN)
        else:
            session.say(session.t("It stays so on this terminal."), GOOD)
