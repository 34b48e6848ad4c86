"""Our PDUs read by other people's decoders, and theirs by ours. Two of them, since each has faults of its own."""

import json
import shutil
import subprocess
from io import StringIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.gsm_alphabet import septets
from daemon.modem import pdu
from daemon.modem.pdu import Deliver, submits
from daemon.modem.simulator import oracle

SAMPLES = [
    "Your balloons are ready",
    "è é ù ì ò Ç Ø ø Å å Δ @ £ $ ¥ _",
    "Шары готовы",
    "Ready 🎈",
    "12345678",
    "a" * 160,
    "a" * 161 + " and more",
    "Ж" * 150,
    "🎈" + " ready" * 20,
]

_GAMMU = """
import json, sys, gammu
out = []
for hexa in json.load(sys.stdin):
    sms = gammu.DecodePDU(bytes.fromhex(hexa), True)
    out.append([sms["Number"], sms["Text"], sms["UDH"]["PartNumber"], sms["UDH"]["AllParts"]])
json.dump(out, sys.stdout)
"""


def _gammu(pdus: list[str]) -> list[list[Any]]:
    python = "/usr/bin/python3"
    if not shutil.which(python) or subprocess.run([python, "-c", "import gammu"], capture_output=True).returncode:
        pytest.skip("python3-gammu is not installed (apt install python3-gammu)")
    done = subprocess.run([python, "-c", _GAMMU], input=json.dumps(pdus), capture_output=True, text=True, check=True)
    read: list[list[Any]] = json.loads(done.stdout)
    return read


def test_gammu_reads_what_we_write() -> None:
    parts = [part for text in SAMPLES for part in submits("+15551234567", text, reference=9, validity=86400)]
    for part, (number, text, index, total) in zip(parts, _gammu([part.command()[1] for part in parts]), strict=True):
        assert (number, text) == (part.number, part.text)
        if part.concat:
            assert (index, total) == (part.concat.sequence, part.concat.total)


def _other(module: str) -> Any:
    return pytest.importorskip(module, reason="needs smspdudecoder with bitstring<5", exc_type=ImportError)


@pytest.mark.parametrize("text", [*SAMPLES[:6], "STOP"])
def test_smspdudecoder_reads_what_comes_in_as_we_do(text: str) -> None:
    hexa = oracle.deliver(text, "+15551230000", 1_795_515_300_000)
    theirs = _other("smspdudecoder.easy").read_incoming_sms(hexa)
    ours = pdu.decode(hexa)
    assert isinstance(ours, Deliver)
    assert (theirs["content"], theirs["sender"], theirs["date"]) == (ours.words.text, ours.sender.value, ours.sent_at)


@settings(max_examples=80, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=400), st.booleans())
def test_smspdudecoder_reads_what_we_write(text: str, wants_report: bool) -> None:
    fields = _other("smspdudecoder.fields")
    for part in submits("+15551234567", text, reference=9, validity=86400, wants_report=wants_report):
        read = fields.SMSSubmit.decode(StringIO(part.command()[1]))
        assert (read["recipient"]["number"], read["validity-hours"]) == ("15551234567", 24)
        assert read["header"]["srr"] is wants_report
        spare = "@" if (septets(part.text) or 0) % 8 == 7 and not part.concat else ""  # it ignores the length octet
        assert read["user_data"]["data"].removesuffix(spare) == part.text.removesuffix(spare)
        if part.concat:
            assert read["user_data"]["header"]["elements"][0]["data"] == {
                "reference": 9,
                "parts_count": part.concat.total,
                "part_number": part.concat.sequence,
            }
