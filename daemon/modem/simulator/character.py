"""What kind of modem the simulator is, and what goes wrong with it: data."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Character:
    """One make of modem, as seen from the wire."""

    name: str
    manufacturer: str
    model: str
    known: tuple[str, ...] = ()
    """Vendor commands that it answers with OK."""
    unknown: tuple[str, ...] = ()
    """Standard commands that it refuses."""
    refusal: str = "ERROR"
    memories: tuple[str, ...] = ("SM", "ME")
    first_place: int = 1
    report_modes: tuple[int, ...] = (0, 1, 2)
    """Values of CNMI's `ds` that it takes."""
    packed_ussd: bool = False
    boot_words: tuple[str, ...] = ()
    pin_counter: str = ""
    """The command that tells how many tries of the PIN are left, "" for none."""
    cpin_ends: bool = True
    """AT+CPIN? ends with OK."""
    wakes_in_text_mode: bool = True
    """What AT+CMGF is after a start: makers differ, and owners store their own."""
    buffering: tuple[int, ...] = (0, 1)
    """Values of CNMI's `bfr` that it takes."""
    report_memory: str = "SR"
    """Where stored reports go."""
    lists_reports: bool = True
    """AT+CMGL shows them; otherwise only AT+CMGR does."""
    hidden_memories: tuple[str, ...] = ()
    """Memories that AT+CPMS=? does not name."""
    restarts_as_disk: bool = False
    """After AT+CFUN=1,1 it comes back as a CD-ROM, without a port."""
    lte: bool = False


CHARACTERS: Mapping[str, Character] = {
    character.name: character
    for character in (
        Character("plain", "Simulated", "S1"),
        Character(
            "e3372",
            "huawei",
            "E3372",
            known=("AT^CURC=0", "AT^PORTSEL=1"),
            unknown=("AT+CMMS", "AT+CPINR"),
            refusal="COMMAND NOT SUPPORT",
            first_place=0,
            packed_ussd=True,
            restarts_as_disk=True,
            pin_counter="AT^CPIN?",
            boot_words=("^BOOT:12345,0,0,0,6", "^RSSI:17"),
            lte=True,
        ),
        Character(
            "sim800",
            "SIMCOM_Ltd",
            "SIMCOM_SIM800L",
            unknown=("AT+CEREG", "AT+CPINR"),
            report_modes=(0, 1),
            wakes_in_text_mode=False,
            pin_counter="AT+SPIC",
            boot_words=("RDY", "+CFUN: 1", "Call Ready", "SMS Ready"),
        ),
        Character(
            "sim7600",
            "SIMCOM INCORPORATED",
            "SIMCOM_SIM7600E-H",
            memories=("ME", "MT", "SM"),
            hidden_memories=("SR",),
            report_modes=(0, 2),
            pin_counter="AT+SPIC",
            boot_words=("*PSUTTZ: 26/11/24,10:15:00", "SMS DONE", "PB DONE"),
            lte=True,
        ),
        Character(
            "ec25",
            "Quectel",
            "EC25",
            known=('AT+QURCCFG="urcport","usbat"',),
            memories=("ME", "SM", "MT", "SR"),
            pin_counter="AT+QPINC",
            boot_words=("RDY", "+QUSIM: 1", "+QIND: SMS DONE"),
            lte=True,
        ),
        Character(
            "bare",
            "Acme",
            "A1",
            unknown=("AT+CREG", "AT+CEREG", "AT+CPIN", "AT+CPMS", "AT+CMEE", "AT+CMMS", "AT+COPS", "AT+CSQ"),
            memories=("SM",),
        ),
        Character(
            "sierra",
            "Sierra Wireless",
            "MC7455",
            buffering=(1,),
            report_modes=(0, 2),
            report_memory="SM",
            lists_reports=False,
        ),
        Character("wavecom", "WAVECOM MODEM", "MULTIBAND 900E", cpin_ends=False, unknown=("AT+CEREG", "AT+CPINR")),
    )
}


@dataclass
class Faults:
    """What goes wrong, changed at any moment. Everything is off by default."""

    slow: float = 0.0
    """Seconds before each answer."""
    chunk: int | None = None
    """At most so many octets at once; 0: a random number of them."""
    lose_output: float = 0.0
    """The chance of each octet to the computer to be lost."""
    lose_input: float = 0.0
    amid: list[str] = field(default_factory=list)
    """Words to say amid the next answers, one in each."""
    errors: dict[str, list[str]] = field(default_factory=dict)
    """The next final results of a command ("AT+CMGS": ["+CMS ERROR: 38"]); for AT+CMGS they come after the PDU."""
    early_errors: list[str] = field(default_factory=list)
    """The next final results of AT+CMGS instead of its prompt."""
    late: dict[str, float] = field(default_factory=dict)
    """Seconds that the next answer to a command takes."""
    silent: set[str] = field(default_factory=set)
    """Commands (beginnings) that get no answer."""
    no_prompt: bool = False
    no_sms_over_lte: bool = False
    """The network refuses what comes over 4G."""
    silent_after_pdu: bool = False
    """The message is taken and nothing is said."""
    answers_later: float | None = None
    """The message is taken, other commands are obeyed, and after so many seconds its answer comes after all, even if the port
    was opened anew meanwhile."""
    forgets_after: str = ""
    """Having obeyed this command, it starts anew once, without a word: modes, PIN and echo are those of a start."""
    network_seconds: float = 0.0
    """How long the network takes for a message."""
    unplug_in_pdu: bool = False
    unplug_after_pdu: bool = False
    hung: str = ""
    """Answers nothing until the port is opened anew ("reopen", on TCP), its radio is cycled ("radio"), it is restarted
    ("restart"), or for as long as this stands (anything else)."""
    junk: bytes = b""
    """Said before the first answer."""
    report_status: int | None = 0x00
    """TP-ST of the reports it sends; None: the network sends none."""
    report_seconds: float = 0.0
    report_first: bool = False
    """Reports come before the answer to AT+CMGS."""
    radio_off: bool = False
    """It starts with its radio off."""
