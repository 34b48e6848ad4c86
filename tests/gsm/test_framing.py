"""Bytes to frames: however they are cut, with echo, junk, and words out of turn."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.modem.framing import LONGEST_LINE, Final, Frame, Framer, Line, Prompt, Unsolicited

PDU = "07911356131313F3064D0B915155214365F7621142112213406211421122544000"

TALK = (
    b"\0\xff\xfeAT\r\r\nOK\r\n"
    b"\r\n+CREG: 0,1\r\n\r\nOK\r\n"
    b'\r\n+CMTI: "SM",3\r\n'
    b"AT+CMGS=35\r\r\n> "
    b"0031000B91\x1a\r\n+CMGS: 17\r\n"
    b"+CDS: 25\r\n" + PDU.encode() + b"\r\n"
    b"\r\nOK\r\n"
    b'+CMTI: "SM",4+CPMS: 1,20,1,20,1,20\r\nOK\r\n'
    b'\r\n+CUSD: 0,"Credit: 10.00\r\n> top up: *101#",15\r\n'
    b"+CME ERROR: 14\r\nCOMMAND NOT SUPPORT\r\n"
    b"^RSSI:17\r\nRING\r\nSMS Ready\r\nUNDER-VOLTAGE WARNNING\r\n"
)

FRAMES: list[Frame] = [
    Line("AT"),
    Final("OK"),
    Line("+CREG: 0,1"),
    Final("OK"),
    Unsolicited('+CMTI: "SM",3'),
    Line("AT+CMGS=35"),
    Prompt(),
    Line("0031000B91"),
    Line("+CMGS: 17"),
    Unsolicited("+CDS: 25", PDU),
    Final("OK"),
    Unsolicited('+CMTI: "SM",4'),
    Line("+CPMS: 1,20,1,20,1,20"),
    Final("OK"),
    Unsolicited('+CUSD: 0,"Credit: 10.00\n> top up: *101#",15'),
    Final("+CME ERROR: 14"),
    Final("COMMAND NOT SUPPORT"),
    Unsolicited("^RSSI:17"),
    Unsolicited("RING"),
    Unsolicited("SMS Ready"),
    Unsolicited("UNDER-VOLTAGE WARNNING"),
]


def _frames(pieces: list[bytes]) -> list[Frame]:
    framer = Framer()
    return [frame for piece in pieces for frame in framer.feed(piece)]


def test_a_whole_conversation() -> None:
    assert _frames([TALK]) == FRAMES


def test_byte_by_byte() -> None:
    assert _frames([bytes([octet]) for octet in TALK]) == FRAMES


@given(st.lists(st.integers(0, len(TALK)), max_size=30))
def test_cut_anywhere(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(TALK)]
    assert _frames([TALK[start:end] for start, end in itertools.pairwise(edges)]) == FRAMES


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=8))
def test_any_bytes_cut_anywhere(data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    assert _frames([data[start:end] for start, end in itertools.pairwise(edges)]) == _frames([data])


def test_a_line_without_end_costs_no_more_than_its_bound() -> None:
    framer = Framer()
    assert framer.feed(b"x" * (LONGEST_LINE * 3)) == []
    assert len(framer._line) == LONGEST_LINE
    assert framer.feed(b"\r\nOK\r\n") == [Final("OK")]


@pytest.mark.parametrize("word", ["^RSSI: 17", "^DSFLOWRPT:0000002A", '+CMTI: "SM",4', "+CMGS: 17", "+CREG: 2"])
@pytest.mark.parametrize("head", ["+CDS: 25", "+CMT: ,25"])
def test_a_word_of_the_modems_own_costs_no_report_and_no_text_its_pdu(head: str, word: str) -> None:
    frames = _frames([f"{head}\r\n{word}\r\n{PDU}\r\n".encode()])
    assert frames[1:] == [Unsolicited(head, PDU)]
    assert isinstance(frames[0], Line | Unsolicited)
    assert frames[0].text == word


@pytest.mark.parametrize(
    ("said", "after"),
    [
        (b"+CMGL: 1,0,,25\r\n" + PDU.encode() + b"\r\n", [Line("+CMGL: 1,0,,25"), Line(PDU)]),
        (b"+CDS: 26\r\n" + PDU.encode() + b"\r\n", [Unsolicited("+CDS: 26", PDU)]),
        (b"> ", [Prompt()]),
        (b"^RSSI: 17\r\n" * 4, [Unsolicited("^RSSI: 17")] * 4),
    ],
)
def test_a_report_without_its_pdu_takes_no_others(said: bytes, after: list[Frame]) -> None:
    frames = _frames([b"+CDS: 25\r\n" + said])
    assert [frame for frame in frames if frame != Unsolicited("+CDS: 25")] == after
    assert Unsolicited("+CDS: 25") in frames


def test_a_report_without_its_pdu_swallows_no_final_result() -> None:
    assert _frames([b"+CDS: 25\r\nOK\r\n"]) == [Unsolicited("+CDS: 25"), Final("OK")]


def test_a_reply_whose_quote_never_closes_swallows_nothing_else() -> None:
    frames = _frames([b'+CUSD: 0,"Credit\r\nOK\r\n+CREG: 0,1\r\n'])
    assert frames == [Unsolicited('+CUSD: 0,"Credit'), Final("OK"), Line("+CREG: 0,1")]
    assert _frames([b'+CUSD: 0,"Only 3" left",15\r\n+CMGS: 12\r\nOK\r\n'])[1:] == [Line("+CMGS: 12"), Final("OK")]
    assert _frames([b'+CUSD: 0,"3" left",15\r\n+CDS: 25\r\n' + PDU.encode() + b"\r\n"])[1:] == [
        Unsolicited("+CDS: 25", PDU)
    ]
    endless = _frames([b'+CUSD: 0,"Credit\r\n' + b"more\r\n" * 30])
    assert len([frame for frame in endless if isinstance(frame, Line)]) == 10


def test_a_prompt_is_seen_at_once() -> None:
    framer = Framer()
    assert framer.feed(b"\r\n>") == [Prompt()]
    assert framer.feed(b" \r\n+CMGS: 1\r\n") == [Line("+CMGS: 1")]
    assert _frames([b"a > b\r\n"]) == [Line("a > b")]


def test_words_are_in_no_repr() -> None:
    assert "Credit" not in repr(Unsolicited('+CUSD: 0,"Credit",15'))
    assert PDU not in repr([Line(PDU), Unsolicited("+CDS: 25", PDU)])
