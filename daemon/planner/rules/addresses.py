"""Where somebody can be reached: an address as it was given, in the form in which messages go to it. Pure."""

import re
from collections.abc import Mapping
from functools import lru_cache

import phonenumbers
from babel import Locale

_MAIL = re.compile(r"[^\s@<>(),;:\"\[\]\\]{1,64}@(?:[^\s@<>(),;:\"\[\]\\.]{1,63}\.)+[^\s@<>(),;:\"\[\]\\.]{2,63}")
LONGEST_SHORT_NUMBER = 6
_LONGEST_ADDRESS = 4096

KIND_WORDS: Mapping[str, str] = {"phone": "phone number", "email": "e-mail address"}
_KIND_OF = {"sms": "phone", "email": "email"}
"""The kind of address that a medium goes to; each of the others has kinds of its own."""


def kind_of(medium: str) -> str:
    """What kind of address people give for a medium."""
    return _KIND_OF.get(medium, medium)


def sent_to(medium: str, address: str, country: str) -> str | None:
    """What a message of that medium would be sent to: E.164 for texts, lower case for e-mail; None: it can't be sent there."""
    return usable_address(kind_of(medium), address, country)


@lru_cache(maxsize=4096)
def usable_address(kind: str, value: str, country: str) -> str | None:
    """The address as channels take it: a phone number in E.164 when libphonenumber calls it possible in the country, an
    e-mail address in lower case, anything else without space around it. None when it can't be one."""
    value = value.strip()
    if not value or len(value) > _LONGEST_ADDRESS:
        return None
    if kind in ("phone", "whatsapp"):
        return _e164(value, country)
    if kind == "email":
        return value.lower() if len(value) <= 254 and _MAIL.fullmatch(value) else None
    return value


def _e164(value: str, country: str) -> str | None:
    try:
        number = phonenumbers.parse(value, country.upper())
    except phonenumbers.NumberParseException:
        return None
    if not _is_whole(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _is_whole(number: phonenumbers.PhoneNumber) -> bool:
    """A number that can be called from anywhere: "85432" means something only where its area code may be left out, or to one
    network, and with the country before it it would be somebody else's."""
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return False
    digits = phonenumbers.national_significant_number(number)
    return len(digits) > LONGEST_SHORT_NUMBER or phonenumbers.is_valid_number(number)


def region(country: str | None) -> str | None:
    """A country as its two letters, from these or its name as customer systems keep it; None for what is none."""
    given = (country or "").strip()
    if not given:
        return None
    code = {"UK": "GB"}.get(given.upper(), given.upper()) if len(given) == 2 else _names().get(given.casefold(), "")
    return code if code in phonenumbers.SUPPORTED_REGIONS else None


@lru_cache(maxsize=1)
def _names() -> Mapping[str, str]:
    return {
        name.casefold(): code
        for language in ("fr", "es", "de", "en")
        for code, name in Locale(language).territories.items()
        if len(code) == 2
    }


@lru_cache(maxsize=4096)
def is_valid(value: str, country: str) -> bool:
    """Whether it is a number that can be given out there."""
    try:
        return bool(phonenumbers.is_valid_number(phonenumbers.parse(value, country.upper())))
    except phonenumbers.NumberParseException:
        return False


def is_doubtful(value: str, country: str) -> bool:
    """Whether its digits are a good number in the store's country, and another one abroad if the + was only left out."""
    value = value.strip()
    return not value.startswith(("+", "00")) and is_valid(value, country) and is_valid(f"+{value}", country)
