"""A card that takes 20 ms to sync: events accepted a second at 64 connections, over 64 for each sync (group commit at work)."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.bench.harness import config, folder, load, result, running

SYNC_SECONDS = 0.020
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
int fsync(int fd) { int (*real)(int) = dlsym(RTLD_NEXT, "fsync"); usleep(20000); return real(fd); }
int fdatasync(int fd) { int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync"); usleep(20000); return real(fd); }
"""


def shim(place: Path) -> Path | None:
    """A library that slows syncs down; None where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    (place / "slow.c").write_text(SHIM)
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", str(place / "slow.so"), str(place / "slow.c"), "-ldl"], check=True
    )
    return place / "slow.so"


def main(seconds: float = 5.0) -> None:
    with folder() as place:
        library = shim(place)
        if library is None:
            print("no C compiler here: the slow card is not measured", file=sys.stderr)
            return
        file = config(place)
        with running(file, env={"LD_PRELOAD": str(library)}) as service:
            load(service.url, service.token, 64, 1.0)
            rate = load(service.url, service.token, 64, seconds)["rps"]
    limit = 64 / SYNC_SECONDS
    result("accept with syncs of 20 ms, over 64 / sync", rate / limit, unit="x", limit=">= 0.9", per_second=rate)


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
