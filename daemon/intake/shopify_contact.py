"""By which number a Shopify order's customer is reached, in the words of its REST webhooks and of GraphQL alike. Pure."""

from daemon.intake.values import Place


def number_of(
    order: Place, *, billing: Place, shipping: Place, country: str, others: Place
) -> tuple[str | None, str | None]:
    """The number, and the country that it is read in: that of the address where it stands, since a gift's receiver may live in another.
    `country`: what an address calls it; `others`: where a number may stand too, of no address."""
    for place, addresses in (
        (order, (billing, shipping)),
        (billing, (billing, shipping)),
        (shipping, (shipping, billing)),
        (others, (billing, shipping)),
    ):
        if number := place["phone"].line():
            return number, _first(addresses, country)
    return None, _first((billing, shipping), country)


def _first(addresses: tuple[Place, ...], country: str) -> str | None:
    return next((code for address in addresses if (code := address[country].line())), None)
