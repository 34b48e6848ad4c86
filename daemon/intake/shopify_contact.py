"""By which number a Shopify order's customer is reached, in the words of its REST webhooks and of GraphQL alike. Pure."""

from daemon.intake.values import Place


def number_of(
    order: Place, *, billing: Place, shipping: Place, country: str, own: str | None
) -> tuple[str | None, str | None]:
    """The number, and the country that it is read in: that of the address where it stands, since a gift's receiver may live in another.
    `country`: what an address calls it; `own`: the number that the shop keeps with the customer."""
    for number, addresses in (
        (order["phone"].line(), (billing, shipping)),
        (billing["phone"].line(), (billing, shipping)),
        (shipping["phone"].line(), (shipping, billing)),
    ):
        if number:
            return number, _first(addresses, country)
    return own, _first((billing, shipping), country)


def _first(addresses: tuple[Place, ...], country: str) -> str | None:
    return next((code for address in addresses if (code := address[country].line())), None)
