"""The simulated modem's AT commands, all but AT+CMGS: a table of what each answers and changes."""

import re
from collections.abc import Callable

from daemon.modem.simulator import oracle
from daemon.modem.simulator.state import Answer, State

_OK, _ERROR = Answer(), Answer(final="ERROR")
_FREE = ("AT", "ATE", "AT+CMEE", "AT+CPIN", "AT+CFUN", "AT+CGM", "AT+CGSN", "AT+CREG", "AT+CEREG", "AT+CSQ", "AT+COPS")
"""What needs no SIM."""


def answer(state: State, command: str) -> Answer:
    """Obey one command line."""
    name, _, argument = command.partition("=")
    if not name.startswith(_FREE[2:]) and name not in ("AT", "ATZ", "ATE0", "ATE1"):
        if not state.sim.present:
            return Answer(final="+CME ERROR: 10")
        if state.sim.state != "READY" and name != state.character.pin_counter:
            return Answer(final="+CMS ERROR: 311")
        if state.sim.busy:
            state.sim.busy -= 1
            return Answer(final="+CME ERROR: 14")
    handler = _EXACT.get(command) or _NAMED.get(name)
    return handler(state, argument) if handler else Answer(final=state.character.refusal)


def _fixed(*lines: str) -> Callable[[State, str], Answer]:
    return lambda state, _: Answer(lines)


def _echo(on: bool) -> Callable[[State, str], Answer]:
    def handler(state: State, _: str) -> Answer:
        state.echo = on
        return _OK

    return handler


def _reset(state: State, _: str) -> Answer:
    """The settings of a start; the SIM stays open."""
    state.echo, state.errors, state.text_mode = True, 0, state.character.wakes_in_text_mode
    return _OK


def _ask_pin(state: State, _: str) -> Answer:
    if not state.sim.present:
        return Answer(final="+CME ERROR: 10")
    if state.sim.busy:
        state.sim.busy -= 1
        return Answer(final="+CME ERROR: 14")
    return Answer((f"+CPIN: {state.sim.state}",), "OK" if state.character.cpin_ends else "")


def _enter_pin(state: State, argument: str) -> Answer:
    sim = state.sim
    if sim.state != "SIM PIN":
        return Answer(final="+CME ERROR: 3")
    if argument.strip('"') != sim.pin:
        sim.tries -= 1
        return Answer(final="+CME ERROR: 16" if sim.tries else "+CME ERROR: 12")
    sim.tries, sim.unlocked = 3, True
    return _OK


def _tries(state: State, _: str) -> Answer:
    tries = state.sim.tries
    line = {
        "AT+CPINR": f"+CPINR: SIM PIN,{tries},3",
        "AT+QPINC": f'+QPINC: "SC",{tries},10',
        "AT+SPIC": f"+SPIC: {tries},10,3,10",
        "AT^CPIN?": f"^CPIN: {state.sim.state},,10,{tries},10,3",
    }.get(state.character.pin_counter)
    return Answer((line,)) if line else _ERROR


def _radio(state: State, argument: str) -> Answer:
    state.radio = int(argument.split(",")[0])
    return _OK


def _registration(state: State, _: str) -> Answer:
    return Answer((f"+CREG: 0,{state.registered}",))


def _lte_registration(state: State, _: str) -> Answer:
    return Answer((f"+CEREG: 0,{state.registered}",)) if state.character.lte else _ERROR


def _operator(state: State, _: str) -> Answer:
    registered = state.registered in (1, 5, 6, 7)
    return Answer((f'+COPS: 0,0,"{state.operator}",{7 if state.character.lte else 0}' if registered else "+COPS: 0",))


def _memories(state: State, _: str) -> Answer:
    names = "(" + ",".join(f'"{memory}"' for memory in state.character.memories) + ")"
    return Answer((f"+CPMS: {names},{names},{names}",))


def _room(state: State, _: str) -> Answer:
    parts = (
        f'"{memory}",{len(state.memories[memory])},{state.sim.capacity}'
        for memory in (state.reading, state.reading, state.receiving)
    )
    return Answer(("+CPMS: " + ",".join(parts),))


def _select(state: State, argument: str) -> Answer:
    names = [name.strip('" ') for name in argument.split(",")]
    if any(name not in state.memories for name in names):
        return Answer(final="+CMS ERROR: 302")
    state.reading = names[0]
    state.receiving = names[2] if len(names) > 2 else state.receiving
    rooms = (
        f"{len(state.memories[name])},{state.sim.capacity}" for name in (state.reading, state.reading, state.receiving)
    )
    return Answer(("+CPMS: " + ",".join(rooms),))


