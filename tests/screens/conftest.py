"""What all tests of the screen share: a cursor that does not blink, so that two looks at the same thing are the same."""

import fcntl
from collections.abc import Iterator
from typing import Any

import pytest
from textual.css.stylesheet import Stylesheet
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from tests.support.at_rest import at_rest

_parse_rules = Stylesheet._parse_rules
_sheets: dict[object, Any] = {}


PROCESSOR_SECONDS = 900
"""Tests that have the processor to themselves wait for it one behind the other, and that counts as their own time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "processor" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(PROCESSOR_SECONDS))


@pytest.fixture
def processor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Held by the one test at a time, of all workers, that has programs which never rest run on it."""
    with (tmp_path_factory.getbasetemp().parent / "processor").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(autouse=True)
def still_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Input, "_toggle_cursor", lambda self: None)
    monkeypatch.setattr(TextArea, "_toggle_cursor_blink_visible", lambda self: None)
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture(autouse=True)
def waits_until_at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the pilot does ends once all that comes of it has come, however busy the machine is."""

    async def all_drawn(pilot: Pilot[Any], timeout: float = 0) -> bool:
        await at_rest(pilot.app)
        return not pilot.app._exception_event.is_set()

    async def idle(*bounds: float) -> None:
        await at_rest()

    monkeypatch.setattr(Pilot, "_wait_for_screen", all_drawn)
    monkeypatch.setattr("textual.pilot.wait_for_idle", idle)
    monkeypatch.setattr("textual.app.wait_for_idle", idle)


@pytest.fixture(autouse=True)
def sheets_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test starts the program anew, always with the same style sheets: a seventh of their time went into parsing them."""

    def parsed(self: Stylesheet, *given: Any, **named: Any) -> Any:
        key = (given, tuple(named.items()), tuple(self._variables.items()))
        if key not in _sheets:
            _sheets[key] = _parse_rules(self, *given, **named)
        return _sheets[key]

    monkeypatch.setattr(Stylesheet, "_parse_rules", parsed)
