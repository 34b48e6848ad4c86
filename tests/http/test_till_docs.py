"""docs/till.md: every example on the page is run as it stands."""

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from daemon.config import Settings
from outbox.clock import SystemClock
from tests.support.face import serving
from tests.support.fake_services import make_services

PAGE = (Path(__file__).parents[2] / "docs" / "till.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```(sh|python|php)\n(.*?)```", PAGE, re.DOTALL)
SECRET = "whsec_YmFsbG9vbi1zaG9wLXRlc3Qtc2VjcmV0LTAwMDE="
RUN = {"sh": ["sh", "-ec"], "python": [sys.executable, "-c"], "php": ["php", "-r"]}


def test_page_has_an_example_in_each_language() -> None:
    assert {language for language, _ in EXAMPLES} == set(RUN)


@pytest.mark.parametrize(
    ("language", "code"), EXAMPLES, ids=[f"{language}-{n}" for n, (language, _) in enumerate(EXAMPLES)]
)
async def test_example(language: str, code: str) -> None:
    needed = "curl" if language == "sh" else RUN[language][0]
    if shutil.which(needed) is None:
        pytest.skip(f"{needed} is not on this machine")
    services = make_services(Settings(secrets={"TETHER_WEBHOOK_SECRET": SECRET}))
    services.clock = SystemClock()  # type: ignore[assignment]
    async with serving(services) as face:
        known = {"TETHER_URL": face.url, "TETHER_TOKEN": face.secret("till-2"), "TETHER_WEBHOOK_SECRET": SECRET}
        process = await asyncio.create_subprocess_exec(
            *RUN[language],
            code.removeprefix("<?php\n"),
            env={**os.environ, **known},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(30):
            said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()
    expected = code.count('"id":') + code.count("'id' =>")
    assert len(services.box.stored) == expected
