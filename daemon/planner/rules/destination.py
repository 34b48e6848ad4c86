"""Where a text message may go: the country of a number and its kind, as libphonenumber knows them. Pure.

Premium, shared-cost and satellite numbers are what people who live on other people's bills have texts sent to. What is not known to be
an ordinary number is held against the ordinary numbers of its country that begin alike: nobody gets through by a digit too few.
"""

from collections.abc import Collection, Iterator
from functools import lru_cache

import msgspec
import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType

from daemon.config import ConfigError, Settings
from daemon.iso import country_trouble
from outbox.reasons import Reason

_NEVER = {
    PhoneNumberType.PREMIUM_RATE: "premium",
    PhoneNumberType.SHARED_COST: "shared",
    PhoneNumberType.PERSONAL_NUMBER: "personal",
    PhoneNumberType.PAGER: "pager",
    PhoneNumberType.UAN: "company",
    PhoneNumberType.VOICEMAIL: "voicemail",
}
_KINDS = {
    "premium": Reason("no text goes to a premium-rate number", "sms_premium"),
    "shared": Reason("no text goes to a shared-cost number", "sms_shared"),
    "personal": Reason("no text goes to a personal number: its owner sets the price", "sms_personal"),
    "pager": Reason("no text goes to a pager", "sms_pager"),
    "company": Reason("no text goes to a company's universal number", "sms_company"),
    "voicemail": Reason("no text goes to a voice mail box", "sms_voicemail"),
    "network": Reason("no text goes to a satellite or an international network", "sms_network"),
    "short": Reason("no text goes to a short number", "sms_short"),
    "no_number": Reason("no text goes to what is no telephone number", "sms_no_number"),
}
_NO_COUNTRY = "001"
"""What libphonenumber calls the region of networks that belong to no country."""
_INTERNATIONAL = frozenset({388, 800, 808, 870, 878, 879, 881, 882, 883, 888, 979, 991})
"""Country codes of satellites, of international networks, and of international premium-rate and shared-cost services (ITU-T E.164)."""
_SHORTEST = 7
"""Digits of a national number; services have shorter ones."""
_FILLINGS = ("2345678901", "5512345678", "0000000000", "7123456789", "9876543210")


class Destination(msgspec.Struct, frozen=True):
    """What is known of a number. `never`: of which kind it is, of `_KINDS`, where no text ever goes there."""

    country: str = ""
    never: str = ""


def refusal(address: str, countries: Collection[str], *, anywhere: bool) -> Reason | None:
    """Why no text goes there; None: it may. `anywhere`: the store itself has set the number, in whatever country."""
    found = destination(address)
    if found.never:
        return _KINDS[found.never]
    if not anywhere and found.country not in countries:
        named = ", ".join(sorted(countries))
        return Reason(
            f"the number is one of {found.country or 'no known country'}, and texts go to {named} only "
            "([sms] countries in tether.toml)",
            "sms_country",
            country=found.country or "?",
            countries=named,
        )
    return None


def countries_of(settings: Settings) -> tuple[str, ...]:
    """Where texts may go: as `[sms] countries` says, else to the store's own country. Raises ConfigError for what is none."""
    named = settings.sms.countries
    if named is None:
        return (settings.store.country.upper(),)
    for code in named:
        if trouble := country_trouble(code):
            raise ConfigError(f"{settings.file or 'tether.toml'}: sms.countries: {trouble}")
    return tuple(code.upper() for code in named)


@lru_cache(maxsize=4096)
def destination(address: str) -> Destination:
    """The country and kind of a number in E.164."""
    try:
        number = phonenumbers.parse(address, None)
    except phonenumbers.NumberParseException:
        return Destination(never="no_number")
    digits = phonenumbers.national_significant_number(number)
    if number.country_code in _INTERNATIONAL:
        return Destination(never="network")
    if len(digits) < _SHORTEST:
        return Destination(never="short")
    if phonenumbers.is_valid_number(number):
        return _known(number)
    return _likely(number, digits)


def _known(number: PhoneNumber) -> Destination:
    region = phonenumbers.region_code_for_number(number) or ""
    if region == _NO_COUNTRY:
        return Destination(never="network")
    return Destination(region, _NEVER.get(phonenumbers.number_type(number), ""))


def _likely(number: PhoneNumber, digits: str) -> Destination:
    """By the given numbers that begin alike, those that share most first. One that must never get a text decides alone."""
    code = number.country_code or 0
    for length in (7, 6, 5, 4, 3):
        alike = [_known(each) for each in _alike(code, digits, length)]
        if never := next((each for each in alike if each.never), None):
            return never
        if alike:
            return alike[0]
    return Destination(phonenumbers.region_code_for_country_code(code).replace("ZZ", ""))


def _alike(country_code: int, digits: str, length: int) -> Iterator[PhoneNumber]:
    region = phonenumbers.region_code_for_country_code(country_code)
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region, None)
    if metadata is None or metadata.general_desc is None or digits[0] == "0":
        return
    for total in (each for each in metadata.general_desc.possible_length if each >= max(length, _SHORTEST)):
        for filling in _FILLINGS:
            other = PhoneNumber(
                country_code=country_code, national_number=int((digits[:length] + filling)[:total].ljust(total, "0"))
            )
            if phonenumbers.is_valid_number(other):
                yield other
