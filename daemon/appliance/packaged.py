"""The files that come with Tether for the system it is installed on: inside the package when installed from a wheel, beside it in a checkout."""

from collections.abc import Mapping
from pathlib import Path

EXECUTABLE = "/opt/tether/venv/bin/tether"
"""As the shipped units name it."""

COMMAND = "/usr/local/bin/tether"
"""The link by which people find it, and sudo: `tether`."""

PACKAGE_UNIT = "/usr/lib/systemd/system/tether.service"
"""Where it is there, the service came with the Debian package: a unit under /etc would shadow it."""

PLACES: Mapping[str, str] = {
    "tether.service": "etc/systemd/system/tether.service",
    "tether-backup.service": "etc/systemd/system/tether-backup.service",
    "tether-backup.timer": "etc/systemd/system/tether-backup.timer",
    "tether-failed@.service": "etc/systemd/system/tether-failed@.service",
    "tether.sysusers": "etc/sysusers.d/tether.conf",
    "tether.tmpfiles": "etc/tmpfiles.d/tether.conf",
    "70-tether-modem.rules": "etc/udev/rules.d/70-tether-modem.rules",
}
"""File of ours -> where `tether install` puts it (the Debian package has its own places under /usr/lib)."""


HEADQUARTERS = frozenset({"tether-hq.service", "tether-nats.service", "tether-hq.sysusers"})
"""Files of ours for the machine of a chain's headquarters: `tether hq init` writes them, the Debian package has them."""


def system_files(executable: str = EXECUTABLE) -> Mapping[str, str]:
    """Place -> text, with the executable that the units are to start."""
    folder = unit_folder()
    return {
        place: (folder / name).read_text(encoding="utf-8").replace(EXECUTABLE, executable)
        for name, place in PLACES.items()
    }


def unit_folder() -> Path:
    """Where the units are: inside the package when installed from a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    packed = package / "_systemd"
    return packed if packed.is_dir() else package.parent / "systemd"
