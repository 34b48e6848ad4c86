"""The few signs on the screen, and what stands for them where the terminal's font lacks them (the Linux console)."""

from collections.abc import Mapping

import msgspec


class Glyphs(msgspec.Struct, frozen=True):
    """Signs of one cell each; never the only carrier of a meaning."""

    done: str = "✓"
    bad: str = "✗"
    unsure: str = "?"
    waiting: str = "·"
    going: str = "→"
    held: str = "‖"
    phone: str = "☎"
    up: str = "●"
    down: str = "○"
    cursor: str = "▌"
    marked: str = "◆"
    unread: str = "●"
    box: str = "☐"
    ticked: str = "☑"
    bars: str = "▂▄▆█"
    cut: str = "…"


RICH = Glyphs()
PLAIN = Glyphs(
    done="√",
    bad="x",
    going=">",
    held="=",
    phone="#",
    up="*",
    down="o",
    cursor=">",
    marked="+",
    unread="*",
    box="o",
    ticked="√",
    bars=".oO#",
    cut="~",
)
BARE = msgspec.structs.replace(PLAIN, done="+", waiting=".", ticked="x")


def glyphs_for(environ: Mapping[str, str], encoding: str) -> Glyphs:
    """What this terminal can show."""
    if "utf" not in encoding.lower():
        return BARE
    return PLAIN if environ.get("TERM") == "linux" else RICH
