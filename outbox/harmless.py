"""What strangers wrote, made harmless for terminals, logs, pages and sheets. A leaf: it imports nothing of ours, and all may import it
(the screen by `daemon.wire.harmless`).

A customer's name may hold an escape sequence that retitles a terminal, an override that writes a line backwards, characters that
nobody sees, or a formula. Control characters (C0, C1), bidirectional controls and invisible ones go where words come in, and once more
where they go out, since what was kept before is still there. What emoji and scripts are made with stays: the joiners (U+200C, U+200D),
variation selectors, and the tags of a flag.

The command line's help stands on this too, so msgspec is imported only where a value of its own is at hand.
"""

import io
import re
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_UNSEEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tab and line feed, DEL, C1
    "\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f\U000e0080-\U000e00ff"
)
_FLAG = "\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,6}\U000e007f"
"""A flag of a part of a country: its letters are tags (UTS 51, ED-14a)."""
_HARMFUL = re.compile(f"(?P<flag>{_FLAG})|[{_UNSEEN}]")
_BREAKS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_RAW = re.compile(
    rb"\x7f|\xc2[\x80-\x9f\xad]|\xd8\x9c|\xe1\xa0\x8e|\xe2\x80[\x8b\x8e\x8f\xa8-\xae]|\xe2\x81[\xa0-\xaf]"
    rb"|\xef\xbb\xbf|\xef\xbf[\xb9-\xbb]|\xf3\xa0[\x80-\x83][\x80-\xbf]"
)
"""The same as they may stand in the UTF-8 of a JSON text, where those below U+0020 are escaped already."""
_SUSPICIOUS = re.compile(rb"\\[ubfr]|[\x7f\xc2\xd8\xe1\xe2\xef\xf3]")
_FORMULA = re.compile(r"[\s'\"\u2018\u2019\u201c\u201d]*[=+\-@|\t\r\uff1d\uff0b\uff0d\uff20]")


def clean(text: str) -> str:
    """The text without them. Line breaks of any kind become line feeds; tabs stay."""
    if text.isprintable() and text.isascii():
        return text
    return _HARMFUL.sub(lambda found: found["flag"] or "", _BREAKS.sub("\n", text))


def line(text: str) -> str:
    """The same on one line, with single spaces."""
    return " ".join(clean(text).split())


def escaped(text: str) -> str:
    """The text with each of them visible (`\\x1b`, `\\u202e`), line breaks and tabs too: for logs, where what was tried is evidence."""
    if text.isprintable() and text.isascii():
        return text
    return _HARMFUL.sub(lambda found: found["flag"] or _hex(found[0]), text).replace("\n", "\\n").replace("\t", "\\t")


def cleaned(value: T) -> T:
    """The same value with every text in it clean: of JSON, or a struct. The very same object where nothing was to do."""
    return _cleaned(value)  # type: ignore[no-any-return]


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        found = clean(value)
        return value if found == value else found
    if isinstance(value, dict):
        pairs = {_cleaned(key): _cleaned(item) for key, item in value.items()}
        same = len(pairs) == len(value) and all(key in value and pairs[key] is value[key] for key in pairs)
        return value if same else pairs
    if isinstance(value, list | tuple):
        items = [_cleaned(item) for item in value]
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else type(value)(items)
    if hasattr(value, "__struct_fields__"):
        from msgspec.structs import replace

        changes = {
            name: new for name in value.__struct_fields__ if (new := _cleaned(old := getattr(value, name))) is not old
        }
        return replace(value, **changes) if changes else value
    return value


def decode(raw: bytes, kind: type[T], dec_hook: Callable[[type, Any], Any] | None = None) -> T:
    """A JSON text as `kind`, clean. Raises msgspec.ValidationError or msgspec.DecodeError."""
    import msgspec

    if is_suspicious(raw):
        return msgspec.convert(cleaned(msgspec.json.decode(raw)), kind, dec_hook=dec_hook)
    return msgspec.json.decode(raw, type=kind, dec_hook=dec_hook)


def is_suspicious(raw: bytes) -> bool:
    """Whether a JSON text may hold any of them: a quick look that errs on the careful side."""
    if raw.isascii() and b"\\" not in raw and b"\x7f" not in raw:
        return False
    return _SUSPICIOUS.search(raw) is not None


def json_escaped(raw: bytes) -> bytes:
    """A JSON text that means the same, with each of them written as its number (`\\u202e`)."""
    if raw.isascii() and b"\x7f" not in raw:
        return raw
    return _RAW.sub(_as_json_escape, raw)


def cell(text: str) -> str:
    """The text as a cell of a sheet: one that a spreadsheet would take for a formula gets an apostrophe before it, which says that it
    is none; one character less is what it was."""
    text = escaped(text)
    return f"'{text}" if _FORMULA.match(text) else text


class Stream(io.TextIOWrapper):
    """A terminal's or file's text, with whatever is written to it made clean."""

    def write(self, text: str) -> int:
        super().write(clean(text))
        return len(text)


def _hex(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _as_json_escape(found: re.Match[bytes]) -> bytes:
    units = found[0].decode().encode("utf-16-be")
    return b"".join(b"\\u%02x%02x" % (units[at], units[at + 1]) for at in range(0, len(units), 2))
