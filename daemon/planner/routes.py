"""The store's rules, compiled once: which event leads to whom being told, by which channels in turn, and when.

A store's own routes replace those that headquarters published for the event types they match, and these the shipped ones
(`daemon.planner.defaults`).
"""

import fnmatch
from collections.abc import Collection, Mapping, Sequence

import msgspec
from jinja2 import TemplateError

from daemon.config import ConfigError, RouteTable, Settings
from daemon.planner.defaults import OPTIONAL, SHIPPED, Shipped
from daemon.planner.jinja_environment import Condition, compile_condition
from daemon.planner.moments import At, parse_at
from daemon.planner.recipients import Reach
from daemon.planner.template_files import is_template_name
from daemon.wire.near import or_known
from outbox.model import Policy, Priority

CUSTOMER = "customer"
TEAM = "team"
NAMES_IN_WHEN = ("order", "customer", "event")

_PRIORITIES = {"high": Priority.HIGH, "normal": Priority.NORMAL, "low": Priority.LOW}
_REMEMBERED_TYPES = 1000


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One rule, compiled. `via` has but the channels that are enabled; `place` is how messages and errors name the rule."""

    place: str
    on: str
    audiences: tuple[str, ...]
    via: tuple[str, ...]
    asked_via: tuple[str, ...]
    """All channels it names, enabled or not."""
    template: str | None
    when: Condition | None
    delay: int
    """ms after the event was taken in."""
    at: At | None
    expires: int | None
    """ms after it is due."""
    priority: Priority
    policy: Policy


class Routes:
    """All rules of a store. `matching` is asked for every event."""

    def __init__(self, own: Sequence[Route], shipped: Sequence[Route], published: Sequence[Route] = ()) -> None:
        self.own = tuple(own)
        self.published = tuple(published)
        self.shipped = tuple(shipped)
        self._known: dict[str, tuple[Route, ...]] = {}

    def matching(self, event_type: str) -> tuple[Route, ...]:
        """The rules for this type: the store's own, or where it has none the fleet's, or the shipped ones."""
        found = self._known.get(event_type)
        if found is None:
            found = next((own for each in (self.own, self.published) if (own := _matching(each, event_type))), None)
            found = _matching(self.shipped, event_type) if found is None else found
            if len(self._known) < _REMEMBERED_TYPES:
                self._known[event_type] = found
        return found


def _matching(routes: Sequence[Route], event_type: str) -> tuple[Route, ...]:
    return tuple(route for route in routes if fnmatch.fnmatchcase(event_type, route.on))


def compile_routes(settings: Settings, channels: Mapping[str, Reach], known: Collection[str] = ()) -> Routes:
    """Compile the store's routes and the shipped ones.

    `channels`: those that there are; enabled are those with a table in `settings.channels`. `known`: further names that may stand in
    `via`. A shipped route of which no channel is enabled is left out; a store's own stays, and its messages fail visibly.
    Raises ConfigError naming the route and the key.
    """
    names = {*known, *channels}
    own = [_Compiler(settings, names, _place(index, table)).route(table) for index, table in enumerate(settings.route)]
    published = [
        _Compiler(settings, names, f"the bundle's {_place(index, table)}").route(table)
        for index, table in enumerate(settings.fleet_route)
    ]
    enabled = {name: reach for name, reach in channels.items() if name in settings.channels}
    ready = [
        _Compiler(settings, names, f"shipped route for {table.on}").route(table)
        for shipped in (*(SHIPPED if settings.planning.default_routes else ()), *_wanted(settings))
        for table in shipped.tables(enabled)
    ]
    return Routes(own, ready, published)


def _wanted(settings: Settings) -> Sequence[Shipped]:
    """The shipped routes that are off by default and that the store switched on. Raises ConfigError."""
    known = [shipped.route.on for shipped in OPTIONAL]
    for name in settings.planning.also:
        if name not in known:
            where = settings.file or "tether.toml"
            raise ConfigError(f"{where}: planning.also: no shipped route for {name!r} is off{or_known(name, known)}")
    return [shipped for shipped in OPTIONAL if shipped.route.on in settings.planning.also]


def _place(index: int, table: RouteTable) -> str:
    return f"route[{index}] (on {table.on!r})"


class _Compiler:
    """One route's table, read with the place it stands in at hand for errors."""

    def __init__(self, settings: Settings, channels: Collection[str], place: str) -> None:
        self._settings = settings
        self._channels = channels
        self._place = place

    def route(self, table: RouteTable) -> Route:
        via = self._via(table)
        return Route(
            place=self._place,
            on=self._on(table),
            audiences=self._audiences(table),
            via=tuple(name for name in via if name in self._settings.channels and name in self._channels),
            asked_via=via,
            template=self._template(table),
            when=self._when(table),
            delay=round(table.delay * 1000),
            at=self._at(table),
            expires=None if table.expires is None else round(table.expires * 1000),
            priority=_PRIORITIES[table.priority],
            policy=Policy(
                patience=float(table.patience),
                offline_after=float(table.modem_after),
                urgent=table.urgent,
                on_unknown=table.on_unknown,
                supersede=table.supersede,
                timed=table.at is not None,
            ),
        )

    def _on(self, table: RouteTable) -> str:
        if not table.on.strip():
            raise self._error("on", "is empty; name an event type, or a glob such as 'order.*'")
        return table.on.strip()

    def _audiences(self, table: RouteTable) -> tuple[str, ...]:
        named = (table.to,) if isinstance(table.to, str) else table.to
        if not named:
            raise self._error("to", "is empty; name an audience")
        known = [CUSTOMER, TEAM, *self._settings.audiences]
        for audience in named:
            if audience not in known:
                raise self._error("to", f"no audience {audience!r}{or_known(audience, known)}")
        return tuple(dict.fromkeys(named))

    def _via(self, table: RouteTable) -> tuple[str, ...]:
        if not table.via:
            raise self._error("via", "is empty; name the channels to try, in turn")
        for name in table.via:
            if name not in self._channels:
                raise self._error("via", f"no channel {name!r}{or_known(name, sorted(self._channels))}")
        return tuple(dict.fromkeys(table.via))

    def _template(self, table: RouteTable) -> str | None:
        if table.template is not None and not is_template_name(table.template):
            raise self._error("template", f"{table.template!r} is no template's name; write it like 'order.ready'")
        return table.template

    def _when(self, table: RouteTable) -> Condition | None:
        if table.when is None:
            return None
        try:
            return compile_condition(table.when, NAMES_IN_WHEN)
        except (TemplateError, NameError) as error:
            problem = str(error).replace("'end of template'", "end")
            raise self._error("when", f"{table.when!r}: {problem}") from error

    def _at(self, table: RouteTable) -> At | None:
        if table.at is None:
            return None
        if table.delay:
            raise self._error("at", "goes with no delay: say the moment with one of them")
        try:
            return parse_at(table.at)
        except ValueError as error:
            raise self._error("at", str(error)) from error

    def _error(self, key: str, problem: str) -> ConfigError:
        file = self._settings.file or "tether.toml"
        return ConfigError(f"{file}: {self._place}: {key}: {problem}")
