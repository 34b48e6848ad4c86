"""Modems that are plugged in and have no port: told apart by what the kernel says of them."""

from pathlib import Path

import pytest

from daemon.modem.sticks import hints

ROOT_HUB = ("1d6b", "0002", [("09", "00", "hub", "")])


def plug_in(usb: Path, *devices: tuple[str, str, list[tuple[str, str, str, str]]]) -> Path:
    """The kernel's picture: vendor, product, and for each interface its class, subclass, driver and port."""
    for number, (vendor, product, interfaces) in enumerate(devices, 1):
        device = usb / f"1-{number}"
        device.mkdir(parents=True)
        (device / "idVendor").write_text(f"{vendor}\n")
        (device / "idProduct").write_text(f"{product}\n")
        (device / "product").write_text("HUAWEI Mobile\n")
        for index, (kind, subkind, driver, port) in enumerate(interfaces):
            interface = usb / f"1-{number}:1.{index}"
            interface.mkdir()
            (interface / "bInterfaceClass").write_text(f"{kind}\n")
            (interface / "bInterfaceSubClass").write_text(f"{subkind}\n")
            if driver:
                (usb / "drivers" / driver).mkdir(parents=True, exist_ok=True)
                (interface / "driver").symlink_to(usb / "drivers" / driver)
            if port:
                (interface / port).mkdir()
    return usb


@pytest.mark.parametrize(
    ("device", "what", "remedy"),
    [
        (("12d1", "1f01", [("08", "06", "usb-storage", "")]), "CD-ROM", "usb-modeswitch"),
        (("19d2", "2000", [("08", "06", "usb-storage", "")]), "CD-ROM", "usb-modeswitch"),
        (("12d1", "14dc", [("02", "06", "cdc_ether", ""), ("0a", "00", "cdc_ether", "")]), "HiLink", "stick firmware"),
        (("12d1", "14db", [("e0", "01", "rndis_host", "")]), "HiLink", "stick firmware"),
        (("1e0e", "9001", [("ff", "00", "", ""), ("ff", "00", "", "")]), "no driver", "modprobe option"),
        (("1199", "9071", [("ff", "ff", "qmi_wwan", "")]), "QMI or MBIM", "AT port"),
        (("2c7c", "0125", [("02", "0e", "cdc_mbim", ""), ("0a", "00", "cdc_mbim", "")]), "QMI or MBIM", "AT port"),
        (("1a86", "7523", [("ff", "01", "", "")]), "brltty", "apt remove brltty"),
    ],
)
def test_each_has_its_reason_and_its_remedy(
    tmp_path: Path, device: tuple[str, str, list[tuple[str, str, str, str]]], what: str, remedy: str
) -> None:
    [hint] = hints(plug_in(tmp_path, ROOT_HUB, device), has_brltty=True)
    assert what in hint.what
    assert remedy in hint.remedy
    assert f"{device[0]}:{device[1]}" in hint.what


def test_an_adapter_without_a_driver_and_without_brltty(tmp_path: Path) -> None:
    [hint] = hints(plug_in(tmp_path, ("1a86", "7523", [("ff", "01", "", "")])), has_brltty=False)
    assert hint.deed == (("modprobe", "ch341"),)


@pytest.mark.parametrize(
    "device",
    [
        ("2c7c", "0125", [("ff", "00", "option", "ttyUSB0"), ("ff", "ff", "qmi_wwan", "")]),  # as it should be
        ("04b8", "0e15", [("07", "01", "usblp", "")]),  # a receipt printer
        ("0781", "5581", [("08", "06", "usb-storage", "")]),  # a memory stick
    ],
)
def test_nothing_is_said_of_what_is_well_or_no_modem(
    tmp_path: Path, device: tuple[str, str, list[tuple[str, str, str, str]]]
) -> None:
    assert hints(plug_in(tmp_path, device), has_brltty=True) == []


def test_a_machine_without_usb(tmp_path: Path) -> None:
    assert hints(tmp_path / "none") == []
