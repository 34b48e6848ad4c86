"""What tells that a modem started anew without being asked to. Pure.

After a start nothing that was set holds: text mode, echo, the PIN, what it announces. The worst that can follow is a PDU typed
into a modem in text mode: its hex goes out as a text.
"""

from daemon.modem.framing import Unsolicited

_SURE = (
    "RDY",
    "APP RDY",
    "^SYSSTART",
    "+CPIN: SIM PIN",
    "+CPIN: SIM PUK",
    "+CPIN: NOT INSERTED",
    "NORMAL POWER DOWN",
    "POWERED DOWN",
)
_MAYBE = ("Call Ready", "SMS Ready", "SMS DONE", "PB DONE", "+QIND: SMS DONE", "+CPIN: READY", "+CFUN: 1")
"""Said some seconds after a start, and by some also when the radio was switched on again."""


def is_sure(word: Unsolicited) -> bool:
    """Everything has to be set up again."""
    return word.text in _SURE


def is_likely(word: Unsolicited) -> bool:
    """Worth a look whether what was set still holds."""
    return word.text in _MAYBE
