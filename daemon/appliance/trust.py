"""Whether a wheel is a release that may be installed: signed by the key that this release was shipped with, and what it says it is."""

import re
from pathlib import Path

from daemon.packaging.minisign import MAX_SIGNATURE, SUFFIX, PublicKey, SignatureError, read_public, verify
from daemon.upkeep.errors import InstallError

SHIPPED = Path(__file__).parents[1] / "packaging" / "release.pub"
WHEEL = re.compile(r"tether_box-([^-]+)-.+\.whl")


def trusted_keys(own: Path | None) -> tuple[PublicKey, ...]:
    """The shipped key, or the one in that file instead: an integrator's own. Raises InstallError."""
    path = own or SHIPPED
    try:
        return (read_public(path.read_text(encoding="ascii")),)
    except (OSError, UnicodeDecodeError) as error:
        raise InstallError(f"{path} can't be read as a public key: {error}") from error
    except SignatureError as error:
        raise InstallError(f"{path}: {error}") from error


def prove(wheel: Path, name: str, signature: Path, keys: tuple[PublicKey, ...]) -> str:
    """The version of a wheel, which has that name. Raises InstallError for one that is not signed, or is another than it is called."""
    match = WHEEL.fullmatch(name)
    if match is None:
        raise InstallError(f"{name} is no wheel of Tether (tether_box-VERSION-py3-none-any.whl)")
    try:
        with signature.open("rb") as file:
            text = file.read(MAX_SIGNATURE).decode("utf-8", "replace")
        comment = verify(wheel, text, keys)
    except FileNotFoundError as error:
        raise InstallError(
            f"{name} is not signed: {signature.name} belongs beside it (a release has it). What nobody signed is not installed; for builds of "
            "your own, sign them and give --key"
        ) from error
    except (SignatureError, OSError) as error:
        raise InstallError(f"{name} is not installed: {error}") from error
    if f"file:{name}" not in comment.split():
        raise InstallError(f"{name} is not installed: it was signed as another file ({comment})")
    return match[1]


def is_older(version: str, than: str) -> bool:
    """Releases by their numbers; an environment that was made anew ("0.2.0-2") is of the same."""
    return _numbers(version) < _numbers(than.partition("-")[0])


def signature_of(wheel: Path) -> Path:
    return wheel.with_name(wheel.name + SUFFIX)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]
