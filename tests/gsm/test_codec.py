"""Septets, user data, splitting and PDUs: what must hold for any text."""

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daemon.gsm_alphabet import BASIC, ESCAPE, EXTENSION, septets
from daemon.modem import gsm7, national, pdu, userdata
from daemon.modem.addresses import decode_address, decode_moment, encode_address, encode_service_centre
from daemon.modem.pdu import Deliver, Other, PduError, StatusReport, Submit, submits, validity_octet
from daemon.modem.simulator import oracle
from daemon.modem.split import split, units
from daemon.modem.userdata import Alphabet

GSM_CHARACTERS = [character for character in BASIC if ord(character) != ESCAPE] + list(EXTENSION)
gsm_texts = st.text(st.sampled_from(GSM_CHARACTERS), max_size=700)
any_texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=500)
numbers = st.from_regex(r"\+[1-9][0-9]{3,14}", fullmatch=True)


def _parts(text: str) -> list[oracle.Submitted]:
    read = []
    for part in submits("+447700900123", text, reference=0x2A, validity=3600):
        length, hexa = part.command()
        read.append(oracle.read_submit(hexa, length))
    return read


def test_each_part_has_a_reference_of_its_own() -> None:
    """A modem that passes ours on would else call all parts, and all texts, the same."""
    parts = submits("+447700900123", "a" * 400, reference=0xFE)
    assert [bytes.fromhex(part.command()[1])[2] for part in parts] == [0xFE, 0xFF, 0x00]


@given(gsm_texts)
def test_septets_come_back(text: str) -> None:
    assert gsm7.decode(gsm7.encode(text)) == text
    assert len(gsm7.encode(text)) == septets(text)


@given(st.binary(max_size=200).map(lambda raw: bytes(octet & 0x7F for octet in raw)), st.integers(0, 6))
def test_packing_comes_back(codes: bytes, fill: int) -> None:
    packed = gsm7.pack(codes, fill=fill)
    assert gsm7.unpack(packed, len(codes), fill=fill) == codes
    assert len(packed) == (len(codes) * 7 + fill + 7) // 8


@given(any_texts)
@example("a" * 153 + "€" * 80)
@example("🎈" * 40)
@example("1234567")
@example("@" * 160)
@example("🎈" + "a" * 100)
@example("a" * 100 + "🎈")
def test_any_text_arrives_as_it_was(text: str) -> None:
    """A phone joins what comes in one alphabet: parts that bear no sign of their own are written as the others."""
    parts = _parts(text)
    assert len({part.is_ucs2 for part in parts}) == 1
    assert oracle.join(parts) == text
    assert [part.part[2] for part in parts] == list(range(1, len(parts) + 1))
    assert {part.part[:2] for part in parts} == ({(0, 1)} if len(parts) == 1 else {(0x2A, len(parts))})


@given(any_texts, st.booleans())
def test_a_text_takes_the_fewest_parts(text: str, wide: bool) -> None:
    parts = split(text, wide=wide)
    cost = septets(text)
    assert "".join(parts) == text
    if cost is not None:
        room, single, price = (152 if wide else 153), 160, lambda one: septets(one) or 0
    else:
        cost, room, single, price = units(text), (66 if wide else 67), 70, units
    if cost <= single:
        assert parts == [text]
        return
    assert all(0 < price(part) <= room for part in parts)
    # no part could have taken the first character of the next
    for part, following in itertools.pairwise(parts):
        assert price(part) + price(following[0]) > room


def test_an_escape_is_never_parted_from_its_code() -> None:
    text = "a" * 152 + "€" + "b" * 10
    assert split(text) == ["a" * 152, "€" + "b" * 10]


def test_a_surrogate_pair_is_never_parted() -> None:
    text = "ж" * 66 + "🎈" + "ж" * 10
    assert split(text) == ["ж" * 66, "🎈" + "ж" * 10]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("ж" * 70, 1),
        ("ж" * 71, 2),
        ("🎈" * 35, 1),
        ("🎈" * 36, 2),
    ],
)
def test_the_edges_of_one_sms(text: str, count: int) -> None:
    assert len(split(text)) == count


def test_more_parts_than_can_be_joined_are_refused() -> None:
    with pytest.raises(ValueError, match="255 can be joined"):
        split("a" * 153 * 256)


