"""Who is to be told, and where they can be reached: usable addresses by kind, and what stands in the way in words. Pure.

No number or address is ever in a reason: reasons are shown and kept.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Protocol, Self

import msgspec

from daemon.config import ConfigError, Settings
from daemon.iso import country_trouble
from daemon.planner.rules.addresses import KIND_WORDS, is_doubtful, is_valid, region, usable_address
from daemon.planner.rules.destination import refusal
from daemon.planner.template_files import is_locale
from outbox.model import Customer, Medium
from outbox.reasons import NO_REASON, Reason, joined

_MEDIUM_WORDS: Mapping[str, str] = {
    "sms": "texts",
    "email": "e-mail",
    "chat": "chat messages",
    "push": "push notifications",
    "crm": "entries in the customer system",
}


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
    shut: bool = False
    """`via` are texts only, and none goes to that number."""

    @property
    def is_open(self) -> bool:
        return bool(self.via) and not self.shut


def check_country(settings: Settings) -> None:
    """Local phone numbers are read by it. Raises ConfigError for what is no country's code."""
    if trouble := country_trouble(settings.store.country):
        raise ConfigError(f"{settings.file or 'tether.toml'}: store.country: {trouble}")


def check_locale(settings: Settings) -> None:
    """Whoever has no language of their own is written to in it. Raises ConfigError for what is none: all would get English."""
    if not is_locale(settings.store.locale):
        raise ConfigError(
            f"{settings.file or 'tether.toml'}: store.locale: {settings.store.locale!r} is no language; "
            'write it like "de" or "en-GB"'
        )


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


def way_to(recipient: Recipient, via: Sequence[str], channels: Mapping[str, Reach], countries: Collection[str]) -> Way:
    """Which of a route's channels can reach the recipient, in its order; no `via`: nobody, for the reason given. `countries`: where
    texts to customers go."""
    way = _way_to(recipient, via, channels)
    if not way.via or any(channels[name].medium != "sms" for name in way.via):
        return way
    refused = no_text(recipient, countries)
    if refused is None:
        return way
    return Way(way.via, joined([way.reason, refused] if way.reason else [refused]), shut=True)


def no_text(recipient: Recipient, countries: Collection[str]) -> Reason | None:
    """Why no text goes to the number that they have; None: one may, or they have none."""
    number = recipient.addresses.get("phone")
    return None if number is None else refusal(number, countries, anywhere=recipient.name != "customer")


def _way_to(recipient: Recipient, via: Sequence[str], channels: Mapping[str, Reach]) -> Way:
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
        common = [kind for kind in lacking if kind in KIND_WORDS]
        kinds = list(dict.fromkeys(common or lacking))
        yield Reason(f"no {_listed([_kind(kind) for kind in kinds])}", "no_address", kinds=kinds)


def _kind(kind: str) -> str:
    return KIND_WORDS.get(kind, f"{kind} address")


def _article(kind: str) -> str:
    return "an" if _kind(kind)[0] in "aeiou" else "a"


def _listed(names: Sequence[str]) -> str:
    *most, last = dict.fromkeys(names)
    return f"{', '.join(most)} or {last}" if most else last


def works_offline(via: Sequence[str], channels: Mapping[str, Reach]) -> bool:
    """Whether one of these channels works without the internet."""
    return any(name in channels and not channels[name].is_cloud for name in via)
