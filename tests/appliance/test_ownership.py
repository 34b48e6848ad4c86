"""As whom root works on files of the service: never as root in a folder that is the service's, never as who has no say in it."""

import os
from pathlib import Path

import pytest

from daemon.appliance.ownership import as_owner_of

SERVICE, ADMIN = 1, 1000

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="giving files away takes root")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder of root's, to which a link of the administrator's leads from afar."""
    (tmp_path / "big/tether").mkdir(parents=True)
    (tmp_path / "data").symlink_to(tmp_path / "big")
    os.chown(tmp_path / "data", ADMIN, ADMIN, follow_symlinks=False)
    return tmp_path / "data/tether"


def acting(path: Path) -> int:
    with as_owner_of(path):
        return os.geteuid()


def test_a_link_far_above_says_nothing_of_whose_it_is(place: Path) -> None:
    assert acting(place / "tether.db") == 0


@pytest.mark.parametrize("name", ["texts", "texts/nl", "texts/nl/order.ready.sms.j2"])
def test_a_link_that_the_service_laid_is_followed_with_its_own_rights(place: Path, name: str) -> None:
    (place / "texts").symlink_to("/etc")
    os.chown(place / "texts", SERVICE, SERVICE, follow_symlinks=False)
    assert acting(place / name) == SERVICE


def test_what_is_the_service_s_is_worked_on_as_the_service(place: Path) -> None:
    os.chown(place, SERVICE, SERVICE)
    assert acting(place / "tether.db") == SERVICE
