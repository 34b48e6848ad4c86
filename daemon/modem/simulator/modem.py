"""A GSM modem as a program: SIM, memories, network and AT commands, for training, demonstrations and tests.

It is the other side: written from the standards and the makers' manuals, and it imports nothing of the driver.
"""

import asyncio
import random
from collections.abc import Callable

from daemon.modem.simulator import commands, oracle
from daemon.modem.simulator.character import CHARACTERS, Faults
from daemon.modem.simulator.oracle import Malformed, Submitted
from daemon.modem.simulator.state import Output, Sim, State
from daemon.modem.simulator.wire import Gone, Wire
from outbox.clock import Clock

_ESCAPE, _RETURN, _END = 0x1B, 0x0D, 0x1A


class SimulatedModem:
    """Drive it by `receive`, `report`, `say`, `faults` and `state`; see what arrived in `sent` and `texts`."""

    def __init__(self, clock: Clock, rng: random.Random, *, character: str = "plain", sim: Sim | None = None) -> None:
        self._clock, self._rng = clock, rng
        self.state = State(CHARACTERS[character], sim or Sim())
        self.faults = Faults()
        self.sent: list[Submitted] = []
        self.references: list[int] = []
        self.commands: list[str] = []
        self.starts = 0
        self.report_for: Callable[[int], int | None] | None = None
        """TP-ST for a reference, instead of `faults.report_status`."""
        self._reported: list[str] = []
        self.on_sent: Callable[[Submitted], None] = lambda _: None
        self._reference = rng.randrange(256)
        self._text_reference = rng.randrange(256)
        self._later: list[tuple[float, Output]] = []
        """Answers that come at that moment (monotonic), whoever listens then."""
        self._owes = asyncio.Event()
        self._browned_out = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None
        self._wire: Wire | None = None

    # ---------------------------------------------------------------- the world's side

    def receive(self, text: str, sender: str, *, parts: int = 1, is_ucs2: bool | None = None) -> None:
        """Somebody texts the store. `parts`: how many the sender's phone made of it."""
        for pdu in self.delivers(text, sender, parts=parts, is_ucs2=is_ucs2):
            self.receive_pdu(pdu)

    def delivers(self, text: str, sender: str, *, parts: int = 1, is_ucs2: bool | None = None) -> list[str]:
        """The PDUs of a text, for whoever wants to deliver them one by one."""
        self._text_reference = (self._text_reference + 1) % 256
        size = -(-len(text) // parts)
        pieces = [text[index * size : (index + 1) * size] for index in range(parts)]
        joined = [(self._text_reference, parts, n + 1) if parts > 1 else None for n in range(parts)]
        now = self._clock.now()
        return [
            oracle.deliver(piece, sender, now, part=part, is_ucs2=is_ucs2)
            for piece, part in zip(pieces, joined, strict=True)
        ]

    def receive_pdu(self, pdu: str) -> None:
        """A message as it is, put where new messages go if there is room."""
        place = self.state.put(self.state.receiving, pdu)
        if place is not None and self.state.announces:
            self.say(f'+CMTI: "{self.state.receiving}",{place}')

    def report(self, reference: int, recipient: str, status: int, *, taken_at: int | None = None) -> None:
        """The service centre's word on a message that it took at that moment (ms), None for now."""
        now = self._clock.now()
        taken_at = now if taken_at is None else taken_at
        pdu = oracle.status_report(reference, recipient, taken_at, status, done_ms=now)
        self._reported.append(pdu)
        self._announce_report(pdu)

    def repeat_reports(self) -> None:
        """The network says all of it once more, as it does where it saw no acknowledgement."""
        for pdu in self._reported:
            self._announce_report(pdu)

    def start_anew(self, *words: str) -> None:
        """A brown-out: what it was told and what it was at is forgotten. `words`: what it says of it, if anything."""
        self._later.clear()
        self._browned_out.set()
        self.state.forget()
        for word in words:
            self.say(word)

    def _announce_report(self, pdu: str) -> None:
        if self.state.reports == 1:
            self.say(f"+CDS: {len(pdu) // 2 - 8}\r\n{pdu}")
        elif self.state.reports == 2:
            wanted = self.state.character.report_memory
            memory = wanted if wanted in self.state.memories else self.state.receiving
            place = self.state.put(memory, pdu)
            if place is not None:
                self.say(f'+CDSI: "{memory}",{place}')

    def texts(self) -> list[tuple[str, str]]:
        """(number, text) of what was sent, long texts joined, in order."""
        groups: dict[tuple[str, int, int], list[Submitted]] = {}
        for index, one in enumerate(self.sent):
            key = (one.number, one.part[0], -index if one.part[1] == 1 else 0)
            groups.setdefault(key, []).append(one)
        return [(parts[0].number, oracle.join(parts)) for parts in groups.values() if len(parts) == parts[0].part[1]]

    def say(self, word: str) -> None:
        """Something out of turn; unheard while it hangs or nothing is connected."""
        if self._wire and not self.faults.hung:
            self._wire.send(f"\r\n{word}\r\n".encode("latin-1"))

    # ---------------------------------------------------------------- the wire's side

    async def work(self, wire: Wire, *, cold: bool) -> None:
        """Obey until the wire is gone. `cold`: it was without power before."""
        self._wire = wire
        if self.faults.hung == "reopen":
            self.faults.hung = ""
        if cold:
            self._boot(wire)
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                carrying = group.create_task(wire.carry())
                catching_up = group.create_task(self._answer_later())
                try:
                    await self._obey(wire)
                finally:
                    carrying.cancel()
                    catching_up.cancel()
        except* Gone:
            pass
        finally:
            if self._wire is wire:  # else it was put back meanwhile
                self._group = self._wire = None

    async def _answer_later(self) -> None:
        while True:
            while self._later and self._later[0][0] <= self._clock.monotonic():
                self._reply(self._later.pop(0)[1])
            due = self._later[0][0] if self._later else None
            self._owes.clear()
            await self._clock.wait(self._owes, None if due is None else due - self._clock.monotonic())

    def _boot(self, wire: Wire) -> None:
        self.starts += 1
        self._later.clear()
        self.state.forget()
        self.state.radio = 0 if self.faults.radio_off else 1
        if self.faults.junk:
            wire.send(self.faults.junk)
        for word in self.state.character.boot_words:
            self.say(word)

    async def _obey(self, wire: Wire) -> None:
        line = bytearray()
        while True:
            octet = await wire.receive()
            self._echo(wire, octet)
            if octet == _ESCAPE:
                line.clear()
            elif octet != _RETURN:
                line.append(octet)
            elif line:
                command = line.decode("latin-1").strip()
                line.clear()
                await self._do(wire, command)

    async def _do(self, wire: Wire, command: str) -> None:
        self.commands.append(command)
        if command == self._cure():
            self.faults.hung = ""
        if self.faults.hung or any(command.startswith(word) for word in self.faults.silent):
            return
        await self._clock.sleep(self.faults.slow + self.faults.late.pop(command, 0.0))
        if command.startswith("AT+CMGS="):
            await self._submit(wire, command.partition("=")[2])
        elif command == "AT+CFUN=1,1":
            if self.state.character.restarts_as_disk:
                wire.unplug()
            wire.restart()
        else:
            self._reply(self._answer(command))
        if command == self.faults.forgets_after:
            self.faults.forgets_after = ""
            self.start_anew()

    def _cure(self) -> str:
        return {"radio": "AT+CFUN=4", "restart": "AT+CFUN=1,1"}.get(self.faults.hung, "")

    def _answer(self, command: str) -> Output:
        name = command.partition("=")[0].removesuffix("?")
        queue = self.faults.errors.get(name)
        if queue:
            return Output(final=queue.pop(0))
        character = self.state.character
        if command in character.known:
            return Output()
        if any(name.startswith(word) for word in character.unknown):
            return Output(final=character.refusal)
        return commands.answer(self.state, command)

    def _reply(self, answer: Output) -> None:
        lines, final = list(answer.lines), answer.final
        if final.startswith("+CME ERROR") and not self.state.errors:
            final = "ERROR"
        if self.faults.amid:
            lines.insert(self._rng.randrange(len(lines) + 1), self.faults.amid.pop(0))
        for line in (*lines, final, *answer.after):
            if line:
                self.say(line)

    def _echo(self, wire: Wire, octet: int) -> None:
        if self.state.echo and not self.faults.hung:
            wire.send(bytes([octet]))

    # ---------------------------------------------------------------- sending

    async def _submit(self, wire: Wire, announced: str) -> None:
        """In text mode `announced` is a number to text, and anything typed is the text."""
        if not self.state.text_mode and not announced.isdecimal():
            return self._reply(Output(final="+CMS ERROR: 304"))
        if self.faults.early_errors:
            return self._reply(Output(final=self.faults.early_errors.pop(0)))
        if self.state.sim.state != "READY":
            return self._reply(Output(final="+CMS ERROR: 311"))
        if not self.faults.no_prompt:
            wire.send(b"\r\n> ")
        text = await self._read_pdu(wire)
        if text is None:
            return self._reply(Output())
        if self.faults.unplug_after_pdu:
            self._take(text, announced)
            wire.unplug()
        if self.faults.silent_after_pdu:
            self._take(text, announced)
            return None
        if self.faults.answers_later is not None:
            later, self.faults.answers_later = self.faults.answers_later, None
            self._later.append((self._clock.monotonic() + later, self._network_answer(text, announced)))
            self._later.sort(key=lambda one: one[0])
            self._owes.set()
            return None
        self._browned_out.clear()
        if self.faults.network_seconds and await self._clock.wait(self._browned_out, self.faults.network_seconds):
            return None
        return self._reply(self._network_answer(text, announced))

    def _network_answer(self, text: str, announced: str) -> Output:
        queue = self.faults.errors.get("AT+CMGS")
        if queue:
            return Output(final=queue.pop(0))
        if self.faults.no_sms_over_lte and self.state.character.lte and not self.state.circuit_switched:
            return Output(final="+CMS ERROR: 38")
        if self.state.registered not in (1, 5, 6, 7):
            return Output(final="+CMS ERROR: 331")
        return self._take(text, announced)

    async def _read_pdu(self, wire: Wire) -> str | None:
        """What is typed at the prompt; None when it was escaped."""
        text = bytearray()
        while (octet := await wire.receive()) not in (_END, _ESCAPE):
            text.append(octet)
            self._echo(wire, octet)
            if self.faults.unplug_in_pdu and len(text) > 20:
                wire.unplug()
        return None if octet == _ESCAPE else text.decode("latin-1").strip()

    def _take(self, text: str, announced: str) -> Output:
        try:
            submitted = (
                oracle.read_typed(announced, text) if self.state.text_mode else oracle.read_submit(text, int(announced))
            )
        except Malformed:
            return Output(final="+CMS ERROR: 304")
        self._reference = (self._reference + 1) % 256
        self.sent.append(submitted)
        self.references.append(self._reference)
        self.on_sent(submitted)
        status = self.faults.report_status
        if self.report_for and status is not None:
            status = self.report_for(self._reference)
        if submitted.wants_report and status is not None and self._group:
            if self.faults.report_first:
                self.report(self._reference, submitted.number, status)
            else:
                self._group.create_task(self._report_later(self._reference, submitted.number, status))
        return Output((f"+CMGS: {self._reference}",))

    async def _report_later(self, reference: int, number: str, status: int) -> None:
        taken_at = self._clock.now()
        await self._clock.sleep(self.faults.report_seconds)
        self.report(reference, number, status, taken_at=taken_at)
