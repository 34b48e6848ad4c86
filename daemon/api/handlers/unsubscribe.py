"""The link in a mail's List-Unsubscribe header (RFC 2369, RFC 8058): a POST ends the mails to that address, as a mail program's button
makes one; a GET, which programs make to look at links, shows a small page that asks. No token but the link's own is wanted.
"""

import hashlib
from base64 import b64encode
from html import escape

from aiohttp import web

from daemon.api.plumbing.gate import Gate
from daemon.api.plumbing.reply import HTML, answer
from daemon.api.plumbing.route import Call, NoQuery, Route

PATH = "/unsubscribe"
BY_PAGE = "page"

_WORDS = {
    "en": ("No more mail from {store}?", "You will get no more mails about your orders at this address.", "End the mails", "Done: you will get no more mails from us.", "This link is not one of ours, or no longer. Please write to us."),
    "es": ("¿No más correos de {store}?", "No recibirás más correos sobre tus pedidos en esta dirección.", "No recibir más correos", "Hecho: no recibirás más correos nuestros.", "Este enlace no es nuestro o ya no vale. Escríbenos, por favor."),
    "fr": ("Plus de courriels de {store} ?", "Vous ne recevrez plus de courriels au sujet de vos commandes à cette adresse.", "Ne plus recevoir de courriels", "C’est fait : vous ne recevrez plus de courriels de notre part.", "Ce lien n’est pas le nôtre ou n’est plus valable. Écrivez-nous, s’il vous plaît."),
    "de": ("Keine Mails mehr von {store}?", "Sie erhalten an diese Adresse keine Mails zu Ihren Bestellungen mehr.", "Keine Mails mehr", "Erledigt: Sie erhalten keine Mails mehr von uns.", "Dieser Link ist keiner von uns oder gilt nicht mehr. Bitte schreiben Sie uns."),
}  # fmt: skip
"""By language: the heading, what it means, the button, done, and no link of ours."""

_STYLE = "body{font:18px/1.5 system-ui,sans-serif;max-width:32em;margin:4em auto;padding:0 1em;color:#222}button{font:inherit;padding:.5em 1em}"
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


class UnsubscribeDoor:
    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def ask(self, call: Call[NoQuery, None]) -> web.StreamResponse:
        """Changes nothing: mail scanners follow every link."""
        heading, meaning, button, _, unknown = _words(call)
        if not call.services.box.unsubscribe.holds(call.path("token")):
            return _page(call, heading, f"<p>{unknown}</p>", status=404)
        form = f'<form method="post" action="?by={BY_PAGE}"><button>{button}</button></form>'
        return _page(call, heading, f"<p>{meaning}</p>{form}")

    async def end(self, call: Call[NoQuery, None]) -> web.StreamResponse:
        heading, _, _, done, unknown = _words(call)
        await self._gate.body_of(call.request, 4096)
        by_page = call.request.query.get("by") == BY_PAGE
        how = "pressed the button of the page behind the link" if by_page else "one-click unsubscribe (RFC 8058)"
        if not await call.services.box.unsubscribe.use(call.path("token"), how=how):
            return _page(call, heading, f"<p>{unknown}</p>", status=404)
        return _page(call, heading, f"<p>{done}</p>")


def _words(call: Call[NoQuery, None]) -> tuple[str, str, str, str, str]:
    """In the first language that the reader's program asks for and we have, else in the store's."""
    wanted = call.request.headers.get("Accept-Language", "")[:200].split(",")
    own = call.services.settings.store.locale
    languages = (each.strip().partition(";")[0].partition("-")[0].lower() for each in (*wanted, own.replace("_", "-")))
    return next((_WORDS[language] for language in languages if language in _WORDS), _WORDS["en"])


def _page(call: Call[NoQuery, None], heading: str, content: str, *, status: int = 200) -> web.Response:
    title = escape(heading.format(store=call.services.settings.store.name))
    page = (
        f'<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">'
        f"<title>{title}</title><style>{_STYLE}</style><h1>{title}</h1>{content}"
    )
    headers = {"Content-Security-Policy": _POLICY, "X-Robots-Tag": "noindex"}
    return answer(page.encode(), status=status, content_type=HTML, headers=headers)


def routes(gate: Gate) -> tuple[Route[NoQuery, None], ...]:
    door = UnsubscribeDoor(gate)
    return tuple(
        Route(
            method=method,
            path=f"{PATH}/{{token}}",
            handler=handler,
            summary=summary,
            tag="Opt-outs",
            scope=None,
            query=NoQuery,
            answers={200: "text/html", 404: "text/html"},
            refusals=refusals,
            raw=True,
            free_query=True,
            description="The link stands in the List-Unsubscribe header of mails, and its token is all that is asked for.",
        )
        for method, handler, summary, refusals in (
            ("GET", door.ask, "Ask whether mails to an address are to end", ()),
            ("POST", door.end, "End the mails to an address", (408, 413)),
        )
    )
