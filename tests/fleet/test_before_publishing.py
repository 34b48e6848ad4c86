"""What is judged before a bundle reaches a store: the folder it comes from, its content, and a canary's figures."""

import base64
from pathlib import Path

import msgspec
import pytest

from daemon.fleet.bundle import BadBundle, Manifest, Parcel, pack, sign
from daemon.hq.canary import Decided, worse
from daemon.hq.proof import mistakes_in
from daemon.hq.publishing import files_in
from tests.fleet.test_bundle_format import KEY, PUBLISHER

TEXTS = {"templates/en/order.ready.sms.j2": b"{{ order.ref }} is ready.\n"}


@pytest.mark.parametrize(
    ("before", "since", "is_worse"),
    [
        (Decided(1000, 5), Decided(40, 0), False),
        (Decided(1000, 5), Decided(40, 1), False),
        (Decided(1000, 5), Decided(40, 4), True),
        (Decided(0, 0), Decided(1, 1), True),
        (Decided(1000, 100), Decided(40, 5), False),
        (Decided(1000, 100), Decided(40, 14), True),
        (Decided(10, 10), Decided(40, 40), False),
        (Decided(1000, 5), Decided(100_000, 900), True),
    ],
)
def test_when_figures_are_worse(before: Decided, since: Decided, is_worse: bool) -> None:
    assert bool(worse(before, since)) is is_worse


def test_what_of_a_folder_is_published(tmp_path: Path) -> None:
    (tmp_path / "templates/en").mkdir(parents=True)
    (tmp_path / "templates/en/order.ready.sms.j2").write_bytes(b"x")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/config").write_bytes(b"")
    assert files_in(tmp_path) == {"templates/en/order.ready.sms.j2": b"x"}
    (tmp_path / "templates/en/link.j2").symlink_to("/etc/passwd")
    with pytest.raises(BadBundle, match="no plain file"):
        files_in(tmp_path)
    (tmp_path / "templates/en/link.j2").unlink()
    (tmp_path / "notes.txt").write_bytes(b"")
    with pytest.raises(BadBundle, match=r"notes\.txt.* has no place"):
        pack(files_in(tmp_path))
    with pytest.raises(BadBundle, match="no folder"):
        files_in(tmp_path / "away")


async def test_what_is_wrong_at_any_store_is_found_before_it_is_published() -> None:
    route = b'[[route]]\non = "order.ready"\nto = "owner"\nvia = ["twilio"]\n'
    assert await mistakes_in({**TEXTS, "routes.toml": route}) == [], (
        "who the owner is, and what is enabled, only a store knows"
    )
    (wrong,) = await mistakes_in({"templates/en/order.ready.sms.j2": b"{{ order.reff }}"})
    assert "order has no 'reff'" in wrong


def test_a_parcel_says_who_published_it_in_what_was_signed() -> None:
    parcel = sign(Manifest(group="all", version=1, at=1, by="maria", withdrawn=True), b"", KEY)
    assert msgspec.json.decode(parcel.manifest, type=Manifest).by == "maria"
    assert isinstance(parcel, Parcel)
    assert base64.b64decode(PUBLISHER) == KEY.public_key().public_bytes_raw()
