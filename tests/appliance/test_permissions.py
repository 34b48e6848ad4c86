"""Files that hold secrets: shut to everybody else, and open to the service that reads them."""

import grp
import os
from pathlib import Path

import msgspec
import pytest

from daemon.appliance.finding import Level
from tests.appliance.test_doctor import SECRETS, TWILIO, configured, found, of, wrong


async def test_secrets_that_lie_open_are_shut_when_asked(tmp_path: Path) -> None:
    settings = configured(tmp_path, TWILIO, SECRETS)
    (tmp_path / ".env").chmod(0o640)
    assert wrong(await found(settings)) == ["permissions"]
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o640
    assert wrong(await found(settings, fix=True)) == []
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files away takes root")
async def test_a_key_that_the_service_reads_by_its_group_lies_as_it_should(tmp_path: Path) -> None:
    """As docs/security.md has it be laid (root's, 0640, the service's group): shut to that group the service could not start again."""
    data, key = tmp_path / "data", tmp_path / "tls.key"
    data.mkdir()
    os.chown(data, 1, 2)
    key.write_text("key")
    os.chown(key, 0, 2)
    settings = configured(tmp_path, '[data]\npath = "data/tether.db"\n')
    settings = msgspec.structs.replace(settings, hook=msgspec.structs.replace(settings.hook, tls_key="tls.key"))

    async def said(mode: int) -> tuple[list[str], int]:
        key.chmod(mode)
        told = of(await found(settings, fix=True), "permissions")
        return [each.remedy for each in told if each.level is Level.PROBLEM], key.stat().st_mode & 0o777

    assert await said(0o640) == ([], 0o640)
    assert await said(0o644) == ([], 0o640)
    os.chown(key, 0, 0)
    assert await said(0o644) == ([f"chgrp {grp.getgrgid(2).gr_name} {key} && chmod 640 {key}"], 0o644)
    os.chown(key, 1, 2)
    assert await said(0o640) == ([], 0o600)


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files away takes root")
async def test_a_file_that_only_root_can_read_is_no_use_to_the_service(tmp_path: Path) -> None:
    """The doctor, as root, read it, and the next start ended with 78."""
    data, key, shut = tmp_path / "data", tmp_path / "tls.key", tmp_path / "live"
    for folder in (data, shut):
        folder.mkdir()
    os.chown(data, 1, 2)
    shut.chmod(0o700)
    for file in (key, shut / "tls.pem"):
        file.write_text("pem")
        file.chmod(0o600)
    settings = configured(tmp_path, '[data]\npath = "data/tether.db"\n')
    (tmp_path / "tether.toml").chmod(0o600)
    hook = msgspec.structs.replace(settings.hook, tls_key="tls.key", tls_cert="live/tls.pem")
    settings = msgspec.structs.replace(settings, hook=hook)

    async def said() -> list[str]:
        told = of(await found(settings), "permissions")
        return [f"{each.summary} -> {each.remedy}" for each in told if each.level is Level.PROBLEM]

    by_key, by_cert, by_toml = await said()
    group = grp.getgrgid(2).gr_name
    assert f"{key} can't be read by the service's user" in by_key
    assert by_key.endswith(f"-> chgrp {group} {key} && chmod 640 {key}")
    assert f"{shut} is shut to it" in by_cert
    assert f"{tmp_path / 'tether.toml'} can't be read" in by_toml
    for path, mode in ((key, 0o640), (tmp_path / "tether.toml", 0o640), (shut, 0o751), (shut / "tls.pem", 0o644)):
        os.chown(path, 0, 2)
        path.chmod(mode)
    assert await said() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files away takes root")
async def test_texts_that_only_root_can_read_are_told(tmp_path: Path) -> None:
    """Copied by root from a home: `tether templates check`, as root, was content with them."""
    data, texts = tmp_path / "data", tmp_path / "templates"
    text = texts / "en" / "order.ready.sms.j2"
    data.mkdir()
    os.chown(data, 1, 2)
    text.parent.mkdir(parents=True)
    text.write_text("{{ order.ref }} is ready")
    settings = configured(tmp_path, '[data]\npath = "data/tether.db"\n')
    (tmp_path / "tether.toml").chmod(0o644)

    async def said() -> list[tuple[str, str]]:
        told = of(await found(settings), "permissions")
        return [(each.summary, each.remedy) for each in told if each.level is Level.PROBLEM]

    assert await said() == []
    texts.chmod(0o700)
    [(what, remedy)] = await said()
    assert f"{texts} can't be read by the service's user" in what
    assert remedy.startswith(f"chmod -R a+rX {texts}")
    texts.chmod(0o755)
    text.chmod(0o600)
    [(what, _)] = await said()
    assert f"{text} can't be read by the service's user" in what
