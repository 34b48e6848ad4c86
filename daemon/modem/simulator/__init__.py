"""A GSM modem to practise with: `tether sandbox --modem`, the demo and the tests. It imports nothing of the driver."""

from daemon.modem.simulator.character import CHARACTERS, Character, Faults
from daemon.modem.simulator.modem import SimulatedModem
from daemon.modem.simulator.oracle import Submitted
from daemon.modem.simulator.plug import Plug, on_pty, on_tcp
from daemon.modem.simulator.state import Sim

__all__ = ["CHARACTERS", "Character", "Faults", "Plug", "Sim", "SimulatedModem", "Submitted", "on_pty", "on_tcp"]
