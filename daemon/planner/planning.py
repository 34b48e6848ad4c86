"""Planning by one reading of the configuration: by the store's routes, or a message by hand."""

from collections.abc import Collection, Mapping

from daemon.config import Settings
from daemon.planner.manual import ManualWish, manual_planner
from daemon.planner.plan import make_planner, no_route
from daemon.planner.recipients import Reach
from daemon.planner.routes import compile_routes
from outbox.model import Planner


class Planning:
    """`channels`: all that are enabled; `known`: further names that a route may have in its `via`.

    Raises ConfigError for routes or audiences that can't be meant.
    """

    def __init__(self, settings: Settings, channels: Mapping[str, Reach], known: Collection[str] = ()) -> None:
        self._settings = settings
        self._channels = channels
        self._routes = compile_routes(settings, channels, known)
        self.plan = make_planner(self._routes, settings, channels)

    def why_none(self, event_type: str) -> str:
        """Why nobody hears of events of that type; "" where a route names it."""
        return "" if self._routes.matching(event_type) else no_route(event_type, self._settings)

    def by_hand(self, wish: ManualWish) -> Planner:
        """The planner of one message by hand. Raises LookupError with a sentence when no such audience or channel exists."""
        return manual_planner(wish, self._settings, self._channels)
