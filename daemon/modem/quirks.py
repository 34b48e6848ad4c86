"""What is particular to a family of modems, as data; sources in docs/modem.md. Everything else is the standard's."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """How one family differs. `pattern` is searched in "manufacturer model"."""

    name: str
    pattern: str
    setup: tuple[str, ...] = ()
    """Commands after the radio is on; an error to one of them is no matter."""
    lists: bool = True
    """AT+CMGL is safe. Where not, each place is read by itself."""
    first_place: int = 1
    arrival_pause: float = 0.0
    """Seconds between +CMTI and the moment the message can be read."""
    without_lte: str = ""
    """The command that keeps it out of 4G, where SMS may not go."""
    submit_seconds: float = 60.0
    """How long the network's answer to a message may take."""
    restarts: bool = True
    """AT+CFUN=1,1 brings it back as it was. Others come back as the CD-ROM with their Windows driver, and stay one."""
    packed_ussd: bool = False
    """USSD strings are packed septets in hex, both ways."""


GENERIC = Family("generic", "")

FAMILIES: tuple[Family, ...] = (
    Family(
        "huawei",
        r"huawei|\bE(3372|3131|173|1752|220)",
        setup=("AT^CURC=0", "AT^PORTSEL=1"),
        lists=False,
        first_place=0,
        arrival_pause=0.5,
        restarts=False,
        without_lte='AT^SYSCFGEX="0201",3FFFFFFF,1,2,7FFFFFFFFFFFFFFF,,',
        packed_ussd=True,
    ),
    Family("simcom-2g", r"SIM(800|808|868|900)"),
    Family("simcom-lte", r"SIM7\d{3}|\bA76\d\d", submit_seconds=120.0, without_lte="AT+CNMP=14"),
    Family(
        "quectel",
        r"quectel|\b(EC2[05]|EG2[15]|UG\d\d|M9\d)",
        setup=('AT+QURCCFG="urcport","usbat"',),
        without_lte='AT+QCFG="nwscanmode",2',
        submit_seconds=120.0,
    ),
    Family("zte", r"\bZTE\b", setup=("AT+ZCDRUN=8",), restarts=False, without_lte="AT+ZSNT=2,0,0"),
)

MODEM_VENDORS: dict[int, int | None] = {
    0x12D1: None,  # Huawei
    0x2C7C: 2,  # Quectel
    0x1E0E: 2,  # SIMCom
    0x19D2: None,  # ZTE
    0x1199: None,  # Sierra Wireless
    0x1BC7: None,  # Telit
    0x1546: None,  # u-blox
    0x05C6: None,  # Qualcomm
}
"""USB vendors that make modems, with the interface that takes AT commands where it is always the same. Ports of other makers
(a printer, a scale, a till's display) are never written to unless the owner names them."""


def family_of(manufacturer: str, model: str) -> Family:
    """The family that a modem's own words put it in."""
    words = f"{manufacturer} {model}"
    return next((family for family in FAMILIES if re.search(family.pattern, words, re.IGNORECASE)), GENERIC)


def family_named(name: str) -> Family | None:
    """The family of that name."""
    return next((family for family in (*FAMILIES, GENERIC) if family.name == name), None)
