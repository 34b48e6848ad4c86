"""The token endpoints of the OAuth vendors, under one prefix: their paths tell them apart."""

from collections.abc import Iterable

from daemon.sandbox.exchange import Call, Response, reply
from daemon.sandbox.providers.base import Provider, Routes, World


class Auth(Provider):
    """`[channels.NAME] auth_url` points here; each vendor's own path follows."""

    name = "auth"
    medium = "crm"

    def __init__(self, world: World, vendors: Iterable[Provider]) -> None:
        self._routes: Routes = {path: handler for each in vendors for path, handler in each.token_routes().items()}
        super().__init__(world)

    def routes(self) -> Routes:
        return self._routes

    def authorize(self, call: Call) -> None:
        """The grant in the body is the credential."""

    def problem(self, status: int, code: str = "", text: str = "") -> Response:
        """RFC 6749 5.2."""
        words = code or ("temporarily_unavailable" if status >= 429 else "invalid_request")
        return reply(status, {"error": words, "error_description": text or words})
