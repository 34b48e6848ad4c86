"""Whether the database holds together: its pages, and the chain of its audit."""

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from daemon.appliance.examination import Examination
from daemon.appliance.finding import Finding, advice, ok, problem
from daemon.config import ConfigError, Settings
from daemon.keys.digests import check_key
from daemon.keys.keyring import known
from daemon.upkeep.heads import compared, heads_path, told, words_of
from daemon.upkeep.recover import not_mounted, ruined
from outbox.clock import Clock
from outbox.confirmation import awaited_in
from outbox.errors import KeyChanged, KeyMissing, OutboxError, StorageBusy
from outbox.migrate import migrations
from outbox.proof import prove, trouble_with

PATIENCE = 60.0
"""Seconds that reading all pages may take."""
REMEDY = "start the service anew: it sets a damaged file aside and saves what can be read; or `tether restore latest`"


async def check_database(case: Examination) -> Sequence[Finding]:
    return [*await _look(case), *await asyncio.to_thread(_check_key, case.settings)]


async def _look(case: Examination) -> Sequence[Finding]:
    path = case.settings.database
    if absent := not_mounted(path):
        return [problem("database", absent, "plug it in, and start the service anew")]
    if trouble := ruined(path):
        return [problem("database", f"{path}: {trouble}", REMEDY)]
    if not path.exists():
        return [ok("database", f"{path} will be made at the first start")]
    try:
        found = await asyncio.to_thread(_examine, path, case.clock)
        return [*found, *_unconfirmed(path), *await asyncio.to_thread(_check_heads, case.settings)]
    except StorageBusy as error:
        return [problem("database", str(error), "run the doctor with sudo, or as the service's user")]
    except OutboxError as error:
        return [problem("database", str(error), REMEDY)]
    except sqlite3.Error as error:
        return [problem("database", f"{path}: {error}", REMEDY)]


def _check_key(settings: Settings) -> Sequence[Finding]:
    """Whether the next start has the words that it needs: a running service has them still when they are lost."""
    try:
        check_key(settings)
    except (ConfigError, KeyMissing, KeyChanged) as error:
        return [problem("key", str(error), "without the box's key the service does not start (docs/operations.md)")]
    return []


def _check_heads(settings: Settings) -> Sequence[Finding]:
    """Whether the record still has what was told of it to the outside."""
    try:
        keys = known(settings)
    except ConfigError:  # `_check_key` tells
        return []
    if keys is None:
        return []
    went_out = told(settings, keys)
    bad = [found for found in compared(settings, went_out.ends, keys) if not found.is_well]
    findings = [
        problem(
            "audit",
            words_of(found),
            "compare with a backup from before (`tether restore FILE --dry-run`): somebody wrote into it",
        )
        for found in bad[:1]
    ]
    if went_out.forged:
        findings.append(
            problem(
                "audit",
                f"{heads_path(settings)} holds {went_out.forged} heads that no key of this box has signed",
                "somebody wrote into it, or the words in .env were changed: put the old ones into the file of the key",
            )
        )
    if not findings and went_out.ends:
        findings.append(ok("audit", f"it has all of the {len(went_out.ends)} heads that went out"))
    return findings


def _unconfirmed(path: Path) -> Sequence[Finding]:
    restored = awaited_in(path)
    if restored is None:
        return []
    words = f"{restored.words}: texts to customers wait until somebody has looked"
    return [
        problem("restore", words, "look through `tether orders` and `tether messages`, then `tether restore --confirm`")
    ]


def _examine(path: Path, clock: Clock) -> Sequence[Finding]:
    end = clock.monotonic() + PATIENCE
    trouble = trouble_with(path, whole=True, rows=True, go_on=lambda: clock.monotonic() < end)
    if trouble is None:
        return [
            advice(
                "database", f"it could not all be read within {PATIENCE:.0f} s", "is something else busy with the disk?"
            )
        ]
    if trouble:
        return [problem("database", f"{path} is damaged: {trouble}", REMEDY)]
    proof = prove(path)
    newest = migrations()[-1][0]
    found = [ok("database", f"sound, {path.stat().st_size / 2**20:.1f} MiB, schema {proof.schema}")]
    if proof.schema > newest:
        found = [
            problem(
                "database",
                f"written by a newer Tether (schema {proof.schema}, this one knows {newest})",
                "install that one",
            )
        ]
    if proof.first_bad is not None:
        words = f"the chain breaks at entry {proof.first_bad} of {proof.entries}"
        return [
            *found,
            problem(
                "audit",
                words,
                "`tether audit export` shows what stands around it; a backup made before can tell what was changed",
            ),
        ]
    held = f"the record holds, up to entry {proof.entries}" if proof.entries else "the record is empty"
    return [*found, ok("audit", held)]
