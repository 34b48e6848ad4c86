"""The words that a line may end with, in English and in the screen's language."""

from collections.abc import Mapping

from tui.i18n import Texts, text
from tui.wording.folding import fold

HOLD, RELEASE, WRITE, STOP = "hold", "release", "write", "stop"

STEPS: Mapping[str, str] = {
    "order.confirmed": text("confirmed confirm"),
    "order.in_production": text("making make"),
    "order.ready": text("ready finished"),
    "order.out_for_delivery": text("out leaving"),
    "order.completed": text("done collected completed"),
    "order.delayed": text("late delayed"),
    "order.cancelled": text("cancel cancelled"),
}
OTHERS: Mapping[str, str] = {
    HOLD: text("hold"),
    RELEASE: text("release"),
    WRITE: text("message write"),
    STOP: text("stop"),
}


def verbs(t: Texts) -> Mapping[str, str]:
    """Word -> the status it sets, or what else it does."""
    return {
        fold(word): does
        for does, words in (*STEPS.items(), *OTHERS.items())
        for said in (words, t(words))
        for word in said.split()
    }
