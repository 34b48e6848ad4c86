"""Jinja with walls: templates and conditions read what they are given, change nothing, and come to an end.

A store's owner writes them, or their headquarters, so the walls are against accidents: no attribute of Python's own, a bounded number of
loop steps, calls and inclusions, no number or text that explodes, a bounded output, and an unknown name is an error rather than an empty place.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from types import CodeType
from typing import Any

import msgspec
from jinja2 import BaseLoader, BytecodeCache, StrictUndefined, Template, meta, nodes
from jinja2.bccache import Bucket
from jinja2.environment import TemplateExpression
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from daemon.planner.formats import Formats, Moment, Money
from daemon.planner.text_names import Compiler, TextNames

LOOP_STEPS = 10_000
TEXTS_KEPT = 1000
"""Compiled texts: all of a store's, three times over."""
LARGEST_OUTPUT = 256 * 1024
_LONGEST_RESULT = 100_000
_LINK = re.compile(r"https?://[^\s<>\"']+")
_WIDTH = re.compile(r"%[^%a-zA-Z]*(\d{4,}|\*)")
"""A width that makes a few signs into many."""
_VIEW = re.compile(r"'[\w.]+\.(\w+)View object'")
"""How Jinja calls what a template knows as `order`, `customer`, `event`, `store`."""


class Run(msgspec.Struct):
    """One rendering under way: what filters need of it, and what it may still spend."""

    formats: Formats
    steps: int = LOOP_STEPS


_run: ContextVar[Run] = ContextVar("tether_render")


class View:
    """What templates may look at: each name of it that has no underscore in front."""


class Text(Template):
    """A template of an environment that gives all of its templates the same globals: what imports another's macros hands on none."""

    def new_context(
        self, vars: dict[str, Any] | None = None, shared: bool = False, locals: Mapping[str, Any] | None = None
    ) -> Context:
        if shared or locals:
            return super().new_context(vars, shared, locals)
        return self.environment.context_class(
            self.environment, {**self.environment.globals, **(vars or {})}, self.name, self.blocks
        )


class _Compiled(BytecodeCache):
    """What was compiled stays for the next environment: after a reload most texts are as they were."""

    def __init__(self) -> None:
        self._codes: dict[str, tuple[str, CodeType]] = {}
        self._names: dict[str, tuple[str, TextNames]] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        checksum, code = self._codes.get(bucket.key, ("", None))
        bucket.code = code if checksum == bucket.checksum else None

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is None:
            return
        if len(self._codes) >= TEXTS_KEPT:
            self._codes.clear()
            self._names.clear()
        self._codes[bucket.key] = (bucket.checksum, bucket.code)

    def names(self, bucket: Bucket) -> TextNames | None:
        checksum, names = self._names.get(bucket.key, ("", None))
        return names if checksum == bucket.checksum else None

    def keep(self, bucket: Bucket, names: TextNames) -> None:
        self.dump_bytecode(bucket)
        self._names[bucket.key] = (bucket.checksum, names)


_compiled = _Compiled()


class _Parser(Parser):
    """Jinja's own, with each step of a loop counted."""

    def parse_for(self) -> nodes.For:
        loop = super().parse_for()
        loop.iter = nodes.Filter(loop.iter, "counted_steps", [], [], None, None, lineno=loop.lineno)
        return loop


class JinjaEnvironment(ImmutableSandboxedEnvironment):
    """The environment of everything that the store writes."""

    template_class = Text

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, loader: BaseLoader | None = None) -> None:
        super().__init__(
            loader=loader,
            undefined=StrictUndefined,
            autoescape=lambda name: bool(name) and name.endswith(".html.j2"),
            finalize=_nothing_for_none,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=True,
            cache_size=TEXTS_KEPT,
            bytecode_cache=_compiled,
        )
        self.globals.pop("lipsum", None)
        self.filters.update(
            money=_money, date=_date, time=_time, day=_day, fullday=_fullday, listed=_listed, counted_steps=_counted
        )

        self.tests["link"] = _is_link

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        return _Parser(self, source, name, filename).parse()

    def names(self, source: str, name: str, filename: str) -> TextNames:
        """What a text asks for; it is compiled on the way for whoever renders it. Raises TemplateError for one that can't be."""
        bucket = _compiled.get_bucket(self, name, filename, source)
        names = _compiled.names(bucket)
        if names is None:
            python, names = Compiler(self, name, filename).compiled(self.parse(source, name, filename))
            bucket.code = self._compile(python, filename)
            _compiled.keep(bucket, names)
        return names

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Of a view every name without an underscore in front is meant to be seen, and none of them changes anything."""
        if isinstance(obj, View) and not attribute.startswith("_"):
            value = getattr(obj, attribute, missing)
            return self.undefined(obj=obj, name=attribute) if value is missing else value
        return super().getattr(obj, attribute)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if _explodes(operator, left, right):
            raise SecurityError(f"the result of {operator!r} would be too large")
        return super().call_binop(context, operator, left, right)

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """A macro may call itself twice over: that grows as fast as any loop."""
        _spend()
        if isinstance(getattr(obj, "__self__", None), str) and any(
            _is_vast(each) for each in (*args, *kwargs.values())
        ):
            raise SecurityError("the result of a call would be too large")
        return super().call(context, obj, *args, **kwargs)

    def get_template(self, name: Any, parent: str | None = None, globals: Any = None) -> Template:
        _spend()
        return super().get_template(name, parent, globals)

    def render(self, name: str, values: Mapping[str, Any], formats: Formats) -> str:
        """Render a loader's template. Raises whatever the template runs into, with its own lines in the traceback."""
        token = _run.set(Run(formats))
        try:
            return _joined(self.get_template(name).generate(values))
        finally:
            _run.reset(token)


