"""Releases made by hand: wheels with the lock inside, signed by a maker of the tests' own, and a folder to upgrade in."""

import base64
import hashlib
import zipfile
from pathlib import Path

from daemon.appliance.release import LOCK_IN_WHEEL
from daemon.appliance.trust import signature_of
from daemon.packaging.minisign import SecretKey, public_text, sign

KEY = SecretKey(b"12345678", b"k" * 32)
EVIL = SecretKey(b"12345678", b"e" * 32)
NAME = "tether_box-0.2.0-py3-none-any.whl"


def wheel(folder: Path, name: str, files: dict[str, str], scripts: str = "") -> Path:
    """A wheel, by hand."""
    project, version = name.split("-")[:2]
    info = f"{project}-{version}.dist-info"
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {project.replace('_', '-')}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **({f"{info}/entry_points.txt": scripts} if scripts else {}),
    }
    path = folder / name
    with zipfile.ZipFile(path, "w") as made:
        lines = []
        for member, text in files.items():
            made.writestr(zipfile.ZipInfo(member, (2026, 11, 24, 10, 15, 0)), text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            lines.append(f"{member},sha256={digest},{len(text.encode())}\n")
        made.writestr(
            zipfile.ZipInfo(f"{info}/RECORD", (2026, 11, 24, 10, 15, 0)), "".join([*lines, f"{info}/RECORD,,\n"])
        )
    return path


def library(folder: Path, text: str = "") -> str:
    """A library that the release needs; its SHA-256."""
    made = wheel(folder, "ballast-1.0-py3-none-any.whl", {"ballast.py": text})
    return hashlib.sha256(made.read_bytes()).hexdigest()


def release(folder: Path, needs: str, name: str = NAME) -> Path:
    files = {
        "tether_fake.py": "import ballast\n\ndef main():\n    print('usage')\n",
        LOCK_IN_WHEEL: f"ballast==1.0 \\\n    --hash=sha256:{needs}\n",
    }
    return wheel(folder, name, files, "[console_scripts]\ntether = tether_fake:main\n")


def signed(path: Path, key: SecretKey = KEY, comment: str | None = None) -> Path:
    signature_of(path).write_text(sign(path, key, comment or f"file:{path.name} release:0.2.0"))
    return path


def prepared(folder: Path) -> Path:
    """With a place for libraries, and the maker's key."""
    (folder / "links").mkdir()
    (folder / "key.pub").write_text(public_text(KEY.public))
    return folder


def built(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "root/opt/tether/releases").iterdir())
