"""Who is to be told, and where they can be reached: usable addresses by kind, and what stands in the way in words. Pure.

No number or address is ever in a reason: reasons are shown and kept.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar, Protocol, Self

import msgspec
import phonenumbers
from babel import Locale

from daemon.config import ConfigError, Settings
from daemon.iso import country_trouble
from outbox.model import Customer, Medium
from outbox.reasons import NO_REASON, Reason, joined

_MAIL = re.compile(r"[^\s@<>(),;:\"\[\]\\]{1,64}@(?:[^\s@<>(),;:\"\[\]\\.]{1,63}\.)+[^\s@<>(),;:\"\[\]\\.]{2,63}")
_LONGEST_SHORT_NUMBER = 6
_LONGEST_ADDRESS = 4096

_MEDIUM_WORDS: Mapping[str, str] = {
    "sms": "texts",
    "email": "e-mail",
    "chat": "chat messages",
    "push": "push notifications",
    "crm": "entries in the customer system",
}
_KIND_WORDS: Mapping[str, str] = {"phone": "phone number", "email": "e-mail address"}


class Declared(Protocol):
    """What a channel's class says of itself, as far as planning wants to know."""

    medium: ClassVar[Medium]
    address_kinds: ClassVar[tuple[str, ...]]
    ships_as: ClassVar[tuple[Any, ...]]
    rank: ClassVar[int]
    is_cloud: ClassVar[bool]


class Reach(msgspec.Struct, frozen=True):
    """What planning needs to know of an enabled channel: its medium, the kinds of address it can use (in turn; none: it
    needs none), whether it has a destination of its own for the team, which parts of the shipped routes name it (none: those
    of its medium), and its place there."""

    medium: Medium
    address_kinds: tuple[str, ...] = ()
    own_destination: bool = False
    ships_as: tuple[str, ...] = ()
    rank: int = 50
    is_cloud: bool = True
    """False: it works without the internet."""

    @classmethod
    def of(cls, kind: type[Declared], *, own_destination: bool) -> Self:
        return cls(kind.medium, kind.address_kinds, own_destination, kind.ships_as, kind.rank, kind.is_cloud)

    def is_of(self, kind: str) -> bool:
        """Whether the shipped routes' part of this name (a medium, or "team") has it."""
        return kind in (self.ships_as or (self.medium,))

    def reaches(self, addresses: Mapping[str, str]) -> bool:
        return not self.address_kinds or any(kind in addresses for kind in self.address_kinds)


class Recipient(msgspec.Struct, frozen=True):
    """One person or desk: `customer`, `team`, `owner`, `owner.2`. `unusable`: kinds of address given that can't be one."""

    name: str
    addresses: Mapping[str, str]
    unusable: tuple[str, ...] = ()
    refuses: frozenset[str] = frozenset()
    """Media that the customer's own flags rule out."""
    doubtful: bool = False
    """Its phone number is a good one in two countries, and nobody says in which: mail goes first."""


class Way(msgspec.Struct, frozen=True):
    """The channels of a route that can reach a recipient, and in words what was left out and why."""

    via: tuple[str, ...]
    reason: Reason = NO_REASON


def check_country(settings: Settings) -> None:
    """Local phone numbers are read by it. Raises ConfigError for what is no country's code."""
    if trouble := country_trouble(settings.store.country):
        raise ConfigError(f"{settings.file or 'tether.toml'}: store.country: {trouble}")


def check_mail(settings: Settings) -> None:
    """Answers to mails go there. Raises ConfigError for what is no mail address."""
    given = settings.store.email
    if given and usable_address("email", given, settings.store.country) is None:
        raise ConfigError(
            f'{settings.file or "tether.toml"}: store.email: {given!r} is no mail address; write it like "hello@shop.example"'
        )


def customer_recipient(customer: Customer, country: str) -> Recipient:
    """The customer, with what of their addresses is usable. A number is read in the customer's own country where it is known, else
    in the store's."""
    given = dict(customer.addresses or {})
    if customer.phone:
        given["phone"] = customer.phone
    if customer.email:
        given["email"] = customer.email
    given = {kind: value for kind, value in given.items() if value}
    refuses = frozenset(medium for medium, wanted in (customer.consent or {}).items() if not wanted)
    own = region(customer.country)
    recipient = _recipient("customer", given, own or country, refuses)
    number = given.get("phone")
    if number is None:
        return recipient
    if own and own != country.upper():
        return msgspec.structs.replace(recipient, addresses=_by_either(recipient.addresses, number, own, country))
    return msgspec.structs.replace(recipient, doubtful=own is None and is_doubtful(number, country))