def _calls(state: State, argument: str) -> Answer:
    modes = [int(number) for number in argument.split(",")]
    buffering = modes[4] if len(modes) > 4 else 0
    if modes[3] not in state.character.report_modes or buffering not in state.character.buffering:
        return Answer(final="+CMS ERROR: 303")
    state.announces, state.reports = modes[1], modes[3]
    return _OK


def _service(state: State, argument: str) -> Answer:
    state.circuit_switched = argument in ("1", "3")
    return _OK


def _format(state: State, argument: str) -> Answer:
    state.text_mode = argument == "1"
    return _OK


def _errors(state: State, argument: str) -> Answer:
    state.errors = int(argument)
    return _OK


def _list(state: State, argument: str) -> Answer:
    if state.text_mode != (not argument.isdecimal()):
        return Answer(final="+CMS ERROR: 302")
    lines: list[str] = []
    for place, (status, pdu) in sorted(state.memories[state.reading].items()):
        if oracle.is_report(pdu) and not state.character.lists_reports:
            continue
        lines += [f"+CMGL: {place},{status},,{len(pdu) // 2 - 8}", pdu]
        state.memories[state.reading][place] = (max(status, 1), pdu)
    return Answer(tuple(lines))


def _read(state: State, argument: str) -> Answer:
    stored = state.memories[state.reading].get(int(argument))
    if stored is None:
        return Answer(final="+CMS ERROR: 321")
    status, pdu = stored
    if state.text_mode:
        return Answer(('+CMGR: "REC READ","+447700900123",,"26/11/24,10:15:00+00"', "Some words"))
    return Answer((f"+CMGR: {status},,{len(pdu) // 2 - 8}", pdu))


def _delete(state: State, argument: str) -> Answer:
    gone = state.memories[state.reading].pop(int(argument.split(",")[0]), None)
    return _OK if gone else Answer(final="+CMS ERROR: 321")


def _ussd(state: State, argument: str) -> Answer:
    match = re.fullmatch(r'1,"([^"]*)",15', argument)
    if not match:
        return _OK if argument == "2" else _ERROR
    packed = state.character.packed_ussd
    code = oracle.unpack(match[1]) if packed else match[1]
    text = state.ussd.get(code)
    if text is None:
        return Answer(after=("+CUSD: 4",))
    return Answer(after=(f'+CUSD: 0,"{oracle.pack(text) if packed else text}",15',))


_EXACT: dict[str, Callable[[State, str], Answer]] = {
    "AT": _fixed(),
    "ATZ": _reset,
    "ATE0": _echo(False),
    "ATE1": _echo(True),
    "AT+CMEE?": lambda state, _: Answer((f"+CMEE: {state.errors}",)),
    "AT+CPIN?": _ask_pin,
    "AT+CFUN?": lambda state, _: Answer((f"+CFUN: {state.radio}",)),
    "AT+CREG?": _registration,
    "AT+CEREG?": _lte_registration,
    "AT+CSQ": lambda state, _: Answer((f"+CSQ: {state.signal},99",)),
    "AT+COPS?": _operator,
    "AT+CSCA?": _fixed('+CSCA: "+447785016005",145'),
    "AT+CPMS=?": _memories,
    "AT+CPMS?": _room,
    "AT+CGMI": lambda state, _: Answer((state.character.manufacturer,)),
    "AT+CGMM": lambda state, _: Answer((state.character.model,)),
    "AT+CGMR": _fixed("Revision:1.0"),
    "AT+CGSN": lambda state, _: Answer((state.imei,)),
    "AT^CPIN?": _tries,
}
_NAMED: dict[str, Callable[[State, str], Answer]] = {
    "AT+CMEE": _errors,
    "AT+CPIN": _enter_pin,
    "AT+CPINR": _tries,
    "AT+QPINC": _tries,
    "AT+SPIC": _tries,
    "AT+CFUN": _radio,
    "AT+CMGF": _format,
    "AT+CSMS": _fixed("+CSMS: 1,1,1"),
    "AT+CREG": _fixed(),
    "AT+CPMS": _select,
    "AT+CNMI": _calls,
    "AT+CMGL": _list,
    "AT+CMGR": _read,
    "AT+CMGD": _delete,
    "AT+CMMS": _fixed(),
    "AT+CGSMS": _service,
    "AT+CUSD": _ussd,
}
