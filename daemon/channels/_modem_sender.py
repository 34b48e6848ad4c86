"""Who wrote, by what the modem says of the sender. Pure.

A number that is taken for another is a stranger who is silenced, and a customer who is not.
"""

import phonenumbers
from phonenumbers import PhoneNumberType, ValidationResult

from daemon.modem.addresses import Address, NumberType

_LONGEST_SHORT_CODE = 6
_PEOPLES = (NumberType.UNKNOWN, NumberType.NATIONAL, NumberType.INTERNATIONAL)
_TEXTING = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)


def address(sender: Address, country: str) -> tuple[str, bool]:
    """The sender's number in E.164, and whether it is one: names, short codes and numbers that only mean something locally
    are kept as they are, and can't be texted or opted out."""
    if sender.kind not in _PEOPLES or len(sender.value) <= _LONGEST_SHORT_CODE:
        return sender.value, False
    try:
        number = phonenumbers.parse(sender.value, country)
    except phonenumbers.NumberParseException:
        return sender.value, False
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return sender.value, False
    if not _is_whole(sender, country) and phonenumbers.number_type(number) not in _TEXTING:
        return sender.value, False  # in many countries digits without an area's are somebody else's number with one
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), True


def _is_whole(sender: Address, country: str) -> bool:
    trunk = phonenumbers.ndd_prefix_for_region(country, True)
    return sender.kind is NumberType.INTERNATIONAL or bool(trunk and sender.value.startswith(trunk))
