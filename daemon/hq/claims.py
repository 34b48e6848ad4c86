"""What NATS's servers believe of the fleet, as signed claims (JWT in NATS's form): the operator vouches for accounts, the fleet's account for
its users. A store's right is one such claim; taking it back is a new claim of the account's, which every server puts in force at once.

Pure: times are passed in, nothing is sent.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence

import msgspec

from daemon.fleet.nkey import BadKey, KeyPair, is_signed

_HEADER = {"typ": "JWT", "alg": "ed25519-nkey"}
_ANY = -1


class Rights(msgspec.Struct, frozen=True):
    """Subjects a user may publish to and subscribe to; all else is refused."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


EVERYTHING = Rights((">",), (">",))
OPTOUTS, SAID, KEPT = "optout.*.*.*", "say.*.*.*", "kept.*.*.*"


def store_rights(store: str, groups: Sequence[str]) -> Rights:
    """What a store may do: tell its own, ask for its own, and hear that there is news."""
    bundles = [f"bundle.{group}" for group in groups]
    return Rights(
        publish=(
            f"up.{store}.>",
            f"health.{store}",
            SAID,
            OPTOUTS,
            "$JS.API.DIRECT.GET.CONSENT",
            f"$JS.API.DIRECT.GET.MARK.mark.{store}",
            *(f"$JS.API.DIRECT.GET.BUNDLE.{bundle}" for bundle in bundles),
        ),
        subscribe=(f"_INBOX.{store}.>", "optout.>", f"mark.{store}", *bundles),
    )


def operator_claim(operator: KeyPair, system_account: str, *, at: int) -> str:
    body = {"type": "operator", "version": 2, "system_account": system_account}
    return _sign(operator, operator.public, "tether", body, at)


ASKED: Mapping[str, str] = {
    "up.*.*": "Singleton",
    "health.*": "Singleton",
    OPTOUTS: "Singleton",
    "$JS.API.DIRECT.GET.CONSENT": "Stream",
    "$JS.API.DIRECT.GET.MARK.mark.*": "Singleton",
    "$JS.API.DIRECT.GET.BUNDLE.bundle.*": "Singleton",
}
"""What stores may ask of the archive's account, all of them together, and whether one answer comes or several. A subject without a wildcard would
be asked by an answer as well that somebody has sent to it: only one that does nothing without a question of its own may stand here."""
CALLED = {SAID: OPTOUTS}
"""What has another name with the stores: all of them hear of opt-outs, and none is to hear where another's is answered."""
HEARD: Mapping[str, str] = {KEPT: OPTOUTS, "mark.*": "mark.*", "bundle.*": "bundle.*"}
"""What they hear from there, and by which name: an opt-out once the stream has it, since NATS passes on nothing that a store said."""


def archive_key(account: KeyPair) -> KeyPair:
    """It follows from the fleet's account's, so that a headquarters has no more to keep."""
    return KeyPair("account", hmac.digest(account.seed.encode(), b"tether archive", "sha256"))


def archive_claim(operator: KeyPair, archive: str, *, at: int, storage: int, memory: int) -> str:
    """Of the account that the streams and headquarters are in, and no store: NATS sends an answer wherever the asker says, with the rights of
    whoever answers. A store asks from an account of its own, in which there is nothing but what `ASKED` names. `storage`, `memory`: bytes
    that JetStream may use over all servers."""
    exports = [
        *(
            {"name": each, "subject": each, "type": "service", "response_type": answers}
            for each, answers in ASKED.items()
        ),
        *({"name": f"hear {each}", "subject": each, "type": "stream"} for each in HEARD),
    ]
    jetstream = {"mem_storage": memory, "disk_storage": storage, "streams": _ANY, "consumer": _ANY}
    return _account_claim(operator, archive, "archive", at, limits=jetstream, exports=exports)


def fleet_claim(operator: KeyPair, account: str, archive: str, *, at: int, revoked: Mapping[str, int]) -> str:
    """Of the account that stores are in. `revoked`: public keys of users, and until when (seconds) what was issued to them does not count."""
    imports = [
        *({"name": each, "subject": each, "account": archive, "type": "service"} for each in ASKED),
        *(
            {"name": each, "subject": subject, "local_subject": each, "account": archive, "type": "service"}
            for each, subject in CALLED.items()
        ),
        *(
            {"name": f"hear {each}", "subject": each, "local_subject": named, "account": archive, "type": "stream"}
            for each, named in HEARD.items()
        ),
    ]
    return _account_claim(operator, account, "fleet", at, revocations=dict(revoked), imports=imports)


def system_claim(operator: KeyPair, system: str, *, at: int) -> str:
    return _account_claim(operator, system, "system", at)


def _account_claim(
    operator: KeyPair, account: str, name: str, at: int, *, limits: Mapping[str, int] | None = None, **more: object
) -> str:
    unlimited = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), _ANY)
    body = {
        "type": "account",
        "version": 2,
        "limits": {**unlimited, "wildcards": True, **(limits or {})},
        "default_permissions": {"pub": {}, "sub": {}},
        **more,
    }
    return _sign(operator, account, name, body, at)


class _Revocations(msgspec.Struct, frozen=True):
    revocations: dict[str, int] = {}


class AccountClaim(msgspec.Struct, frozen=True):
    """What an account's claim says, as it was made here."""

    iat: int = 0
    nats: _Revocations = _Revocations()

    @property
    def revoked(self) -> Mapping[str, int]:
        return self.nats.revocations


_account = msgspec.json.Decoder(AccountClaim)


def read_account_claim(claim: str, operator: str) -> AccountClaim:
    """One that says nothing, where that operator did not sign it."""
    head, _, signature = claim.rpartition(".")
    try:
        if is_signed(head.encode(), _raw(signature), operator, "operator"):
            return _account.decode(_raw(head.partition(".")[2]))
    except (BadKey, ValueError, msgspec.MsgspecError):
        pass
    return AccountClaim()


def user_claim(account: KeyPair, user: str, name: str, rights: Rights, *, at: int) -> str:
    body = {
        "type": "user",
        "version": 2,
        "subs": _ANY,
        "data": _ANY,
        "payload": _ANY,
        "pub": {"allow": list(rights.publish)},
        "sub": {"allow": list(rights.subscribe)},
    }
    return _sign(account, user, name, body, at)


def _sign(by: KeyPair, subject: str, name: str, body: Mapping[str, object], at: int) -> str:
    claim = {"iat": at, "iss": by.public, "sub": subject, "name": name, "nats": body}
    claim["jti"] = base64.b32encode(hashlib.sha256(msgspec.json.encode(claim)).digest()).decode().rstrip("=")
    text = f"{_text(msgspec.json.encode(_HEADER))}.{_text(msgspec.json.encode(claim))}"
    return f"{text}.{_text(by.sign(text.encode()))}"


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
