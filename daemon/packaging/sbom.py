"""What is in a release, as CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/): every library of the lock with its hashes, and the
release's own files. Pure: the same lock and files give the same list.
"""

import hashlib
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

import msgspec

_PIN = re.compile(
    r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)(?:\s*;\s*([^\\]+?))?\s*\\?$", re.MULTILINE
)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_NAMES = uuid.UUID("6f2b8a4e-7d0c-5c1e-9a77-2b1f6a9c3d51")
"""Under which the list's own number is derived from its content."""


class Pin(msgspec.Struct, frozen=True):
    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]


def pins(lock: str) -> Iterator[Pin]:
    """What a requirements.lock pins."""
    found = list(_PIN.finditer(lock))
    for place, match in enumerate(found):
        end = found[place + 1].start() if place + 1 < len(found) else len(lock)
        name, version, marker = match.groups()
        yield Pin(name.lower(), version, (marker or "").strip(), tuple(_HASH.findall(lock[match.end() : end])))


def bill(lock: str, files: Sequence[Path], *, release: str, made_at: str) -> Mapping[str, Any]:
    """`made_at`: when the release was made, as ISO 8601."""
    libraries = [_library(pin) for pin in pins(lock)]
    own = f"pkg:pypi/tether-box@{release}"
    made = [_file(path) for path in files]
    content = {
        "metadata": {
            "timestamp": made_at,
            "component": {"type": "application", "bom-ref": own, "name": "tether-box", "version": release, "purl": own,
                          "licenses": [{"license": {"id": "MIT"}}]},
        },
        "components": [*made, *libraries],
        "dependencies": [
            {"ref": own, "dependsOn": [each["bom-ref"] for each in libraries]},
            *({"ref": each["bom-ref"], "dependsOn": []} for each in libraries),
        ],
    }  # fmt: skip
    number = uuid.uuid5(_NAMES, hashlib.sha256(msgspec.json.encode(content)).hexdigest())
    head = {"bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": f"urn:uuid:{number}", "version": 1}
    return {**head, **content}


def _library(pin: Pin) -> Mapping[str, Any]:
    purl = f"pkg:pypi/{pin.name}@{pin.version}"
    library: dict[str, Any] = {
        "type": "library", "bom-ref": purl, "name": pin.name, "version": pin.version, "purl": purl,
        "externalReferences": [
            {"type": "distribution", "url": purl, "hashes": [{"alg": "SHA-256", "content": each}]} for each in pin.hashes
        ],
    }  # fmt: skip
    if pin.marker:
        library["properties"] = [{"name": "tether:marker", "value": pin.marker}]
    if license_ := _license(pin.name):
        library["licenses"] = [{"expression": license_}]
    return library


def _license(name: str) -> str | None:
    """As the library itself says it, where it says it in SPDX."""
    try:
        said = metadata(name).json.get("license_expression")
    except PackageNotFoundError:
        return None
    return said if isinstance(said, str) else None


def _file(path: Path) -> Mapping[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"type": "file", "bom-ref": path.name, "name": path.name, "hashes": [{"alg": "SHA-256", "content": digest}]}
