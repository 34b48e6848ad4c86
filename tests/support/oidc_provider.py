"""A provider of OpenID Connect as a process of its own: PyPI's `oidc-provider-mock`, which asks for no password and checks all else."""

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import pytest

from tests.support.busy import PROCESS_SECONDS
from tests.support.ports import free_port


@contextmanager
def oidc_provider() -> Iterator[str]:
    """Its address. Skips the test where it isn't installed."""
    if find_spec("oidc_provider_mock") is None:
        pytest.skip("no provider of OpenID Connect here: pip install oidc-provider-mock")
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "oidc_provider_mock", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://localhost:{port}"
    try:
        _wait(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(60)


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + PROCESS_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            urllib.request.urlopen(f"{url}/.well-known/openid-configuration", timeout=2).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"the provider did not start, or ended ({process.poll()})")
