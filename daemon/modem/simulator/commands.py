"""The simulated modem's AT commands, all but AT+CMGS: a table of what each answers and changes."""

import re
from collections.abc import Callable

from daemon.modem.simulator import oracle
from daemon.modem.simulator.state import Output, State

_OK, _ERROR = Output(), Output(final="ERROR")
_FREE = ("AT", "ATE", "AT+CMEE", "AT+CPIN", "AT+CFUN", "AT+CGM", "AT+CGSN", "AT+CREG", "AT+CEREG", "AT+CSQ", "AT+COPS")
"""What needs no SIM."""


def answer(state: State, command: str) -> Output:
    """Obey one command line."""
    name, _, argument = command.partition("=")
    if not name.startswith(_FREE[2:]) and name not in ("AT", "ATZ", "ATE0", "ATE1"):
        if not state.sim.present:
            return Output(final="+CME ERROR: 10")
        if state.sim.state != "READY" and name != state.character.pin_counter:
            return Output(final="+CMS ERROR: 311")
        if state.sim.busy:
            state.sim.busy -= 1
            return Output(final="+CME ERROR: 14")
    handler = _EXACT.get(command) or _NAMED.get(name)
    return handler(state, argument) if handler else Output(final=state.character.refusal)


def _fixed(*lines: str) -> Callable[[State, str], Output]:
    return lambda state, _: Output(lines)


def _echo(on: bool) -> Callable[[State, str], Output]:
    def handler(state: State, _: str) -> Output:
        state.echo = on
        return _OK

    return handler


def _reset(state: State, _: str) -> Output:
    """The settings of a start; the SIM stays open."""
    state.echo, state.errors, state.text_mode = True, 0, state.character.wakes_in_text_mode
    return _OK


def _ask_pin(state: State, _: str) -> Output:
    if not state.sim.present:
        return Output(final="+CME ERROR: 10")
    if state.sim.busy:
        state.sim.busy -= 1
        return Output(final="+CME ERROR: 14")
    return Output((f"+CPIN: {state.sim.state}",), "OK" if state.character.cpin_ends else "")


def _enter_pin(state: State, argument: str) -> Output:
    sim = state.sim
    if sim.state != "SIM PIN":
        return Output(final="+CME ERROR: 3")
    if argument.strip('"') != sim.pin:
        sim.tries -= 1
        return Output(final="+CME ERROR: 16" if sim.tries else "+CME ERROR: 12")
    sim.tries, sim.unlocked = 3, True
    return _OK


def _tries(state: State, _: str) -> Output:
    tries = state.sim.tries
    line = {
        "AT+CPINR": f"+CPINR: SIM PIN,{tries},3",
        "AT+QPINC": f'+QPINC: "SC",{tries},10',
        "AT+SPIC": f"+SPIC: {tries},10,3,10",
        "AT^CPIN?": f"^CPIN: {state.sim.state},,10,{tries},10,3",
    }.get(state.character.pin_counter)
    return Output((line,)) if line else _ERROR


def _radio(state: State, argument: str) -> Output:
    state.radio = int(argument.split(",")[0])
    return _OK


def _registration(state: State, _: str) -> Output:
    return Output((f"+CREG: 0,{state.registered}",))


def _lte_registration(state: State, _: str) -> Output:
    return Output((f"+CEREG: 0,{state.registered}",)) if state.character.lte else _ERROR


def _operator(state: State, _: str) -> Output:
    registered = state.registered in (1, 5, 6, 7)
    return Output((f'+COPS: 0,0,"{state.operator}",{7 if state.character.lte else 0}' if registered else "+COPS: 0",))


def _memories(state: State, _: str) -> Output:
    names = "(" + ",".join(f'"{memory}"' for memory in state.character.memories) + ")"
    return Output((f"+CPMS: {names},{names},{names}",))


def _room(state: State, _: str) -> Output:
    parts = (
        f'"{memory}",{len(state.memories[memory])},{state.sim.capacity}'
        for memory in (state.reading, state.reading, state.receiving)
    )
    return Output(("+CPMS: " + ",".join(parts),))


