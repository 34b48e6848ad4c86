"""What a line means while it is typed."""

import pytest

from daemon.wire.orders import Customer, Order
from daemon.wire.service import Store
from daemon.wire.values import When, Word
from tests.support.sample_shop import NOW
from tui.i18n import Texts
from tui.line.read import Reader, Said, is_address
from tui.line.verbs import verbs
from tui.wording.times import Times


def order(ref: str, name: str | None = None, *, stage: str = "making", updated: int = 0) -> Order:
    return Order(
        ref=ref,
        status=Word("order.confirmed"),
        stage=Word(stage),
        customer=Customer(name=name),
        updated_at=When(updated),
    )


ORDERS = {
    each.ref: each
    for each in (
        order("B-0977", "Noor", stage="done", updated=9),
        order("B-1042", "Noor", updated=3),
        order("B-1050", "Noor", updated=5),
        order("B-1043", "Lin"),
        order("B-1047", "Zoë"),
        order("B-1048", "Łukasz Bjørn Æbelø"),
        order("B-1060", "Stop Motion Ltd"),
        order("B-1061", "Ready Freddie", updated=1),
    )
}


def read(typed: str, language: str = "en") -> tuple[str, list[str], str]:
    t = Texts(language)
    times = Times(t, Store(timezone="UTC"))
    said: Said = Reader(verbs(t), lambda what: times.promised(what, NOW)).read(typed, ORDERS)
    return said.does, [each.ref for each in said.orders], said.value


@pytest.mark.parametrize(
    ("typed", "does", "refs", "value"),
    [
        ("", "", [], ""),
        ("   ", "", [], ""),
        ("b-1042", "open", ["B-1042"], ""),
        ("noor", "open", ["B-1050", "B-1042", "B-0977"], ""),
        ("zoe", "open", ["B-1047"], ""),
        ("lukasz", "open", ["B-1048"], ""),
        ("bjorn aebelo", "open", ["B-1048"], ""),
        ("łukasz", "open", ["B-1048"], ""),
        ("noor ready", "step", ["B-1050", "B-1042"], "order.ready"),
        ("b-1042 out", "step", ["B-1042"], "order.out_for_delivery"),
        ("B-1042 COLLECTED", "step", ["B-1042"], "order.completed"),
        ("lin 11:00", "promise", ["B-1043"], "2026-11-24T11:00:00+00:00"),
        ("lin tomorrow 9:30", "promise", ["B-1043"], "2026-11-25T09:30:00+00:00"),
        ("lin 24.12. 17.00", "promise", ["B-1043"], "2026-12-24T17:00:00+00:00"),
        ("lin 24/12 17.30", "promise", ["B-1043"], "2026-12-24T17:30:00+00:00"),
        ("lin 24.12. 1700", "promise", ["B-1043"], "2026-12-24T17:00:00+00:00"),
        ("lin 24.12.2026 17.00", "promise", ["B-1043"], "2026-12-24T17:00:00+00:00"),
        ("lin 24.12.2026", "none", [], "lin 24.12.2026"),
        ("lin 24/12/2026", "none", [], "lin 24/12/2026"),
        ("lin 24.12.2025 17.00", "none", [], "lin 24.12.2025 17.00"),
        ("lin 24-12-2026", "none", [], "lin 24-12-2026"),
        ("lin 2026-12-24 17.00", "none", [], "lin 2026-12-24 17.00"),
        ("lin 020-79-46-0958", "contact", ["B-1043"], "020-79-46-0958"),
        ("lin 24.12.17.00", "contact", ["B-1043"], "24.12.17.00"),
        ("lin 07700 900123", "contact", ["B-1043"], "07700 900123"),
        ("lin lin@example.com", "contact", ["B-1043"], "lin@example.com"),
        ("lin hold", "hold", ["B-1043"], ""),
        ("lin release", "release", ["B-1043"], ""),
        ("lin message", "write", ["B-1043"], ""),
        ("stop 07700 900123", "stop", [], "07700 900123"),
        ("stop motion", "open", ["B-1060"], ""),
        ("stop", "open", ["B-1060"], ""),
        ("ready", "open", ["B-1061"], ""),
        ("ready freddie out", "step", ["B-1061"], "order.out_for_delivery"),
        ("nobody", "none", [], "nobody"),
        ("nobody ready", "none", [], "nobody ready"),
        ("lin 11:0", "none", [], "lin 11:0"),
        ("B-9999", "ask", [], "B-9999"),
    ],
)
def test_what_a_line_means(typed: str, does: str, refs: list[str], value: str) -> None:
    assert read(typed) == (does, refs, value)


@pytest.mark.parametrize(
    ("language", "typed"),
    [("es", "lin listo"), ("fr", "lin prête"), ("de", "lin fertig"), ("de", "lin ready"), ("fr", "LIN PRET")],
)
def test_it_is_read_in_the_screens_language_and_in_english(language: str, typed: str) -> None:
    assert read(typed, language) == ("step", ["B-1043"], "order.ready")


@pytest.mark.parametrize("typed", ["07700 900123", "+44 7700 900123", "(020) 7946-0018", "a@b.example"])
def test_an_address(typed: str) -> None:
    assert is_address(typed)


@pytest.mark.parametrize("typed", ["Gita", "12345", "1234567890123456", "a@b", "07700 900123 x", ""])
def test_no_address(typed: str) -> None:
    assert not is_address(typed)
