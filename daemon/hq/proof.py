"""Whether a bundle could be used by any store at all, before it is published: each store looks for itself with its own configuration, where
channels and audiences are known."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from daemon.config import Settings
from daemon.fleet.bundle import pack, unpack
from daemon.runtime.trial import trial


async def mistakes_in(files: Mapping[str, bytes], settings: Settings | None = None) -> Sequence[str]:
    """() for none. Raises BadBundle for what is no bundle at all. `settings`: of the store that it is tried as; None: of any."""
    whole = unpack(pack(files))
    with tempfile.TemporaryDirectory(prefix="tether-bundle-") as name:
        folder = Path(name)
        for file, content in whole.items():
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        bare = Settings(file=folder / "bare" / "tether.toml")
        return await trial(settings or bare, folder, anywhere=settings is None)
