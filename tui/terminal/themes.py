"""The screen's colours: calm dark and light ones, and two of high contrast. The names that app.tcss uses beside Textual's own:
`good`, `bad`, `warn`, `quiet`, `rule`, and `cursor-ground` with `cursor-ink`."""

from textual.theme import Theme

from tui.i18n import text

THEMES = (
    Theme(
        name="dark",
        dark=True,
        primary="#7fb4e0",
        accent="#7fb4e0",
        foreground="#d9dfe5",
        background="#14181d",
        surface="#1b2129",
        panel="#242c36",
        success="#7ccf9a",
        warning="#e6b95c",
        error="#ff8a7c",
        variables={
            "good": "#7ccf9a", "bad": "#ff8a7c", "warn": "#e6b95c", "quiet": "#93a0ad", "rule": "#3a4653",
            "cursor-ground": "#2f5f8a", "cursor-ink": "#ffffff",
        },
    ),
    Theme(
        name="light",
        dark=False,
        primary="#1f5f99",
        accent="#1f5f99",
        foreground="#22272c",
        background="#faf8f3",
        surface="#ffffff",
        panel="#ece8de",
        success="#1b6e3c",
        warning="#8a5a00",
        error="#b3261e",
        variables={
            "good": "#1b6e3c", "bad": "#b3261e", "warn": "#825500", "quiet": "#5d656d", "rule": "#c9c3b4",
            "cursor-ground": "#1f5f99", "cursor-ink": "#ffffff",
        },
    ),
    Theme(
        name="contrast",
        dark=True,
        primary="#ffe14d",
        accent="#ffe14d",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#1a1a1a",
        success="#5dff8f",
        warning="#ffe14d",
        error="#ff8f8f",
        text_alpha=1.0,
        variables={
            "good": "#5dff8f", "bad": "#ff9d9d", "warn": "#ffe14d", "quiet": "#e0e0e0", "rule": "#ffffff",
            "cursor-ground": "#ffe14d", "cursor-ink": "#000000",
        },
    ),
    Theme(
        name="contrast-light",
        dark=False,
        primary="#00308f",
        accent="#00308f",
        foreground="#000000",
        background="#ffffff",
        surface="#ffffff",
        panel="#eeeeee",
        success="#004d1a",
        warning="#5c3a00",
        error="#8b0000",
        text_alpha=1.0,
        variables={
            "good": "#004d1a", "bad": "#8b0000", "warn": "#5c3a00", "quiet": "#222222", "rule": "#000000",
            "cursor-ground": "#000000", "cursor-ink": "#ffffff",
        },
    ),
)  # fmt: skip

THEME_WORDS = {
    "dark": text("dark"),
    "light": text("light"),
    "contrast": text("high contrast, dark"),
    "contrast-light": text("high contrast, light"),
}

THEME_NAMES = tuple(theme.name for theme in THEMES)
