"""Stand-ins for every provider on one local port: for training, the demo and tests.

An independent oracle: it is written from the vendors' documentation and imports no channel, planner, dispatcher or modem
driver, so that a channel and its stand-in can't share a misunderstanding.
"""

from daemon.sandbox.app import Sandbox
from daemon.sandbox.config import config_text, sandbox_settings
from daemon.sandbox.faults import Fault
from daemon.sandbox.mailbox import Arrival, Mailbox
from daemon.sandbox.run import run

__all__ = ["Arrival", "Fault", "Mailbox", "Sandbox", "config_text", "run", "sandbox_settings"]
