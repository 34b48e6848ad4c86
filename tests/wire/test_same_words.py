"""Where the wire names what the outbox keeps, it names all of it, and nothing else."""

import re
from typing import Any, get_args

import pytest

from daemon.wire.checks import MEDIUM
from daemon.wire.event_types import EVENT_TYPES, QUIET_TYPES
from daemon.wire.values import Receipt, State
from outbox import model
from outbox.orders import moves_status, rank
from outbox.outcome import ReceiptState


def known(kind: Any) -> set[str]:
    """What the wire's document lists."""
    return set(kind.__metadata__[0].extra_json_schema["enum"])


def test_states_and_receipts() -> None:
    assert known(State) == set(model.State)
    assert known(Receipt) == set(ReceiptState)


def test_media() -> None:
    assert all(re.search(MEDIUM, medium) for medium in (*get_args(model.Medium), "all"))
    assert not re.search(MEDIUM, "fax")


@pytest.mark.parametrize("name", [each for each in (*EVENT_TYPES, *QUIET_TYPES) if moves_status(each)])
def test_every_status_has_its_place_among_the_others(name: str) -> None:
    assert rank(name) > 0