def _joined(chunks: Iterable[str]) -> str:
    parts, size = [], 0
    for chunk in chunks:
        size += len(chunk)
        if size > LARGEST_OUTPUT:
            raise SecurityError(f"the text grows beyond {LARGEST_OUTPUT} characters")
        parts.append(chunk)
    return "".join(parts)


def _explodes(operator: str, left: Any, right: Any) -> bool:
    if operator == "%":
        return isinstance(left, str) and _WIDTH.search(left) is not None
    if operator == "**":
        return not all(isinstance(side, int | float) and abs(side) <= 1000 for side in (left, right))
    if operator == "*":
        for text, times in ((left, right), (right, left)):
            if isinstance(text, str | list | tuple):
                return not isinstance(times, int) or len(text) * times > _LONGEST_RESULT
        return False
    return (
        all(isinstance(side, str | list | tuple) for side in (left, right)) and len(left) + len(right) > _LONGEST_RESULT
    )


def _spend() -> None:
    run = _run.get(None)
    if run is not None:
        run.steps -= 1
        if run.steps < 0:
            raise SecurityError(f"its loops and calls take more than {LOOP_STEPS} steps")


def _is_vast(value: Any) -> bool:
    return isinstance(value, int) and abs(value) > _LONGEST_RESULT


def _nothing_for_none(value: Any) -> Any:
    return "" if value is None else value


def _counted(values: Iterable[Any]) -> "Counted":
    return Counted(values)


class Counted:
    """What a loop goes through, each step taken from the run's allowance."""

    def __init__(self, values: Iterable[Any]) -> None:
        self._values = values

    def __iter__(self) -> Iterator[Any]:
        for value in self._values:
            _spend()
            yield value

    def __len__(self) -> int:
        return len(self._values)  # type: ignore[arg-type]  # Jinja asks only where the loop's own values have a length


# ---------------------------------------------------------------- filters


def _is_link(value: Any) -> bool:
    """`is link`: a whole text that is one web address, which a mail may make clickable."""
    return isinstance(value, str) and _LINK.fullmatch(value) is not None


def _formats() -> Formats:
    return _run.get().formats


def _money(value: Any, currency: str | None = None) -> Any:
    """A number or decimal string as money; what is none stays as it is."""
    if isinstance(value, Money) and currency is None:
        return value
    amount = _formats().amount(value.plain() if isinstance(value, Money) else value, currency)
    return value if amount is None else amount


def _date(value: Moment | None) -> str:
    return "" if value is None else value.calendar_date


def _time(value: Moment | None) -> str:
    return "" if value is None else value.time_of_day


def _day(value: Moment | None) -> str:
    return "" if value is None else value.short_day


def _fullday(value: Moment | None) -> str:
    return "" if value is None else value.full_day


def _listed(value: Any) -> str:
    return _formats().listed(value)


def explain(error: Exception) -> str:
    """What went wrong in something the store wrote, without the values it went wrong on: those may be a customer's."""
    if isinstance(error, TemplateError | TypeError | ZeroDivisionError):
        return _VIEW.sub(lambda found: found[1].lower(), str(error)) or type(error).__name__
    if isinstance(error, RecursionError):
        return "it calls itself without end"
    return f"{type(error).__name__} while a value was worked out"


# ---------------------------------------------------------------- conditions


class Condition:
    """A route's `when`, compiled."""

    def __init__(self, source: str, holds: TemplateExpression) -> None:
        self.source = source
        self._holds = holds

    def holds(self, values: Mapping[str, Any], formats: Formats) -> bool:
        """Whether it is true of these. Raises what evaluating it raises."""
        token = _run.set(Run(formats))
        try:
            return bool(self._holds(**values))
        finally:
            _run.reset(token)


@lru_cache(maxsize=256)
def compile_condition(source: str, known: tuple[str, ...]) -> Condition:
    """Raises TemplateSyntaxError with what is wrong, or NameError for a name that is not among `known`."""
    environment = JinjaEnvironment()
    expression = environment.compile_expression(source, undefined_to_none=False)
    used = meta.find_undeclared_variables(environment.parse("{{ " + source + " }}"))
    for name in sorted(used - set(known)):
        raise NameError(f"{name!r} is not known here; known are {', '.join(known)}")
    return Condition(source, expression)
