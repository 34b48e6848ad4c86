"""What stands in an entry's detail, as a store wrote it: an object of JSON if the store is honest, anything at all if not. Pure."""

from typing import Any

import msgspec

_decode = msgspec.json.Decoder().decode


def detail_of(text: str) -> dict[str, Any]:
    """Nothing, where it is no object."""
    try:
        found = _decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return {}
    return found if isinstance(found, dict) else {}
