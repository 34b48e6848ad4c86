"""What staff ask for at a channel, the line and the modem."""

from typing import Annotated

import msgspec
from msgspec import Meta

from daemon.wire.checks import Address, described
from daemon.wire.requests.act import Act, Reason, part

TRIAL_SECONDS = 240.0
"""A modem may take three minutes for a text, behind the one that it has in hand."""


class TestWish(msgspec.Struct, frozen=True, omit_defaults=True):
    to: Address | None = None
    """Absent: a harmless call that proves the credentials."""


class UplinkWish(msgspec.Struct, frozen=True):
    state: Annotated[str, Meta(pattern=described(r"^(up|down|auto)$(?!\n)", "up, down or auto"))]
    """`auto`: evidence decides again."""


class UssdWish(msgspec.Struct, frozen=True):
    """A service code of the mobile network."""

    code: Annotated[
        str, Meta(min_length=1, max_length=40, pattern=described(r"^[*#0-9]+$(?!\n)", 'a service code, like "*100#"'))
    ]


def pause(channel: str, reason: str = "") -> Act:
    return Act(path=f"/v1/channels/{part(channel)}/pause", body=Reason(reason))


def resume(channel: str) -> Act:
    return Act(path=f"/v1/channels/{part(channel)}/resume")


def try_channel(channel: str, to: str = "") -> Act:
    """Without `to` a harmless call, with it a real message. Not repeatable."""
    return Act(
        path=f"/v1/channels/{part(channel)}/test", body=TestWish(to or None), repeatable=False, seconds=TRIAL_SECONDS
    )


def set_uplink(state: str) -> Act:
    return Act(path="/v1/uplink", body=UplinkWish(state))


def ask_network(channel: str, code: str) -> Act:
    """A service code, which may cost or change something. Not repeatable."""
    return Act(path=f"/v1/channels/{part(channel)}/ussd", body=UssdWish(code), repeatable=False, seconds=TRIAL_SECONDS)
