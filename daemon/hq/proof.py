"""Whether a bundle could be used by any store at all, before it is published: each store looks for itself with its own configuration, where
channels and audiences are known."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from daemon.config import Settings, Store
from daemon.fleet.bundle import pack, unpack
from daemon.runtime.trial import Judged, Shown, judged, shown, trial

SECONDS = 20.0


async def mistakes_in(files: Mapping[str, bytes]) -> Sequence[str]:
    """() for none. Raises BadBundle for what is no bundle at all."""
    with _unfolded(files) as (folder, bare):
        return await trial(bare, folder, anywhere=True)


async def judge(files: Mapping[str, bytes], template: str, store: Store) -> Judged:
    """Both of these in one go. Raises BadBundle."""
    with _unfolded(files) as (folder, bare):
        return await judged(msgspec.structs.replace(bare, store=store), folder, template, seconds=SECONDS)


async def preview(files: Mapping[str, bytes], template: str, store: Store) -> Sequence[Shown]:
    """That template in every language and medium, as a store of that name and currency would send it. Raises BadBundle."""
    with _unfolded(files) as (folder, bare):
        return await shown(msgspec.structs.replace(bare, store=store), folder, template, seconds=SECONDS)


@contextmanager
def _unfolded(files: Mapping[str, bytes]) -> Iterator[tuple[Path, Settings]]:
    """As a store has them, and a store that has nothing of its own."""
    whole = unpack(pack(files))
    with tempfile.TemporaryDirectory(prefix="tether-bundle-") as name:
        folder = Path(name)
        for file, content in whole.items():
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        yield folder, Settings(file=folder / "bare" / "tether.toml")
