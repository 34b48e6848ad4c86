"""How scenes look, as text, in one file a scene: every language and size of it below each other, to be read and compared."""

import re
from collections.abc import Mapping
from pathlib import Path

_HEAD = re.compile(r"^═══ (\S+) ═+\n", re.MULTILINE)


class Looks:
    """The files of a folder. A look's name: "de-80x24"."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, scene: str) -> dict[str, str]:
        path = self._path(scene)
        if not path.exists():
            return {}
        _, *parts = _HEAD.split(path.read_text(encoding="utf-8"))
        return dict(zip(parts[::2], (part.removesuffix("\n\n") for part in parts[1::2]), strict=True))

    def update(self, scene: str, looks: Mapping[str, str]) -> None:
        """Put these in the place of the ones of the same names."""
        all_of_it = self.read(scene) | looks
        text = "".join(f"═══ {name} {'═' * 40}\n{all_of_it[name]}\n\n" for name in sorted(all_of_it))
        self._path(scene).write_text(text, encoding="utf-8")

    def _path(self, scene: str) -> Path:
        return self._folder / f"{scene}.txt"
