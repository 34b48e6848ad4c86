"""What a text message costs, estimated before it is sent: parts times a price by channel and country. Pure."""

from collections.abc import Mapping
from decimal import Decimal

from daemon.config import Amount, ConfigError, Sms
from daemon.iso import country_trouble

ELSEWHERE = "*"

USUAL: Mapping[str, Decimal] = {
    country: Decimal(price)
    for country, price in {
        "US": "0.012",
        "CA": "0.012",
        "GB": "0.04",
        "IE": "0.07",
        "FR": "0.07",
        "ES": "0.07",
        "PT": "0.05",
        "IT": "0.08",
        "DE": "0.09",
        "AT": "0.08",
        "CH": "0.07",
        "NL": "0.09",
        "BE": "0.09",
        "LU": "0.09",
        "SE": "0.06",
        "NO": "0.07",
        "DK": "0.05",
        "FI": "0.07",
        "PL": "0.04",
        "AU": "0.04",
        "NZ": "0.09",
        ELSEWHERE: "0.12",
    }.items()
}
"""A part's price where `[sms.prices]` says nothing: about what providers ask in 2026, in a currency near the dollar, rather more than less."""


class Tariff:
    """The store's prices before the usual ones."""

    def __init__(self, sms: Sms) -> None:
        self._general: dict[str, Decimal] = {}
        self._by_channel: dict[str, dict[str, Decimal]] = {}
        for name, value in sms.prices.items():
            if isinstance(value, str):
                self._general |= _read({name: value}, "sms.prices")
            else:
                self._by_channel[name] = _read(value, f"sms.prices.{name}")

    def price(self, channel: str, country: str) -> Decimal:
        """Of one part: the channel's own for the country or the rest, then the store's, then the usual one."""
        for table in (self._by_channel.get(channel, {}), self._general, USUAL):
            for key in (country, ELSEWHERE):
                if key in table:
                    return table[key]
        raise AssertionError("the usual prices have one for elsewhere")


def _read(table: Mapping[str, str], where: str) -> dict[str, Decimal]:
    """Prices by country of two letters, or `*`. Raises ConfigError with the key."""
    found: dict[str, Decimal] = {}
    for country, price in table.items():
        if country != ELSEWHERE and (country != country.upper() or country_trouble(country)):
            raise ConfigError(
                f"{where}.{country}: {country!r} is no country; "
                'write GB = "0.04", "*" = "0.10" for the rest, or a table of a channel\'s own'
            )
        try:
            found[country] = Amount.parse(price)
        except ValueError as error:
            raise ConfigError(f"{where}.{country}: {error}") from error
    return found
