"""Service codes and their answers, plain, packed and in UCS-2."""

import pytest

from daemon.modem import ussd
from daemon.modem.simulator import oracle
from daemon.modem.ussd import UssdReply


def test_requests() -> None:
    assert ussd.request("*100#", packed=False) == 'AT+CUSD=1,"*100#",15'
    assert ussd.request("*100#", packed=True) == 'AT+CUSD=1,"AA180C3602",15'


@pytest.mark.parametrize("code", ["", "hello", "*100#;AT+CFUN=0", '*1"', "*" * 41])
def test_what_is_no_code(code: str) -> None:
    with pytest.raises(ValueError, match="service code"):
        ussd.request(code, packed=False)


@pytest.mark.parametrize(
    ("word", "packed", "reply"),
    [
        ('+CUSD: 0,"Your credit is 10.00",15', False, UssdReply("Your credit is 10.00")),
        ('+CUSD: 0,"Line one\nLine two",15', False, UssdReply("Line one\nLine two")),
        ('+CUSD: 1,"1 Credit\n2 Data",15', False, UssdReply("1 Credit\n2 Data", wants_more=True)),
        ('+CUSD: 0,"00A30031003000200430",72', False, UssdReply("£10 а")),
        ('+CUSD: 0,"437265646974203130",68', False, UssdReply("Credit 10")),
        (f'+CUSD: 0,"{oracle.pack("Credit 10.00")}",15', True, UssdReply("Credit 10.00")),
        (f'+CUSD: 0,"{oracle.pack("1234567" + chr(13))}",15', True, UssdReply("1234567")),
        ('+CUSD: 0,"12345678",15', False, UssdReply("12345678")),
        ("+CUSD: 4", False, UssdReply("", refused="not supported by this network")),
        ("+CUSD: 5", False, UssdReply("", refused="timed out")),
        ("+CUSD: 2", False, UssdReply("", refused="ended by the network")),
        ('+CUSD: 0,"say ""hi""",15', False, UssdReply('say ""hi""')),
    ],
)
def test_replies(word: str, packed: bool, reply: UssdReply) -> None:
    assert ussd.reply(word, packed=packed) == reply


def test_other_words_are_no_reply() -> None:
    assert ussd.reply('+CMTI: "SM",1', packed=False) is None
