"""Reading answers as modems of several makes print them."""

import pytest

from daemon.modem import answers
from daemon.modem.answers import Room, Stored


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('0,0,"EE, London",7', ["0", "0", "EE, London", "7"]),
        ("0,1,,25", ["0", "1", "", "25"]),
        (' "SM",3', ["SM", "3"]),
        ("1", ["1"]),
        ('0,"",15', ["0", "", "15"]),
        ("", []),
    ],
)
def test_fields(text: str, parts: list[str]) -> None:
    assert answers.split_fields(text) == parts


@pytest.mark.parametrize(
    ("line", "dbm"),
    [
        ("+CSQ: 0,99", -113),
        ("+CSQ: 31,0", -51),
        ("+CSQ: 99,99", None),
        ("+CSQ:20,99", -73),
        ("", None),
        ("+CSQ: x", None),
    ],
)
def test_signal(line: str, dbm: int | None) -> None:
    assert answers.signal_dbm([line]) == dbm


@pytest.mark.parametrize(("dbm", "bars"), [(None, 0), (-113, 0), (-107, 1), (-95, 2), (-85, 3), (-75, 4), (-51, 4)])
def test_bars(dbm: int | None, bars: int) -> None:
    assert answers.bars(dbm) == bars


def test_registration() -> None:
    assert answers.registration(['+CREG: 2,5,"00C3","0001"'], "+CREG:") == 5
    assert answers.registration(["+CREG: 1"], "+CREG:") is None
    assert answers.registration(["+CREG: 2", "+CREG: 0,2", "+CREG: 1"], "+CREG:") == 2
    assert answers.registration(['+CREG: 1,"0003","1A2B"', '+CREG: 2,1,"0003","1A2B"'], "+CREG:") == 1
    assert answers.registration([], "+CREG:") is None


def test_operator() -> None:
    assert answers.operator(['+COPS: 0,0,"EE",7']) == "EE"
    assert answers.operator(["+COPS: 0"]) == ""


@pytest.mark.parametrize("line", ['+CPMS: "SM",3,20,"SM",3,20,"SM",3,20', "+CPMS: 3,20,3,20,3,20", "+CPMS: 3,20,3,20"])
def test_room(line: str) -> None:
    assert answers.room([line]) == Room(3, 20)


def test_room_when_nothing_is_told() -> None:
    assert answers.room([]) is None


def test_memories() -> None:
    assert answers.memories(['+CPMS: ("SM","ME"),("SM"),("SM","ME","SR")']) == ("SM", "ME")
    assert answers.memories([]) == ()


def test_listing() -> None:
    lines = ["+CMGL: 1,1,,25", "0791AA", '+CMGL: 12,0,"",30', "0791BB", "+CMGL: 3,2,,9", "0011CC"]
    listed = answers.listing(lines)
    assert listed == [Stored(1, 1, "0791AA", 25), Stored(12, 0, "0791BB", 30), Stored(3, 2, "0011CC", 9)]
    assert [stored.came_in for stored in listed] == [True, True, False]


def test_reading_one_place() -> None:
    assert answers.reading(["+CMGR: 0,,25", "0791AA"], 7) == Stored(7, 0, "0791AA", 25)
    assert answers.reading([], 7) is None
    assert answers.reading(["+CMGR: 0"], 7) == Stored(7, 0, ""), "what is left of the line says no length"
    assert answers.listing(["+CMGL: 7,0"]) == [Stored(7, 0, "")]


def test_words_of_the_modems_own_between_a_place_and_its_pdu() -> None:
    lines = [
        "+CIEV: 2,4",
        "+CMGL: 1,1,,25",
        "^DSFLOWRPT:0000002A,0000",
        "0791AA",
        "+CMGL: 2,0,,9",
        "0011CC",
        "+CTZV: 4",
    ]
    assert answers.listing(lines) == [Stored(1, 1, "0791AA", 25), Stored(2, 0, "0011CC", 9)]
    read = answers.reading(["+CIEV: 2,4", "+CMGR: 0,,25", "^DSFLOWRPT:0000002A,0000", "0791AA"], 7)
    assert read == Stored(7, 0, "0791AA", 25)


@pytest.mark.parametrize(
    ("pdu", "octets", "whole"),
    [
        ("0791356131313F1AABB", 2, False),
        ("0791356131313F01AABB", 2, True),
        ("00AABB", 2, True),
        ("00AA", 2, False),
        ("", 0, True),
        ("", 25, False),
        ("00AABB", None, False),
        ("", None, False),
    ],
)
def test_what_the_line_cut_short_is_known_by_its_length(pdu: str, octets: int | None, whole: bool) -> None:
    assert Stored(1, 0, pdu, octets).is_whole is whole


def test_arrivals() -> None:
    assert answers.arrival('+CMTI: "SM",3') == ("SM", 3)
    assert answers.arrival('+CDSI: "SR",0') == ("SR", 0)
    assert answers.arrival("+CDS: 25") is None


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        (["huawei"], "huawei"),
        (['+CGMI: "Quectel"'], "Quectel"),
        (["AT+CGMM", "E3372"], "E3372"),
        (["^RSSI:1", "E1752"], "E1752"),
        (["+CIEV: 2,4", "E1752"], "E1752"),
        ([], ""),
    ],
)
def test_words(lines: list[str], word: str) -> None:
    assert answers.word(lines, "+CGMI:") == word