@given(numbers, st.integers(1, 4_000_000), st.booleans())
def test_number_and_wishes_arrive(number: str, validity: int, wants_report: bool) -> None:
    length, hexa = Submit(number, "x", validity=validity, wants_report=wants_report).command()
    read = oracle.read_submit(hexa, length)
    assert (read.number, read.wants_report) == (number, wants_report)
    assert read.validity_minutes is not None
    assert read.validity_minutes * 60 <= max(validity, 300)


@given(st.integers(0, 40 * 7 * 86400))
def test_validity_is_the_longest_that_is_no_longer(seconds: int) -> None:
    octet = validity_octet(seconds)
    assert octet == 0 or oracle._minutes(octet) * 60 <= seconds
    assert octet == 255 or oracle._minutes(octet + 1) * 60 > seconds


@pytest.mark.parametrize(("octet", "hours"), [(0x0B, 1), (0x2F, 4), (0x47, 6), (0xA7, 24), (0xAA, 96)])
def test_validity_as_the_standard_tabulates_it(octet: int, hours: int) -> None:
    assert validity_octet(hours * 3600) == octet


def test_service_centre_goes_before_the_tpdu_and_is_not_counted() -> None:
    own = Submit("+447700900123", "hi").command()
    given_one = Submit("+447700900123", "hi").command("+447785016005")
    assert given_one[0] == own[0]
    assert oracle.read_submit(given_one[1], given_one[0]).service_centre == "+447785016005"
    assert encode_service_centre("") == b"\0"


@pytest.mark.parametrize("number", ["", "+", "07700 900123", "Balloon", "+1" * 12, "١٢٣"])
def test_what_is_no_number_is_refused(number: str) -> None:
    with pytest.raises(ValueError, match="20 digits"):
        encode_address(number)


@given(st.from_regex(r"\+?[0-9]{1,15}", fullmatch=True))
def test_addresses_come_back(number: str) -> None:
    octets = encode_address(number)
    assert decode_address(octets[1:], octets[0]).value == number


@pytest.mark.parametrize("name", ["Balloon", "ABCDEFGH", "A", "Loft 42", "ABCDEFGHIJK"])
def test_a_sender_may_be_a_name(name: str) -> None:
    message = pdu.decode(oracle.deliver("hi", name, 1_795_515_300_000))
    assert isinstance(message, Deliver)
    assert message.sender.value == name


@pytest.mark.parametrize(
    ("octets", "moment"),
    [
        ("62114211221340", "2026-11-24T10:22:31+00:00"),
        ("6211421122138A", "2026-11-24T18:22:31+00:00"),  # seven hours west
        ("62114211221300", "2026-11-24T11:22:31+00:00"),
        ("00000000000000", None),
        ("FFFFFFFFFFFFFF", None),
        ("62992911221340", None),
    ],
)
def test_time_stamps(octets: str, moment: str | None) -> None:
    read = decode_moment(bytes.fromhex(octets))
    assert (read.isoformat() if read else None) == moment


