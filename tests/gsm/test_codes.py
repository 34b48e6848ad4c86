"""Error codes: what each is taken to mean."""

import pytest

from daemon.modem.codes import _CME, _CMS, Kind, fault


@pytest.mark.parametrize(
    ("final", "kind"),
    [
        ("+CMS ERROR: 1", Kind.RECIPIENT),
        ("+CMS ERROR: 28", Kind.RECIPIENT),
        ("+CMS ERROR: 195", Kind.RECIPIENT),
        ("+CMS ERROR: 8", Kind.SUBSCRIPTION),
        ("+CMS ERROR: 21", Kind.SUBSCRIPTION),
        ("+CMS ERROR: 316", Kind.CARD),
        ("+CMS ERROR: 330", Kind.SIM),
        ("+CMS ERROR: 38", Kind.RETRY),
        ("+CMS ERROR: 42", Kind.RETRY),
        ("+CMS ERROR: 331", Kind.RETRY),
        ("+CMS ERROR: 532", Kind.RETRY),
        ("+CMS ERROR: 304", Kind.GARBLED),
        ("+CMS ERROR: 145", Kind.MESSAGE),
        ("+CMS ERROR: 322", Kind.STORAGE),
        ("+CMS ERROR: 500", Kind.UNSURE),
        ("+CMS ERROR: 300", Kind.UNSURE),
        ("+CMS ERROR: 777", Kind.UNSURE),
        ("+CME ERROR: 10", Kind.CARD),
        ("+CME ERROR: 16", Kind.CARD),
        ("+CME ERROR: 14", Kind.RETRY),
        ("+CME ERROR: 515", Kind.RETRY),
        ("+CME ERROR: SIM busy", Kind.RETRY),
        ("+CME ERROR: SIM not inserted", Kind.CARD),
        ("+CME ERROR: no idea", Kind.UNSURE),
        ("COMMAND NOT SUPPORT", Kind.UNSUPPORTED),
        ("TOO MANY PARAMETERS", Kind.UNSUPPORTED),
        ("ERROR", Kind.UNSURE),
        ("ABORTED", Kind.UNSURE),
    ],
)
def test_classes(final: str, kind: Kind) -> None:
    assert fault(final).kind is kind


@pytest.mark.parametrize("final", [f"+CMS ERROR: {code}" for code in _CMS] + [f"+CME ERROR: {code}" for code in _CME])
def test_whatever_needs_a_person_says_what_to_do(final: str) -> None:
    found = fault(final)
    assert found.meaning
    assert found.code == final.replace("+", "").replace(" ERROR:", "")
    assert bool(found.remedy) == (found.kind in (Kind.SIM, Kind.CARD, Kind.SUBSCRIPTION))
