"""What makes a store one of a fleet: its name, where headquarters' servers are, whom to trust, and its own key with HQ's word on it."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import structlog

from daemon.config import ConfigError, Settings
from daemon.fleet.consent_keys import read_keys
from daemon.fleet.nkey import BadKey, KeyPair
from daemon.fleet.seal import Unsealable, key_of, unseal
from daemon.fleet.wire import NAME

SEED = "FLEET_SEED"
"""The secret that is the store's own key in its fleet."""

log = structlog.get_logger(__name__)


class Membership(msgspec.Struct, frozen=True):
    """`claim`: HQ's word on what this key may do."""

    store: str
    servers: tuple[str, ...]
    ca: Path
    key: KeyPair
    claim: str
    shares_optouts: bool = True


def ways_back(store: str) -> str:
    """For a store that has lost its place in the fleet, such as one on a new card."""
    return (
        f"join again (on HQ `tether hq store add {store}`, then here `sudo tether fleet join CODE`), or run the store alone until then: "
        "`sudo tether fleet leave`, and only the opt-outs that it heard itself count"
    )


def membership_of(settings: Settings) -> Membership:
    """Raises ConfigError, which says what is missing and how it comes back."""
    fleet = settings.fleet
    if not fleet.store:
        raise ConfigError("this store is in no fleet: ask headquarters for a code, then tether fleet join CODE")
    if not NAME.fullmatch(fleet.store):
        raise ConfigError(
            f"fleet.store: {fleet.store!r} is no store's name: small letters, digits and hyphens, 31 at most"
        )
    if not fleet.servers or not all(server.startswith("tls://") for server in fleet.servers):
        raise ConfigError('fleet.servers: each is written like "tls://hq1.example:443"')
    again = ways_back(fleet.store)
    seed = settings.secrets.get(SEED)
    if not seed:
        raise ConfigError(f"{SEED} is missing in .env: {again}")
    try:
        key = KeyPair.from_seed(seed, "user")
    except BadKey as error:
        raise ConfigError(f"{SEED}: {error}; {again}") from error
    claim = settings.folder / fleet.claim
    try:
        text = claim.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"{claim} can't be read ({error.strerror}): {again}") from error
    return Membership(
        store=fleet.store,
        servers=fleet.servers,
        ca=settings.folder / fleet.ca,
        key=key,
        claim=text,
        shares_optouts=fleet.optouts == "fleet",
    )


def unsealed(membership: Membership, sealed: Mapping[str, str]) -> dict[str, bytes]:
    """Consent keys that came over the line, by their names; one that was sealed for another key of ours is left out, and said."""
    keys = {}
    own = key_of(membership.key.seed)
    for kid, text in sealed.items():
        try:
            keys[kid] = unseal(text, own, f"{membership.store} {kid}")
        except Unsealable as error:
            log.warning("a consent key of the fleet can't be opened; join the fleet again", kid=kid, reason=str(error))
    return keys


def keys_of(settings: Settings) -> dict[str, bytes]:
    """The consent keys in `.env`. Raises ConfigError: without any, opt-outs of other stores would silently not count."""
    if not settings.fleet.store or settings.fleet.optouts == "store":
        return {}
    try:
        keys = read_keys(settings.secrets.get("FLEET_CONSENT_KEY", ""))
    except ValueError as error:
        raise ConfigError(str(error)) from error
    if not keys:
        raise ConfigError(
            f'FLEET_CONSENT_KEY is missing in .env: {ways_back(settings.fleet.store)}. [fleet] optouts = "store" is for a store in its '
            "fleet where opt-outs of other stores are not to count"
        )
    return keys
