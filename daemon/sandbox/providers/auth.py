"""The token endpoints of the OAuth vendors, under one prefix: their paths tell them apart."""

from daemon.sandbox.exchange import Answer, Call, reply
from daemon.sandbox.providers.base import Provider, Routes, World
from daemon.sandbox.providers.fcm import Fcm
from daemon.sandbox.providers.outlook import Outlook
from daemon.sandbox.providers.sfmc import Sfmc
from daemon.sandbox.providers.zoho import Zoho


class Auth(Provider):
    """`[channels.NAME] auth_url` points here; each vendor's own path follows."""

    name = "auth"
    medium = "crm"

    def __init__(self, world: World, *, outlook: Outlook, fcm: Fcm, sfmc: Sfmc, zoho: Zoho) -> None:
        self._routes: Routes = {
            "POST /{tenant}/oauth2/v2.0/token": outlook.token,
            "POST /token": fcm.token,
            "POST /v2/token": sfmc.token,
            "POST /oauth/v2/token": zoho.token,
        }
        super().__init__(world)

    def routes(self) -> Routes:
        return self._routes

    def authorize(self, call: Call) -> None:
        """The grant in the body is the credential."""

    def problem(self, status: int, code: str = "", text: str = "") -> Answer:
        """RFC 6749 5.2."""
        words = code or ("temporarily_unavailable" if status >= 429 else "invalid_request")
        return reply(status, {"error": words, "error_description": text or words})
