"""What is wrong in `tether.toml` or `.env`, in words, and what to write instead; and `.env` as it is read. A leaf."""

import io
import os
import re
import tomllib
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
from dotenv import dotenv_values
from dotenv.parser import parse_stream

SEARCH = (Path("tether.toml"), Path("/etc/tether/tether.toml"))

_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")
_BARE = re.compile(r"\s*([A-Za-z0-9_.-]+)\s*=\s*([^\s\"'\[{][^#\n]*?)\s*(#.*)?")
_YES_OR_NO = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false", "off": "false"}
_CURLY_QUOTES = "“”„‟‘’‚«»"
_SECRET = re.compile(r"passw|secret|token|api_?key|auth|credential|(^|_)(key|sid|pin)$", re.IGNORECASE)


class ConfigError(Exception):
    """A configuration that can't be used: says what, where and what to do. The command line exits with 78."""


def find(explicit: Path | None, environ: Mapping[str, str]) -> Path | None:
    """Which file to read: `--config`, else TETHER_CONFIG, else the first of `SEARCH` that exists, else None (all defaults). Raises ConfigError."""
    named = explicit or (Path(environ["TETHER_CONFIG"]) if environ.get("TETHER_CONFIG") else None)
    path = named or next((path for path in SEARCH if path.exists()), None)
    if path and path.is_dir():
        raise ConfigError(f"{path}: is a folder; name the file in it, or put the file in its place")
    if named and not named.is_file():
        raise ConfigError(f"{named}: no such file. `tether init` writes one.")
    return path


def read_toml(path: Path) -> dict[str, Any]:
    """Raises ConfigError, and PermissionError where who asks may not read it, which is no fault of the file's."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except PermissionError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        why = (
            error.strerror if isinstance(error, OSError) else "it is no text in UTF-8; have your editor save it as that"
        )
        raise ConfigError(f"{path}: {why}") from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}{toml_hint(text, error)}") from error


def toml_hint(text: str, error: tomllib.TOMLDecodeError) -> str:
    """For a file that is no TOML: mostly a text without its quotes."""
    words = str(error)
    found = _AT_LINE.search(words)
    line = text.splitlines()[int(found[1]) - 1] if found and int(found[1]) <= len(text.splitlines()) else ""
    if words.startswith("Cannot overwrite a value"):
        return "; the key stands here a second time: keep one of them"
    if words.startswith("Cannot declare"):
        return "; the table stands here a second time: put its keys under one heading"
    if words.startswith("Illegal character '\\n'"):
        return "; the quote that ends the text is missing"
    if line.lstrip().startswith(("//", ";")):
        return "; a comment begins with #"
    bare = _BARE.fullmatch(line)
    if not bare or not any(each in words for each in ("Invalid value", "after a statement")):
        return ""
    if bare[2].lower() in _YES_OR_NO:
        return f"; yes and no are written true and false: {bare[1]} = {_YES_OR_NO[bare[2].lower()]}"
    inner = bare[2].strip(_CURLY_QUOTES)
    quotes = "quotes" if inner == bare[2] else "straight quotes"
    return f'; text stands in {quotes}: {bare[1]} = "{"..." if _SECRET.search(bare[1]) else inner}"'


def value_hint(kind: Any, path: str, problem: str) -> str:
    """For a value of the wrong kind: `path` leads to its field, `problem` is msgspec's sentence."""
    problem = problem.replace(" | null`", "`")
    if problem.startswith("Expected `array`, got `object`"):
        return f"; there may be several: head each [[{path}]], in two brackets"
    if problem.startswith("Invalid enum value"):
        choices = dict.fromkeys(_choices(_field(kind, path.split("."))))
        return f"; write one of {', '.join(map(str, choices))}" if choices else ""
    if problem.startswith(("Expected `int`, got `str`", "Expected `float`, got `str`")):
        return "; a number stands without quotes"
    if problem.startswith("Expected `bool`"):
        return "; write true or false, without quotes"
    if re.match(r"Expected `str(?: \| object)?`, got `(?:int|float|bool)`", problem):
        return "; text stands in quotes"
    if problem.startswith("Expected `array`, got `str`"):
        return '; a list stands in brackets, like ["one", "two"]'
    return ""


