"""What can go wrong on the way to the modem, as the layers above need to tell it apart."""

from collections.abc import Sequence

from daemon.modem.codes import Fault


class ModemError(Exception):
    """Anything the modem or the way to it did. Its text is a sentence for a person, without numbers or texts of customers."""


class PortLost(ModemError):
    """The port is gone or can't be opened: unplugged, no such device, held by another program."""


class NoDevice(PortLost):
    """There is no such port: not plugged in, or plugged in as something that has none."""


class NoAnswer(ModemError):
    """The modem did not finish its answer in time. `lines`: what it said until then."""

    def __init__(self, command: str, lines: Sequence[str] = ()) -> None:
        super().__init__(f"the modem did not answer {command} in time")
        self.lines = tuple(lines)


class CommandFailed(ModemError):
    """The modem answered a command with an error. `fault` says what it means."""

    def __init__(self, command: str, fault: Fault) -> None:
        super().__init__(f"the modem answered {command} with {fault.code}: {fault.meaning}")
        self.fault = fault


class NeedsPerson(ModemError):
    """Nothing goes on until somebody acts: no SIM, a PIN, a PUK. `fault.remedy` says what to do."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"{fault.meaning} ({fault.code}): {fault.remedy}")
        self.fault = fault


class CalledOff(ModemError):
    """Nobody wants the text any more by the time the modem is free: it is not handed over."""


class NotCommitted(ModemError):
    """What came in could not be put on record: the modem keeps it, and it is handed over again later."""
