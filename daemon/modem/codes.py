"""What the modem's error codes mean and who must act: +CMS ERROR (3GPP TS 27.005, 3.2.5, with the causes of 24.011 and
23.040) and +CME ERROR (27.007, 9.2), as tables. The classes are ours, judged from the standard texts. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How an error is to be taken."""

    RECIPIENT = "recipient"  # this number, for good
    MESSAGE = "message"  # this text or its coding, for good
    SIM = "sim"  # the operator lets nothing go this way until a person acts
    CARD = "card"  # the SIM itself: gone, locked, broken. Setting up again finds out what it wants
    SUBSCRIPTION = "subscription"  # about this recipient or about the SIM: which, only other recipients tell
    GARBLED = "garbled"  # the modem could not read the PDU: the line, unless it happens again
    RETRY = "retry"  # it may pass
    STORAGE = "storage"  # make room first
    UNSURE = "unsure"  # it may have been sent all the same
    UNSUPPORTED = "unsupported"  # this modem doesn't know the command


@dataclass(frozen=True)
class Fault:
    """One error as the modem put it (`code`: "CMS 38", "CME 10", "ERROR"), what it means and what a person can do."""

    code: str
    kind: Kind
    meaning: str
    remedy: str = ""


_CHECK_CREDIT = "check the SIM's credit and that its plan allows SMS"
_CHECK_PLAN = "ask the SIM's operator: SMS is barred or not part of its plan"
_INSERT = "push the SIM in until it clicks, then plug the modem in again"
_PIN = "set MODEM_PIN in .env, or switch the SIM's PIN off with a phone"
_PUK = "the SIM is locked: put it in a phone, enter the PUK from the SIM's papers, and set MODEM_PIN to the new PIN"
_REPLACE = "clean the SIM's contacts; if it stays, ask the operator for a new SIM"
_SMSC = 'set [channels.modem] smsc to the operator\'s SMS centre ("+44...")'
_PIN2 = "switch the SIM's fixed dialling off with a phone"
_BARRED = "the network bars this SIM or modem: ask the SIM's operator"

_Entry = tuple[Kind, str] | tuple[Kind, str, str]

_CMS: Mapping[int, _Entry] = {
    1: (Kind.RECIPIENT, "number is not assigned"),
    8: (Kind.SUBSCRIPTION, "barred by the operator", _CHECK_PLAN),
    10: (Kind.SUBSCRIPTION, "barred", _CHECK_PLAN),
    21: (Kind.SUBSCRIPTION, "transfer rejected, often for lack of credit", _CHECK_CREDIT),
    27: (Kind.RETRY, "destination out of order"),
    28: (Kind.RECIPIENT, "subscriber not identified"),
    29: (Kind.SUBSCRIPTION, "facility rejected", _CHECK_PLAN),
    30: (Kind.RECIPIENT, "subscriber unknown"),
    38: (Kind.RETRY, "network out of order"),
    41: (Kind.RETRY, "temporary failure"),
    42: (Kind.RETRY, "congestion"),
    47: (Kind.RETRY, "no resources"),
    50: (Kind.SUBSCRIPTION, "not subscribed", _CHECK_PLAN),
    69: (Kind.MESSAGE, "facility not implemented"),
    81: (Kind.MESSAGE, "invalid transfer reference"),
    **dict.fromkeys(range(95, 100), (Kind.MESSAGE, "invalid message")),
    111: (Kind.MESSAGE, "protocol error"),
    127: (Kind.MESSAGE, "interworking not possible"),
    **dict.fromkeys(range(128, 144), (Kind.MESSAGE, "protocol identifier not supported")),
    **dict.fromkeys(range(144, 160), (Kind.MESSAGE, "data coding not supported")),
    192: (Kind.RETRY, "service centre busy"),
    193: (Kind.SIM, "no service centre subscription", _CHECK_PLAN),
    194: (Kind.RETRY, "service centre failure"),
    195: (Kind.RECIPIENT, "invalid address"),
    196: (Kind.RECIPIENT, "recipient barred"),
    198: (Kind.MESSAGE, "validity format not supported"),
    199: (Kind.MESSAGE, "validity not supported"),
    208: (Kind.STORAGE, "SIM storage full"),
    211: (Kind.STORAGE, "memory full"),
    213: (Kind.RETRY, "SIM toolkit busy"),
    300: (Kind.UNSURE, "modem failure"),
    301: (Kind.RETRY, "SMS service reserved"),
    302: (Kind.RETRY, "not allowed now"),
    303: (Kind.UNSUPPORTED, "not supported"),
    304: (Kind.GARBLED, "the modem could not read the message"),
    305: (Kind.MESSAGE, "invalid text parameter"),
    310: (Kind.CARD, "no SIM", _INSERT),
    311: (Kind.CARD, "SIM wants its PIN", _PIN),
    312: (Kind.CARD, "the modem is locked to another SIM", _BARRED),
    313: (Kind.CARD, "SIM failure", _REPLACE),
    314: (Kind.RETRY, "SIM busy"),
    315: (Kind.CARD, "wrong SIM", _REPLACE),
    316: (Kind.CARD, "SIM wants its PUK", _PUK),
    317: (Kind.CARD, "SIM wants its PIN2", _PIN2),
    318: (Kind.CARD, "SIM wants its PUK2", _PIN2),
    320: (Kind.STORAGE, "memory failure"),
    321: (Kind.STORAGE, "no such place in memory"),
    322: (Kind.STORAGE, "memory full"),
    330: (Kind.SIM, "the service centre's number is not known", _SMSC),
    331: (Kind.RETRY, "no network"),
    332: (Kind.RETRY, "network timeout"),
    340: (Kind.UNSUPPORTED, "no acknowledgement expected"),
    500: (Kind.UNSURE, "unknown error"),
    **dict.fromkeys((513, 521), (Kind.RETRY, "no radio link")),
    **dict.fromkeys((*range(515, 521), *range(549, 555)), (Kind.MESSAGE, "refused by the modem")),
    532: (Kind.RETRY, "SIM not ready"),
    **dict.fromkeys((615, 616), (Kind.RETRY, "network failure")),
}

