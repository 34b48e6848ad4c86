"""What the owner says of the modem, as the driver needs it."""

from dataclasses import dataclass, field

AUTO = "auto"


@dataclass(frozen=True)
class Config:
    """What the owner says of the modem."""

    device: str = AUTO
    """A path, `socket://host:port`, or "auto": found among the ports of makers of modems and those that match `probe`."""
    baud: int = 115200
    probe: tuple[str, ...] = ()
    service_centre: str = ""
    balance_code: str = ""
    power_command: tuple[str, ...] = ()
    pin: str = field(default="", repr=False)
