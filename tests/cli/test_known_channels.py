"""`tether channels known`: what there is, and what to write to use it, before anything is set up."""

import json
import os
import subprocess
import tomllib
from pathlib import Path

import pytest

from daemon.channels.registry import CHANNELS, channel_class
from tests.support import forks

ROOT = Path(__file__).resolve().parents[2]


def known(*words: str) -> subprocess.CompletedProcess[str]:
    return forks.run(["channels", "known", *words], env=os.environ)


def test_all_are_listed_by_medium_in_the_order_in_which_they_are_tried() -> None:
    done = known("--json")
    rows = json.loads(done.stdout)["items"]
    assert sorted(row["name"] for row in rows) == sorted(CHANNELS)
    assert [row["name"] for row in rows if row["medium"] == "sms"] == ["twilio", "vonage", "plivo", "modem"]
    assert all((ROOT / row["page"]).is_file() for row in rows)


def test_one_is_told_with_what_to_write() -> None:
    done = known("twilio")
    assert done.returncode == 0
    toml, _, env = done.stdout.partition("# .env\n")
    assert tomllib.loads(toml) == {"channels": {"twilio": {"from": ""}}}
    kind = channel_class("twilio")
    names = [line.strip("#=") for line in env.splitlines()]
    assert names == [*kind.secrets, *kind.optional_secrets]
    assert "TWILIO_ACCOUNT_SID=" in env.splitlines()
    assert "#TWILIO_SHARED_KEY=" in env.splitlines(), "it can do without"
    assert "docs/providers/twilio.md" in toml


def test_none_of_ours_is_told_with_the_nearest() -> None:
    done = known("twillio")
    assert (done.returncode, done.stdout) == (1, "")
    assert "did you mean 'twilio'?" in done.stderr


@pytest.mark.parametrize("name", CHANNELS)
def test_what_is_to_be_written_for_each_is_toml(name: str) -> None:
    from daemon.appliance.catalogue import example

    text = example(name).partition("# .env")[0]
    lines = (line.removeprefix("#") for line in text.splitlines())
    shown = "\n".join(line for line in lines if not line.startswith(" "))
    keys = tomllib.loads(shown)["channels"][name]
    assert keys.keys() <= {*channel_class(name).Settings.__struct_encode_fields__}
