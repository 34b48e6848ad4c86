"""Logs: readable on a terminal, structured in the journal, with no secret and no whole address in any line.

Set up once by the composition root; everybody else calls `structlog.get_logger(__name__)`. Lines of the standard library's `logging`
(aiohttp, asyncio) go the same way.
"""

import logging
import os
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal, TextIO

import structlog
from structlog.types import EventDict, Processor

from daemon.redact import mask_contacts, scrub
from outbox import harmless

Format = Literal["auto", "text", "json"]

_SECRET_NAMES = re.compile(
    r"TOKEN|SECRET|KEY|PASSWORD|PASSWD|_PIN$|_SID$|AUTH_ID|_URLS$|SIGNATURE|CREDENTIAL|SEED|WORDS"
)
_SHORTEST_SECRET = 6
_TOKEN = re.compile(r"\b(tether_)[A-Za-z0-9_-]{16,}|(?<=[Bb]earer )[^\s'\"\\]+")
_PRIORITY = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}
"""sd-daemon(3): the journal reads a line's level from `<N>` before it."""
_EXEMPT = frozenset({"timestamp", "level", "logger", "request_id"})


class Redactor:
    """A processor that takes secrets and addresses out of every value, nested ones and tracebacks too."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._secrets = {
            value for name, value in secrets.items() if _SECRET_NAMES.search(name) and len(value) >= _SHORTEST_SECRET
        }

    def __call__(self, logger: object, method: str, event: EventDict) -> EventDict:
        for name, value in event.items():
            if name not in _EXEMPT:
                event[name] = self.clean(value)
        return event

    def clean(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bytes):
            return self.text(value.decode("utf-8", "replace"))
        if isinstance(value, Mapping):
            return {name: self.clean(item) for name, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.clean(item) for item in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        return self.text(str(value))

    def text(self, text: str) -> str:
        text = scrub(text, self._secrets, ())
        text = _TOKEN.sub("[token]", text)
        return mask_contacts(text)


def configure_logs(
    level: str, form: Format = "auto", *, secrets: Mapping[str, str], stream: TextIO | None = None
) -> None:
    """Send all lines of that level and above to `stream` (standard error). May be called again: the last call counts."""
    target = stream or sys.stderr
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        Redactor(secrets),
        _harmless,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(form, target)],
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    set_level(level)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def set_level(level: str) -> None:
    """Change the level while running. asyncio's and aiohttp's own chatter is kept one step quieter."""
    logging.getLogger().setLevel(level.upper())
    quieter = "INFO" if level.lower() == "debug" else "WARNING"
    for name in ("asyncio", "aiohttp"):
        logging.getLogger(name).setLevel(quieter)


def _rendering(form: Format, target: TextIO) -> list[Processor]:
    if form == "json":
        return [structlog.processors.JSONRenderer(ensure_ascii=False)]
    if form == "auto" and not target.isatty():
        if os.environ.get("JOURNAL_STREAM"):
            return [_without_time, _logfmt, _with_priority]
        return [structlog.processors.JSONRenderer(ensure_ascii=False)]
    plain = not target.isatty() or bool(os.environ.get("NO_COLOR")) or isinstance(target, harmless.Stream)
    return [
        structlog.dev.ConsoleRenderer(
            colors=not plain, exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
        )
    ]


def _harmless(logger: object, method: str, event: EventDict) -> EventDict:
    """What strangers wrote can neither move a terminal's cursor nor begin a line of its own in the journal."""
    for name, value in event.items():
        event[name] = harmless.clean(value) if name == "exception" and isinstance(value, str) else _escaped(value)
    return event


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return harmless.escaped(value)
    if isinstance(value, Mapping):
        return {_escaped(name): _escaped(item) for name, item in value.items()}
    return [_escaped(item) for item in value] if isinstance(value, list) else value


def _without_time(logger: object, method: str, event: EventDict) -> EventDict:
    """The journal has its own."""
    event.pop("timestamp", None)
    return event


def _logfmt(logger: object, method: str, event: MutableMapping[str, Any]) -> EventDict:
    words, level = str(event.pop("event", "")), event.pop("level", "info")
    trace = event.pop("exception", None)
    pairs = " ".join(f"{name}={_quoted(value)}" for name, value in event.items())
    line = f"{words} {pairs}".rstrip()
    return {"level": level, "line": line + (f"\n{trace}" if trace else "")}


def _with_priority(logger: object, method: str, event: EventDict) -> str:
    prefix = f"<{_PRIORITY.get(str(event['level']), 6)}>"
    return "\n".join(prefix + line for line in str(event["line"]).splitlines())


def _quoted(value: object) -> str:
    text = str(value)
    if text and " " not in text and '"' not in text:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
