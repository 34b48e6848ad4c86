"""One process owns a database, by whatever name it is reached: a second one through a link or a mount is refused."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from outbox.errors import AlreadyRunning
from outbox.lock import Lock
from tests.support.outbox_box import open_box


@contextmanager
def symlink(database: Path, name: Path) -> Iterator[None]:
    name.symlink_to(database)
    yield


@contextmanager
def hard_link(database: Path, name: Path) -> Iterator[None]:
    os.link(database, name)
    yield


@contextmanager
def bind_mount(database: Path, name: Path) -> Iterator[None]:
    name.touch()
    done = subprocess.run(["mount", "--bind", str(database), str(name)], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"this user may not mount here: {done.stderr.strip()[:100]}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(name)], check=True)


@pytest.mark.parametrize("link", [symlink, hard_link, bind_mount])
async def test_another_name_is_no_second_way_in(tmp_path: Path, link: Callable[..., Iterator[None]]) -> None:
    other = tmp_path / "other"
    other.mkdir()
    async with open_box(tmp_path):
        with link(tmp_path / "tether.db", other / "tether.db"), pytest.raises(AlreadyRunning):  # type: ignore[attr-defined]
            await open_box(other).__aenter__()
    async with open_box(tmp_path):
        """Whoever was refused has left nothing locked."""


async def test_a_new_database_is_locked_as_soon_as_it_is_there(tmp_path: Path) -> None:
    async with open_box(tmp_path):
        os.link(tmp_path / "tether.db", tmp_path / "second.db")
        with pytest.raises(AlreadyRunning, match="another name"):
            Lock(tmp_path / "second.db").take()


async def test_a_link_to_another_database_is_another_database(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    async with open_box(tmp_path / "a"), open_box(tmp_path / "b"):
        pass