_CME: Mapping[int, _Entry] = {
    3: (Kind.UNSUPPORTED, "not allowed"),
    4: (Kind.UNSUPPORTED, "not supported"),
    5: (Kind.CARD, "the modem is locked to another SIM", _BARRED),
    10: (Kind.CARD, "no SIM", _INSERT),
    11: (Kind.CARD, "SIM wants its PIN", _PIN),
    12: (Kind.CARD, "SIM wants its PUK", _PUK),
    13: (Kind.CARD, "SIM failure", _REPLACE),
    14: (Kind.RETRY, "SIM busy"),
    15: (Kind.CARD, "wrong SIM", _REPLACE),
    16: (Kind.CARD, "wrong PIN", "correct MODEM_PIN in .env: this PIN is not tried again"),
    17: (Kind.CARD, "SIM wants its PIN2", _PIN2),
    18: (Kind.CARD, "SIM wants its PUK2", _PIN2),
    20: (Kind.STORAGE, "memory full"),
    30: (Kind.RETRY, "no network"),
    31: (Kind.RETRY, "network timeout"),
    32: (Kind.RETRY, "only emergency calls"),
    50: (Kind.UNSUPPORTED, "incorrect parameters"),
    100: (Kind.UNSURE, "unknown error"),
    103: (Kind.SIM, "the network refuses this SIM", _BARRED),
    106: (Kind.SIM, "the network refuses this modem", _BARRED),
    107: (Kind.SIM, "data service not allowed", _BARRED),
    258: (Kind.RETRY, "busy"),
    515: (Kind.RETRY, "starting up"),
}

_WORDS: Mapping[str, int] = {
    "sim not inserted": 10,
    "sim pin required": 11,
    "sim puk required": 12,
    "sim failure": 13,
    "sim busy": 14,
    "sim wrong": 15,
    "incorrect password": 16,
    "memory full": 20,
    "no network service": 30,
    "network timeout": 31,
    "operation not supported": 4,
    "operation not allowed": 3,
}
"""As +CME ERROR puts it with CMEE=2."""

_FINAL = re.compile(r"\+(CM[SE]) ERROR: *(.*)")


def fault(final: str) -> Fault:
    """What a final result other than OK says. An unlisted code is taken as unsure: it may have been sent."""
    match = _FINAL.fullmatch(final)
    if not match:
        if final in ("COMMAND NOT SUPPORT", "TOO MANY PARAMETERS"):
            return Fault(final, Kind.UNSUPPORTED, "not supported")
        return Fault(final, Kind.UNSURE, "error without a reason")
    family, detail = match.groups()
    number = int(detail) if detail.isdecimal() else _WORDS.get(detail.lower())
    if number is None:
        return Fault(family, Kind.UNSURE, "unlisted error")
    kind, meaning, *remedy = (_CMS if family == "CMS" else _CME).get(number, (Kind.UNSURE, "unlisted error"))
    return Fault(f"{family} {number}", kind, meaning, *remedy)
