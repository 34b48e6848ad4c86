"""What is said by itself to whom wrote: who may be answered, and in what words. Sent like every other message, by the outbox."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import phonenumbers
from phonenumbers import PhoneNumberType

from daemon import consent_words
from daemon.channels.base import Channel
from daemon.config import Store
from daemon.dispatch.reply_words import Meaning, texts
from outbox.acting import Act
from outbox.answers import AutomaticAnswer

EXPIRES_MS = 3_600_000
"""An answer that comes an hour late explains nothing any more."""

_NO_COUNTRY = "001"
"""libphonenumber's region of what belongs to no country: satellites, and networks that cost as they please."""
_DEAR = frozenset(
    {
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.UAN,
        PhoneNumberType.PAGER,
        PhoneNumberType.VOICEMAIL,
    }
)


def may_be_answered(address: str) -> bool:
    """A person's own number, in E.164: no short code, no name, no satellite, nothing that costs the store more than a text."""
    if not address.startswith("+"):
        return False
    try:
        number = phonenumbers.parse(address)
    except phonenumbers.NumberParseException:
        return False
    if not phonenumbers.is_possible_number(number):
        return False
    if phonenumbers.region_code_for_country_code(number.country_code or 0) == _NO_COUNTRY:
        return False
    return phonenumbers.number_type(number) not in _DEAR


def confirmation(reading: consent_words.Reading, store: Store, channel: str, now: int) -> AutomaticAnswer:
    """The one text that confirms a wish, in the language it was said in."""
    words = consent_words.answer(reading.wish, reading.language, store=store.name, phone=store.phone)
    return _answer(reading.wish.value, words, channel, "phone", store, now)


def deed(meaning: Meaning, store: Store, channel: Channel, address: str, now: int) -> Act:
    """What a word does to the order, and how it is answered: the way it came, by a text or a chat to the same number."""
    way = None
    if channel.medium in ("sms", "chat") and "phone" in channel.address_kinds and may_be_answered(address):
        way = _answer(meaning.action, "", channel.name, channel.address_kinds[0], store, now)
    return Act(action=meaning.action, texts=texts(meaning.action, store), language=meaning.language, answers=way)


def _answer(kind: str, text: str, channel: str, address_kind: str, store: Store, now: int) -> AutomaticAnswer:
    return AutomaticAnswer(
        kind=kind,
        text=text,
        channel=channel,
        address_kind=address_kind,
        day=_day(now, store.zone),
        expires_at=now + EXPIRES_MS,
    )


def _day(now: int, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(now / 1000, UTC).astimezone(zone):%Y-%m-%d}"
