"""What all tests of the screen share: a cursor that does not blink, so that two looks at the same thing are the same."""

from typing import Any

import pytest
from textual.css.stylesheet import Stylesheet
from textual.widgets import Input, TextArea

_parse_rules = Stylesheet._parse_rules
_sheets: dict[object, Any] = {}


@pytest.fixture(autouse=True)
def still_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Input, "_toggle_cursor", lambda self: None)
    monkeypatch.setattr(TextArea, "_toggle_cursor_blink_visible", lambda self: None)
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture(autouse=True)
def short_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pilot waits until the process is idle, measured over this long, twice a key: hundreds of keys are pressed here."""
    monkeypatch.setattr("textual._wait.SLEEP_GRANULARITY", 0.004)
    monkeypatch.setattr("textual._wait.SLEEP_IDLE", 0.002)


@pytest.fixture(autouse=True)
def sheets_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test starts the program anew, always with the same style sheets: a seventh of their time went into parsing them."""

    def parsed(self: Stylesheet, *given: Any, **named: Any) -> Any:
        key = (given, tuple(named.items()), tuple(self._variables.items()))
        if key not in _sheets:
            _sheets[key] = _parse_rules(self, *given, **named)
        return _sheets[key]

    monkeypatch.setattr(Stylesheet, "_parse_rules", parsed)