def _by_either(addresses: Mapping[str, str], number: str, own: str, country: str) -> Mapping[str, str]:
    """With the number as the store's country has it where only there it is a good one: a guest's local card."""
    read = usable_address("phone", number, country)
    if read is None or is_valid(number, own) or not is_valid(number, country):
        return addresses
    return {**addresses, "phone": read}


def audience_recipients(name: str, table: Mapping[str, str | tuple[str, ...]], settings: Settings) -> list[Recipient]:
    """A named audience: several when a kind of address lists several; what it gives but once, all of them share.

    Raises ConfigError for an address that can't be one.
    """
    count = max((len(value) for value in table.values() if not isinstance(value, str)), default=1)
    recipients = []
    for index in range(count):
        given = dict(_share(table, index))
        recipient = _recipient(name if index == 0 else f"{name}.{index + 1}", given, settings.store.country)
        for kind in recipient.unusable:
            where = f"{settings.file or 'tether.toml'}: audiences.{name}.{kind}"
            raise ConfigError(f"{where}: {given[kind]!r} can't be {_article(kind)} {_kind(kind)}")
        recipients.append(recipient)
    return recipients


def _share(table: Mapping[str, str | tuple[str, ...]], index: int) -> Iterator[tuple[str, str]]:
    for kind, value in table.items():
        if isinstance(value, str):
            yield kind, value
        elif index < len(value):
            yield kind, value[index]


def _recipient(name: str, given: Mapping[str, str], country: str, refuses: frozenset[str] = frozenset()) -> Recipient:
    usable = {kind: usable_address(kind, value, country) for kind, value in given.items()}
    return Recipient(
        name,
        {kind: value for kind, value in usable.items() if value is not None},
        tuple(kind for kind, value in usable.items() if value is None),
        refuses,
    )


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
    return len(digits) > _LONGEST_SHORT_NUMBER or phonenumbers.is_valid_number(number)


def region(country: str | None) -> str | None:
    """A country as its two letters, from these or its name as customer systems keep it; None for what is none."""
    given = (country or "").strip()
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


def way_to(recipient: Recipient, via: Sequence[str], channels: Mapping[str, Reach]) -> Way:
    """Which of a route's channels can reach the recipient, in its order; no `via`: nobody, for the reason given."""
    if recipient.doubtful and "email" in recipient.addresses:
        via = sorted(via, key=lambda name: "phone" in channels[name].address_kinds)
    if recipient.name == "team":
        reached = tuple(name for name in via if channels[name].own_destination)
        if reached or not via:
            return Way(reached)
        return Way((), Reason(f"no destination for the team is set on {_listed(via)}", "no_team", channels=list(via)))
    if not recipient.refuses and all(channels[name].reaches(recipient.addresses) for name in via):
        return Way(tuple(via))
    wanted = [name for name in via if channels[name].medium not in recipient.refuses]
    reached = tuple(name for name in wanted if channels[name].reaches(recipient.addresses))
    refused = [channels[name].medium for name in via if name not in wanted]
    needed = [kind for name in wanted if name not in reached for kind in channels[name].address_kinds]
    return Way(reached, joined(list(_why(recipient, refused, needed, told=bool(reached)))))


def _why(recipient: Recipient, refused: Sequence[Medium], needed: Sequence[str], *, told: bool) -> Iterator[Reason]:
    if refused:
        media = list(dict.fromkeys(refused))
        words = f"the customer wants no {_listed([_MEDIUM_WORDS[medium] for medium in media])}"
        yield Reason(words, "declined", media=media)
    for kind in dict.fromkeys(kind for kind in needed if kind in recipient.unusable):
        yield Reason(f"the {_kind(kind)} given can't be one", "bad_address", kind=kind)
    lacking = [kind for kind in needed if kind not in recipient.unusable]
    if lacking and not told:
        common = [kind for kind in lacking if kind in _KIND_WORDS]
        kinds = list(dict.fromkeys(common or lacking))
        yield Reason(f"no {_listed([_kind(kind) for kind in kinds])}", "no_address", kinds=kinds)


def _kind(kind: str) -> str:
    return _KIND_WORDS.get(kind, f"{kind} address")


def _article(kind: str) -> str:
    return "an" if _kind(kind)[0] in "aeiou" else "a"


def _listed(names: Sequence[str]) -> str:
    *most, last = dict.fromkeys(names)
    return f"{', '.join(most)} or {last}" if most else last


def works_offline(via: Sequence[str], channels: Mapping[str, Reach]) -> bool:
    """Whether one of these channels works without the internet."""
    return any(name in channels and not channels[name].is_cloud for name in via)
