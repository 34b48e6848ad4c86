"""A button of one line that acts at once."""

from textual.widgets import Button


class Press(Button):
    """Plays no effect. What it is styled by is looked up when it is mounted, not at each class that it begins with."""

    def __init__(self, label: str, *, id: str, classes: str | None = None) -> None:
        super().__init__(label, compact=True, id=id, classes=classes)
        self.active_effect_duration = 0

    def update_node_styles(self, animate: bool = True) -> None:
        if self.parent is not None:
            super().update_node_styles(animate)
