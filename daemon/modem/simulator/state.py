"""What the simulated modem is at a moment: card, memories, network, modes."""

from dataclasses import dataclass, field

from daemon.modem.simulator.character import Character


@dataclass
class Sim:
    """The card. `pin` "": no lock."""

    pin: str = ""
    tries: int = 3
    present: bool = True
    capacity: int = 20
    unlocked: bool = False
    busy: int = 0
    """So many commands are answered "SIM busy"."""

    @property
    def state(self) -> str:
        if self.tries == 0:
            return "SIM PUK"
        return "READY" if self.unlocked or not self.pin else "SIM PIN"


@dataclass(frozen=True)
class Output:
    """Lines, a final result ("" for none), and what is said out of turn after it."""

    lines: tuple[str, ...] = ()
    final: str = "OK"
    after: tuple[str, ...] = ()


@dataclass
class State:
    """Everything that commands read and change."""

    character: Character
    sim: Sim
    registration: int = 1
    signal: int = 20
    operator: str = "Simulated Mobile"
    imei: str = "490154203237518"
    ussd: dict[str, str] = field(default_factory=lambda: {"*100#": "Your credit is 10.00"})
    memories: dict[str, dict[int, tuple[int, str]]] = field(default_factory=dict)
    """Memory -> place -> (status, PDU)."""
    echo: bool = True
    text_mode: bool = True
    """AT+CMGF=1: what is typed at the prompt goes out as it is."""
    circuit_switched: bool = False
    """AT+CGSMS: SMS go the old way, not over 4G."""
    errors: int = 0
    """AT+CMEE."""
    radio: int = 1
    reading: str = ""
    receiving: str = ""
    announces: int = 0
    reports: int = 0
    """CNMI's `mt` and `ds`."""

    def __post_init__(self) -> None:
        self.memories = {memory: {} for memory in (*self.character.memories, *self.character.hidden_memories)}
        self.forget()

    def forget(self) -> None:
        """What a cut of power takes."""
        self.echo, self.radio, self.errors = True, 1, 0
        self.text_mode = self.character.wakes_in_text_mode
        self.reading = self.receiving = self.character.memories[0]
        self.announces = self.reports = 0
        self.sim.unlocked = False

    @property
    def registered(self) -> int:
        """What the network says: a locked SIM is in none."""
        return self.registration if self.radio == 1 and self.sim.present and self.sim.state == "READY" else 0

    def put(self, memory: str, pdu: str, *, status: int = 0) -> int | None:
        """Store a message; None when the memory is full."""
        places = self.memories[memory]
        first = self.character.first_place
        free = next((place for place in range(first, first + self.sim.capacity) if place not in places), None)
        if free is not None:
            places[free] = (status, pdu)
        return free
