"""axe-core in a page: what it finds against WCAG."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.chromium import Page

RULES = "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}"


def axe_source() -> str:
    """Skips the test where axe-core isn't there."""
    axe = Path(os.environ.get("TETHER_AXE", "node_modules/axe-core/axe.min.js"))
    if not axe.exists():
        pytest.skip("axe-core is not there: npm install axe-core, or set TETHER_AXE to its axe.min.js")
    return axe.read_text(encoding="utf-8")


async def violations(page: Page, source: str) -> Any:
    if not await page.run("'axe' in window"):
        await page.run(source + "; 0")
    return await page.run(
        f"axe.run(document, {RULES}).then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html).slice(0, 3)]))"
    )
