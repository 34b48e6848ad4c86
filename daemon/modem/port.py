"""The way to the modem: a serial device, or a TCP address that stands for one (ser2net, a simulator).

The only file that meets pyserial and its errors: whatever happens to a port becomes `PortLost`.
"""

import asyncio
import contextlib
import errno
import fcntl
import os
import termios
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

import serial
import serial_asyncio_fast

from daemon.modem.errors import NoDevice, PortLost

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_CHUNK = 4096
_CONNECT_SECONDS = 10


class Port(Protocol):
    """Bytes both ways, until it is lost."""

    async def read(self) -> bytes:
        """Some bytes, at least one. Raises PortLost."""
        ...

    async def write(self, data: bytes) -> None:
        """Hand them to the device. Raises PortLost."""
        ...

    def close(self) -> None:
        """Let go at once, without waiting for what was not written; may be called twice."""
        ...


class _Serial(serial.Serial):
    """Says so where the device takes nothing just now, and the transport waits for room: pyserial's own tries again without end,
    in the thread of all else."""

    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            return os.write(self.fileno(), data)
        except BlockingIOError:
            raise
        except OSError as error:
            raise serial.SerialException(f"write failed: {error}") from error


class StreamPort:
    """A port over asyncio's streams."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self) -> bytes:
        try:
            data = await self._reader.read(_CHUNK)
        except (OSError, serial.SerialException) as error:
            raise PortLost("the modem's port was lost: is it still plugged in?") from error
        if not data:
            raise PortLost("the modem's port was closed from the other side")
        return data

    async def write(self, data: bytes) -> None:
        if self._writer.is_closing():
            raise PortLost("the modem's port was lost: is it still plugged in?")
        try:
            self._writer.write(data)
            await self._writer.drain()
        except (OSError, serial.SerialException) as error:
            raise PortLost("the modem's port was lost: is it still plugged in?") from error

    def close(self) -> None:
        device = self._writer.get_extra_info("serial")
        if device is not None and device.fd is not None:
            with contextlib.suppress(OSError):  # a device that is gone needs no unlocking
                fcntl.ioctl(device.fd, termios.TIOCNXCL)
        if not self._writer.is_closing():  # one that lost its device closes by itself
            self._writer.transport.abort()


async def open_port(device: str, baud: int) -> Port:
    """Open `/dev/...` (locked against other programs) or `socket://host:port`. Raises PortLost saying why it can't."""
    try:
        address = urlsplit(device)
        async with asyncio.timeout(_CONNECT_SECONDS):
            if address.scheme in ("socket", "tcp"):
                return StreamPort(*await asyncio.open_connection(address.hostname, address.port))
            return await _open_serial(device, baud)
    except TimeoutError as error:
        raise PortLost(f"{device} did not open within {_CONNECT_SECONDS} s") from error
    except (OSError, serial.SerialException, ValueError, OverflowError, termios.error) as error:
        raise _why(device, error) from error


async def _open_serial(device: str, baud: int) -> Port:
    opened = await asyncio.to_thread(_Serial, device, baudrate=baud, exclusive=True)
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await serial_asyncio_fast.connection_for_serial(loop, lambda: protocol, opened)
    writer = asyncio.StreamWriter(transport, protocol, reader, loop)
    fcntl.ioctl(writer.get_extra_info("serial").fd, termios.TIOCEXCL)  # flock alone stops only those who ask
    return StreamPort(reader, writer)


def _why(device: str, error: Exception) -> PortLost:
    text = str(error).lower()
    if isinstance(error, FileNotFoundError) or "no such file" in text:
        return NoDevice(f"{device}: no such device")
    if getattr(error, "errno", None) == errno.EPERM:
        return PortLost(
            f"{device}: systemd does not let the service at it: `sudo systemctl restart tether`. See docs/modem.md, Plugged in."
        )
    if isinstance(error, PermissionError) or "permission denied" in text:
        return PortLost(f"{device}: no permission. The service's user must be in the group dialout.")
    if "lock" in text or "busy" in text:
        return PortLost(f"{device}: another program holds it (ModemManager?). See docs/modem.md, udev.")
    return PortLost(f"{device}: can't be opened ({type(error).__name__})")
