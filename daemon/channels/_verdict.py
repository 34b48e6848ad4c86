"""What a provider's codes and HTTP's statuses mean for a message: small constructors for CODES tables, and the defaults."""

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from daemon.http import Response
from daemon.waits import moment_of, number, retry_after
from outbox.outcome import Deferred, Rejected, Scope, Unknown

Failure: TypeAlias = Deferred | Rejected | Unknown
"""Every outcome but a yes."""

MAX_WAIT = 86400.0
"""Seconds: the longest wait of a provider's that is believed."""


class Refusal(msgspec.Struct, frozen=True):
    """Repeating won't change it."""

    scope: Scope
    remedy: str = ""
    opted_out: bool = False
    after: float | None = None


class Later(msgspec.Struct, frozen=True):
    """The same may pass on this channel later. `after` in seconds, where the provider's code implies one."""

    after: float | None = None
    throttled: bool = False
    recipient: bool = False


class Unsure(msgspec.Struct, frozen=True):
    """The provider says itself that it may have done the work."""


Verdict: TypeAlias = Refusal | Later | Unsure


def message(remedy: str = "") -> Refusal:
    """This text or template won't do."""
    return Refusal(Scope.MESSAGE, remedy)


def recipient(remedy: str = "", *, opted_out: bool = False) -> Refusal:
    """This address won't do."""
    return Refusal(Scope.RECIPIENT, remedy, opted_out)


def channel(remedy: str, *, after: float | None = None) -> Refusal:
    """Nothing goes this way until somebody does `remedy`, or until `after` seconds have passed."""
    return Refusal(Scope.CHANNEL, remedy, after=after)


def later(after: float | None = None) -> Later:
    """Trouble on their side, and nothing was sent."""
    return Later(after)


def throttled(after: float | None = None) -> Later:
    """They are well but want fewer requests."""
    return Later(after, throttled=True)


def crowded(after: float) -> Later:
    """They want fewer messages to this one recipient."""
    return Later(after, recipient=True)


def unsure() -> Unsure:
    """It may have been sent."""
    return Unsure()


class Problem(msgspec.Struct, frozen=True):
    """The provider's own words on what it did not accept."""

    code: str = ""
    text: str = ""
    remedy: str = ""
    """What only this very answer can tell the owner; else the table's remedy stands."""
    after: float | None = None
    """Seconds to wait, where the provider says so in its body rather than a header."""


_PAGE = "a login page or another server stands between this machine and the provider: open a browser on this line and log in"
_FIREWALL = (
    "a firewall before the provider turned this machine away: where it is the store's own, let this address through"
)
_FENCED = frozenset({401, 403, 406})
"""What those say with a web page who stand before a provider: a firewall, a proxy, a host that guards itself."""
_ABSENCE = (
    "a web page stands where the provider's API should be: if it lasts, check the account's name, region and base_url"
)
_NOT_THERE = frozenset({404, 405})
"""What a host says with a web page while it is being mended, or before what it stands for has started."""
STATUSES: Mapping[int, Verdict] = {
    400: message(),
    402: channel("the provider wants to be paid: check the account's balance"),
    404: channel("the address of the API is not known there: check the account's name, region and base_url"),
    405: channel("the address of the API is not known there: check base_url"),
    407: channel("a proxy between this machine and the provider wants a password"),
    408: later(),
    413: message("the message is too large for this provider"),
    422: message(),
    425: later(),
    429: throttled(),
}
"""What a status means where neither the channel's CODES nor its STATUSES say more."""


def wait_of(response: Response, now: int, *, throttled: bool = False) -> float | None:
    """The provider's own wait in seconds: Retry-After, or where it throttles a rate limit's reset header, which stands on every answer of
    some. `now`: wall ms."""
    wait = retry_after(response.headers, now)
    if wait is None and (throttled or response.status == 429):
        wait = _reset(response, now)
    return None if wait is None else min(max(wait, 0.0), MAX_WAIT)


def _reset(response: Response, now: int) -> float | None:
    headers = response.headers
    for name in ("x-ratelimit-reset", "x-rate-limit-reset", "ratelimit-reset"):
        value = number(headers.get(name, ""))
        if value is not None:
            sent = moment_of(headers.get("date", ""))
            base = sent.timestamp() if sent else now / 1000
            return value - base if value > 1e9 else value
    return None


def ahead(response: Response, now: int) -> int:
    """How far the provider's clock is ahead of ours (`now`) in ms, by the answer's Date; 0 where it has none."""
    sent = moment_of(response.headers.get("date", ""))
    return round(sent.timestamp() * 1000) - now if sent else 0


def judge(
    response: Response,
    problem: Problem,
    codes: Mapping[str, Verdict],
    statuses: Mapping[int, Verdict],
    *,
    ambiguous_5xx: bool,
    credentials: str,
    now: int,
) -> Failure:
    """An answer that accepted nothing, as an outcome. Their code decides, then the status: the channel's word before ours."""
    status = response.status
    code = problem.code or str(status)
    text = f"HTTP {status} with a web page" if response.is_page else problem.text or f"HTTP {status}"
    verdict = codes.get(problem.code)
    if verdict is None and response.is_page and (response.ok or 300 <= status < 400):
        verdict, code, text = channel(_PAGE, after=60), "web_page", f"answered {status} with a web page"
    if verdict is None and response.is_page and status in _FENCED:
        verdict, code = channel(_FIREWALL, after=300), "web_page"
    if verdict is None and response.is_page and status in _NOT_THERE:
        verdict, code = channel(_ABSENCE, after=300), "web_page"
    if verdict is None and 300 <= status < 400:
        verdict, code, text = channel(_PAGE, after=60), "redirect", f"answered {status} with a redirect"
    if verdict is None and response.ok and problem.code:
        verdict = message()
    verdict = verdict or statuses.get(status) or _default(status, ambiguous_5xx=ambiguous_5xx, credentials=credentials)
    wait = wait_of(response, now, throttled=isinstance(verdict, Later) and verdict.throttled)
    wait = problem.after if wait is None else wait
    wait = None if wait is None else min(max(wait, 0.0), MAX_WAIT)
    match verdict:
        case Refusal():
            after = verdict.after if wait is None or verdict.after is None else max(wait, verdict.after)
            remedy = problem.remedy or verdict.remedy
            return Rejected(verdict.scope, code, text, remedy, opted_out=verdict.opted_out, after=after)
        case Later():
            after = wait if wait is not None else verdict.after
            return Deferred(text, code, after=after, throttled=verdict.throttled, recipient=verdict.recipient)
        case Unsure():
            return Unknown(text, code)


def _default(status: int, *, ambiguous_5xx: bool, credentials: str) -> Verdict:
    if status in {401, 403}:
        return channel(credentials)
    if status in STATUSES:
        return STATUSES[status]
    if status >= 500:
        return Unsure() if ambiguous_5xx else Later()
    if 200 <= status < 300:
        return Unsure()
    return message()