@given(any_texts, st.integers(1, 5))
def test_what_comes_in_is_read(text: str, parts: int) -> None:
    size = min(-(-len(text) // parts), 33)  # no more than fits beside a header, whatever its characters take
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    wide = septets(text) is None
    read = ""
    for index, piece in enumerate(pieces):
        part = (9, len(pieces), index + 1) if len(pieces) > 1 else None
        message = pdu.decode(oracle.deliver(piece, "+447700900123", 1_795_515_300_000, part=part, is_ucs2=wide))
        assert isinstance(message, Deliver)
        read += message.words.text
    assert userdata.mend(read) == text


@given(st.binary(max_size=180))
def test_no_octets_break_the_reader(octets: bytes) -> None:
    try:
        message = pdu.decode(octets.hex())
    except PduError:
        return
    assert isinstance(message, Deliver | StatusReport | Other)


@pytest.mark.parametrize("text", ["", "0", "zz", "00", "07911356", "нет"])
def test_what_is_no_pdu_is_refused(text: str) -> None:
    with pytest.raises(PduError):
        pdu.decode(text)


@pytest.mark.parametrize(
    ("scheme", "alphabet"),
    [
        (0x00, Alphabet.GSM7),
        (0x04, Alphabet.OCTETS),
        (0x08, Alphabet.UCS2),
        (0x0C, Alphabet.UNREADABLE),
        (0x11, Alphabet.GSM7),
        (0x18, Alphabet.UCS2),
        (0x20, Alphabet.UNREADABLE),
        (0x48, Alphabet.UCS2),
        (0x90, Alphabet.GSM7),
        (0xC8, Alphabet.GSM7),
        (0xE0, Alphabet.UCS2),
        (0xF0, Alphabet.GSM7),
        (0xF4, Alphabet.OCTETS),
    ],
)
def test_data_coding_schemes(scheme: int, alphabet: Alphabet) -> None:
    assert userdata.alphabet_of(scheme) is alphabet


def _deliver(first: str, scheme: str, length: int, data: str, protocol: str = "00") -> Deliver:
    message = pdu.decode(f"00{first}0B915155210300F0{protocol}{scheme}62114211221340{length:02X}{data}")
    assert isinstance(message, Deliver)
    return message


def test_a_message_to_a_port_is_not_for_people() -> None:
    assert not _deliver("44", "04", 10, "0605040B8423F0010203").for_people


def test_voice_mail_silent_and_binary_messages_are_not_for_people() -> None:
    assert not _deliver("04", "C8", 2, "E834").for_people
    assert not _deliver("04", "00", 2, "E834", protocol="40").for_people
    assert not _deliver("04", "04", 2, "0102").for_people
    assert _deliver("04", "00", 2, "E834").for_people


def test_national_tables_are_read() -> None:
    codes = gsm7.encode("") + bytes([0x1B, 0x61, 0x1B, 0x75])
    data = bytes([3, 0x24, 1, national.SPANISH])
    fill = gsm7.fill_bits(len(data))
    length = (8 * len(data) + fill) // 7 + len(codes)
    assert _deliver("44", "00", length, (data + gsm7.pack(codes, fill=fill)).hex()).words.text == "áú"
    assert gsm7.decode(bytes([0x0B, 0x1C, 0x60]), locking=national.TURKISH) == "ĞŞç"
    assert gsm7.decode(bytes([0x06, 0x5B, 0x18]), locking=national.PORTUGUESE) == "úÃ€"
    assert all(len(table) == 128 for table in national.LOCKING.values())


def test_escapes_that_mean_nothing() -> None:
    assert gsm7.decode(bytes([0x1B, 0x41])) == "A"
    assert gsm7.decode(bytes([0x1B, 0x1B, 0x41])) == " A"
    assert gsm7.decode(bytes([0x41, 0x1B])) == "A "


def test_a_wrong_concatenation_is_a_message_of_its_own() -> None:
    assert _deliver("44", "00", 9, "050003010200E834").words.header.concat is None
    assert _deliver("44", "00", 9, "050003010103E834").words.header.concat is None


def test_cut_off_user_data_is_read_as_far_as_it_goes() -> None:
    assert _deliver("04", "00", 100, gsm7.pack(gsm7.encode("hello")).hex()).words.text == "hello"
    assert _deliver("04", "08", 100, "00480069").words.text == "Hi"


def test_nothing_personal_is_in_a_repr() -> None:
    message = pdu.decode(oracle.deliver("secret words", "+447700900123", 1_795_515_300_000))
    assert "secret" not in repr(message)
    assert "7700900" not in repr(message)
    assert "7700900" not in repr(Submit("+447700900123", "secret words"))
    assert "secret" not in repr(Submit("+447700900123", "secret words"))


@pytest.mark.parametrize(
    ("status", "delivery"),
    [
        *((0, "delivered"), (1, "forwarded"), (2, "forwarded"), (3, "reserved"), (0x20, "trying"), (0x3F, "trying")),
        *(
            (0x40, "failed"),
            (0x5F, "failed"),
            (0x60, "failed"),
            (0x7F, "failed"),
            (0x80, "reserved"),
            (0xFF, "reserved"),
        ),
    ],
)
def test_status_classes(status: int, delivery: str) -> None:
    report = pdu.decode(oracle.status_report(7, "+447700900123", 1_795_515_300_000, status))
    assert isinstance(report, StatusReport)
    assert report.delivery == delivery
    assert report.meaning
