"""Textual's driver for terminals, with keys that carry the time at which they arrived here, however busy the processor is.

Textual stamps a key when it has parsed it. Parsing takes its turns with the drawing, and on a busy processor a scanner's keys, which came
within 20 ms, then look as if a slow hand had typed them: its Tab would leave the line, the second of its CR LF would be an Enter of its own.
"""

import errno
import os
import selectors
from codecs import getincrementaldecoder
from collections.abc import Iterable

from textual._time import get_time
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

POLL = 0.1
"""Seconds between looks whether the screen ends, and whether an Escape stays alone."""


class TerminalDriver(LinuxDriver):
    """What is read at once arrived at once, and what was there before the read began arrived when the last read ended."""

    def run_input_thread(self) -> None:
        """Hand on keys and clicks until the screen ends. Raises OSError when the terminal has gone."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            arrived = get_time()
            while not self.exit_event.is_set():
                if not selector.select(0):
                    if not selector.select(POLL):
                        self._pass_on(parser.tick(), get_time())
                        continue
                    arrived = get_time()
                data = os.read(self.fileno, 4096)
                read = get_time()
                if not data:
                    raise OSError(errno.EIO, "the terminal has gone")
                self._pass_on(parser.feed(decode(data)), arrived)
                self._pass_on(parser.tick(), arrived)
                arrived = read

    def _pass_on(self, messages: Iterable[Message], arrived: float) -> None:
        for message in messages:
            message.time = arrived
            self.process_message(message)