def secret_hint(key: str, known: tuple[str, ...], owner: str) -> str:
    """For a key that is none and looks like a secret; "" for any other. `known`: secrets of what it stands in, `owner`: its name."""
    if not _SECRET.search(key):
        return ""
    name = next((each for each in known if each.lower().endswith(key.lower())), f"{owner}_{key}".upper())
    return f"; secrets don't stand here: write {name}=... into .env beside this file, and take it out of this one"


def dotenv_trouble(file: Path) -> str:
    """What is wrong with a `.env`, with its line but none of its words; "" for nothing."""
    if not file.is_file():
        return f"{file}: is no file; write the secrets into a file of that name"
    content = file.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"{file}, line {content[: error.start].count(10) + 1}: is no text in UTF-8; have your editor save it as that"
    for binding in parse_stream(io.StringIO(text)):
        if binding.error or (binding.key is not None and binding.value is None):
            first = binding.original.string.lstrip("\r\n")
            line = binding.original.line + len(binding.original.string) - len(first)
            return f"{file}, line {line}: can't be read; write NAME=value there, a value with spaces in single quotes"
    return ""


def _field(kind: Any, path: list[str]) -> Any:
    """The type of the field that a path leads to; None where it leads nowhere."""
    for name in path:
        kind = next(
            (each for each in _options(kind) if isinstance(each, type) and issubclass(each, msgspec.Struct)), None
        )
        if kind is None:
            return None
        types_by_name: Mapping[str, Any] = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
        kind = types_by_name.get(re.sub(r"\[\d*\]", "", name))
    return kind


def _options(kind: Any) -> Iterator[Any]:
    """The kinds that a union, a list, a table's values or a plain kind stand for."""
    if get_origin(kind) in (Union, types.UnionType, tuple, list):
        for each in get_args(kind):
            yield from _options(each)
    elif get_origin(kind) is dict:
        yield from _options(get_args(kind)[1])
    else:
        yield kind


def _choices(kind: Any) -> Iterator[Any]:
    for each in _options(kind):
        if get_origin(each) is Literal:
            yield from get_args(each)


def secrets_in(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The values of `.env` in that folder, of the environment and of systemd credentials, the later over the earlier. One that is empty,
    or nothing but space, is no secret: what is checked against it would be open to all."""
    env = folder / ".env"
    readable = os.access(env, os.R_OK)  # under systemd it is root's own, and its content comes as a credential
    found = _dotenv(env) if readable else {}
    found |= _set(environ)
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    if credentials and Path(credentials).is_dir():
        found |= handed_over(Path(credentials))
    return found


def out_of_reach(folder: Path, environ: Mapping[str, str]) -> bool:
    """Whether that folder's `.env` is there, and neither this user may read it nor does systemd hand its content over: what it says is
    not known then."""
    env = folder / ".env"
    return env.exists() and not os.access(env, os.R_OK) and not environ.get("CREDENTIALS_DIRECTORY")


def handed_over(folder: Path, *, but: str = "") -> dict[str, str]:
    """The secrets in systemd's credentials; `but`: without those of that file."""
    found: dict[str, str] = {}
    for file in sorted(folder.iterdir()):
        if file.name == but:
            continue
        if file.name == "env" or file.suffix == ".env":
            found |= _dotenv(file)
        elif file.is_file():
            found |= _set({file.name: file.read_text(encoding="utf-8").strip()})
    return found


def _dotenv(file: Path) -> dict[str, str]:
    """Raises ConfigError for what can't be read: a secret that is passed over in silence is a channel that doesn't send."""
    if trouble := dotenv_trouble(file):
        raise ConfigError(trouble)
    return _set(dotenv_values(file, interpolate=False))


def _set(values: Mapping[str, str | None]) -> dict[str, str]:
    return {key: value for key, value in values.items() if value and not value.isspace()}
