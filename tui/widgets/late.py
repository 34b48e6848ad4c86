"""Styles of a widget's parts, looked up when one is first drawn.

Textual looks up the styles of every component class of every widget that is mounted: half of all the looking up when a box of six fields opens, and most
of it for what is never seen.
"""

from functools import cache

from textual.css.styles import RenderStyles
from textual.dom import DOMNode
from textual.widget import Widget


class Late(Widget):
    """Stands behind the class that it is for (`class Field(Input, Late)`): Textual takes style sheets from the first base alone."""

    @classmethod
    @cache
    def _get_component_classes(cls) -> frozenset[str]:
        """Those that are to be styled ahead."""
        return frozenset()

    def get_component_styles(self, *names: str) -> RenderStyles:
        for name in names:
            if name not in self._component_styles and name in super()._get_component_classes():
                part = DOMNode(classes=name)
                part._attach(self)
                self.app.stylesheet.apply(part)
                self._component_styles[name] = part.styles
        return super().get_component_styles(*names)

    def notify_style_update(self) -> None:
        """What its parts look like may follow from it."""
        self._component_styles.clear()
        super().notify_style_update()
