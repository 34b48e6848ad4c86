"""What tests of the owner's tools share."""

from collections.abc import Sequence

import pytest

from daemon.appliance.checks import configuration
from daemon.config import Settings
from daemon.planner.check import Finding, check_templates

_found: dict[str, Sequence[Finding]] = {}


@pytest.fixture
def shipped_texts_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """To render each of them takes most of an examination, and comes to the same in stores that differ in nothing a text shows."""

    def checked(settings: Settings) -> Sequence[Finding]:
        if settings.own_templates.exists() or settings.bundle is not None or settings.route:
            return check_templates(settings)
        shown = repr((settings.store, settings.counter, settings.sms, settings.sources, settings.audiences))
        if shown not in _found:
            _found[shown] = check_templates(settings)
        return _found[shown]

    monkeypatch.setattr(configuration, "check_templates", checked)
