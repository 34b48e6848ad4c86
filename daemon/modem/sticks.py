"""What is plugged in and is a modem, but has no port to text by: why, and what to do. Reads the kernel's own picture of the USB.

Sticks come up as a CD-ROM with a Windows driver, as a network card, or without the driver that gives them a port.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from daemon.modem.quirks import MODEM_VENDORS

USB = Path("/sys/bus/usb/devices")
_QINHENG, _CH340 = 0x1A86, (0x7523, 0x5523)
_HUAWEI = 0x12D1
_STORAGE, _VENDOR_OWN = "08", "ff"
_NETWORK = (("02", "06"), ("02", "0d"), ("e0", "01"))
"""Ethernet (ECM), NCM and RNDIS: class and subclass."""
_MBIM = ("02", "0e")
_DATA_DRIVERS = ("qmi_wwan", "cdc_mbim", "huawei_cdc_ncm")


@dataclass(frozen=True)
class Interface:
    kind: str
    subkind: str
    driver: str
    has_port: bool


@dataclass(frozen=True)
class Stick:
    """A USB device with its interfaces."""

    vendor: int
    product: int
    name: str
    interfaces: tuple[Interface, ...]

    @property
    def id(self) -> str:
        return f"{self.vendor:04x}:{self.product:04x}"


@dataclass(frozen=True)
class Hint:
    """What is wrong with it, what to do, and the commands that would (as root), if any."""

    what: str
    remedy: str
    deed: tuple[tuple[str, ...], ...] = ()

    def __str__(self) -> str:
        return f"{self.what}: {self.remedy}"


def hints(usb: Path = USB, *, has_brltty: bool | None = None) -> list[Hint]:
    """One for each modem without a port."""
    braille = Path("/usr/bin/brltty").exists() if has_brltty is None else has_brltty
    return [hint for stick in sticks(usb) if (hint := _hint(stick, has_brltty=braille))]


def sticks(usb: Path = USB) -> Iterator[Stick]:
    """All that is on the USB, by the kernel's word."""
    for device in sorted(usb.glob("*")):
        vendor, product = _read(device / "idVendor"), _read(device / "idProduct")
        if ":" in device.name or not vendor or not product:
            continue
        interfaces = tuple(_interface(path) for path in sorted(usb.glob(f"{device.name}:*")))
        yield Stick(int(vendor, 16), int(product, 16), _read(device / "product"), interfaces)


def _interface(path: Path) -> Interface:
    driver = path / "driver"
    return Interface(
        _read(path / "bInterfaceClass"),
        _read(path / "bInterfaceSubClass"),
        driver.resolve().name if driver.exists() else "",
        any(path.glob("tty*")),
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip().lower()
    except OSError:
        return ""


def _hint(stick: Stick, *, has_brltty: bool) -> Hint | None:
    if not stick.interfaces or any(interface.has_port for interface in stick.interfaces):
        return None
    if stick.vendor == _QINHENG and stick.product in _CH340:
        return _adapter(stick, has_brltty=has_brltty)
    return _modem(stick) if stick.vendor in MODEM_VENDORS else None


def _adapter(stick: Stick, *, has_brltty: bool) -> Hint:
    if has_brltty:
        return Hint(
            f"the USB-serial adapter (CH340, {stick.id}) is taken by brltty, which believes it to be a Braille display",
            "`sudo apt remove brltty`, then plug the adapter in again",
        )
    return Hint(
        f"the USB-serial adapter (CH340, {stick.id}) has no driver",
        "`sudo modprobe ch341`, then plug it in again",
        (("modprobe", "ch341"),),
    )


def _modem(stick: Stick) -> Hint | None:
    kinds = [(interface.kind, interface.subkind) for interface in stick.interfaces]
    drivers = {interface.driver for interface in stick.interfaces}
    name = f"the modem {stick.id}"
    if all(kind == _STORAGE for kind, _ in kinds):
        switch = "-J" if stick.vendor == _HUAWEI else "-K"
        ids = ("-v", f"{stick.vendor:04x}", "-p", f"{stick.product:04x}")
        return Hint(
            f"{name} poses as a CD-ROM with its Windows driver",
            "`sudo apt install usb-modeswitch`, then plug it in again",
            (("usb_modeswitch", *ids, switch),),
        )
    if any(kind in _NETWORK for kind in kinds) and not drivers.intersection(_DATA_DRIVERS):
        return Hint(
            f"{name} is a network card (HiLink firmware) and has no port to text by",
            "use one with stick firmware: docs/modem.md, What to buy",
        )
    if any(interface.kind == _VENDOR_OWN and not interface.driver for interface in stick.interfaces):
        return Hint(
            f"{name} has no driver for its ports",
            f"`sudo modprobe option && echo {stick.vendor:04x} {stick.product:04x} | "
            "sudo tee /sys/bus/usb-serial/drivers/option1/new_id`; docs/modem.md says how it lasts",
            (
                ("modprobe", "option"),
                (
                    "sh",
                    "-c",
                    f"echo {stick.vendor:04x} {stick.product:04x} > /sys/bus/usb-serial/drivers/option1/new_id",
                ),
            ),
        )
    if drivers.intersection(_DATA_DRIVERS) or _MBIM in kinds:
        return Hint(
            f"{name} offers data only (QMI or MBIM) and no port to text by",
            "switch it once to a mode with an AT port: docs/modem.md has the command for each maker",
        )
    return None