def _select(state: State, argument: str) -> Output:
    names = [name.strip('" ') for name in argument.split(",")]
    if any(name not in state.memories for name in names):
        return Output(final="+CMS ERROR: 302")
    state.reading = names[0]
    state.receiving = names[2] if len(names) > 2 else state.receiving
    rooms = (
        f"{len(state.memories[name])},{state.sim.capacity}" for name in (state.reading, state.reading, state.receiving)
    )
    return Output(("+CPMS: " + ",".join(rooms),))


def _calls(state: State, argument: str) -> Output:
    modes = [int(number) for number in argument.split(",")]
    buffering = modes[4] if len(modes) > 4 else 0
    if modes[3] not in state.character.report_modes or buffering not in state.character.buffering:
        return Output(final="+CMS ERROR: 303")
    state.announces, state.reports = modes[1], modes[3]
    return _OK


def _service(state: State, argument: str) -> Output:
    state.circuit_switched = argument in ("1", "3")
    return _OK


def _format(state: State, argument: str) -> Output:
    state.text_mode = argument == "1"
    return _OK


def _errors(state: State, argument: str) -> Output:
    state.errors = int(argument)
    return _OK


def _list(state: State, argument: str) -> Output:
    if state.text_mode != (not argument.isdecimal()):
        return Output(final="+CMS ERROR: 302")
    lines: list[str] = []
    for place, (status, pdu) in sorted(state.memories[state.reading].items()):
        if oracle.is_report(pdu) and not state.character.lists_reports:
            continue
        lines += [f"+CMGL: {place},{status},,{oracle.length(pdu)}", pdu]
        state.memories[state.reading][place] = (max(status, 1), pdu)
    return Output(tuple(lines))


def _read(state: State, argument: str) -> Output:
    stored = state.memories[state.reading].get(int(argument))
    if stored is None:
        return Output(final="+CMS ERROR: 321")
    status, pdu = stored
    if state.text_mode:
        return Output(('+CMGR: "REC READ","+447700900123",,"26/11/24,10:15:00+00"', "Some words"))
    return Output((f"+CMGR: {status},,{oracle.length(pdu)}", pdu))


def _delete(state: State, argument: str) -> Output:
    gone = state.memories[state.reading].pop(int(argument.split(",")[0]), None)
    return _OK if gone else Output(final="+CMS ERROR: 321")


def _ussd(state: State, argument: str) -> Output:
    match = re.fullmatch(r'1,"([^"]*)",15', argument)
    if not match:
        return _OK if argument == "2" else _ERROR
    packed = state.character.packed_ussd
    code = oracle.unpack(match[1]) if packed else match[1]
    text = state.ussd.get(code)
    if text is None:
        return Output(after=("+CUSD: 4",))
    return Output(after=(f'+CUSD: 0,"{oracle.pack(text) if packed else text}",15',))


_EXACT: dict[str, Callable[[State, str], Output]] = {
    "AT": _fixed(),
    "ATZ": _reset,
    "ATE0": _echo(False),
    "ATE1": _echo(True),
    "AT+CMEE?": lambda state, _: Output((f"+CMEE: {state.errors}",)),
    "AT+CPIN?": _ask_pin,
    "AT+CFUN?": lambda state, _: Output((f"+CFUN: {state.radio}",)),
    "AT+CREG?": _registration,
    "AT+CEREG?": _lte_registration,
    "AT+CSQ": lambda state, _: Output((f"+CSQ: {state.signal},99",)),
    "AT+COPS?": _operator,
    "AT+CSCA?": _fixed('+CSCA: "+447785016005",145'),
    "AT+CPMS=?": _memories,
    "AT+CPMS?": _room,
    "AT+CGMI": lambda state, _: Output((state.character.manufacturer,)),
    "AT+CGMM": lambda state, _: Output((state.character.model,)),
    "AT+CGMR": _fixed("Revision:1.0"),
    "AT+CGSN": lambda state, _: Output((state.imei,)),
    "AT^CPIN?": _tries,
}
_NAMED: dict[str, Callable[[State, str], Output]] = {
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
