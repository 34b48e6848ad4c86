"""Counts how often a process has the disk sync, by a library that stands in front of the C library's own calls."""

import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
static unsigned long *counter(void) {
  static unsigned long *count;
  if (count) return count;
  int file = open(getenv("TETHER_BENCH_SYNCS"), O_RDWR);
  return count = mmap(0, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
}
int fsync(int fd) { int (*real)(int) = dlsym(RTLD_NEXT, "fsync"); __sync_fetch_and_add(counter(), 1); return real(fd); }
int fdatasync(int fd) { int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync"); __sync_fetch_and_add(counter(), 1); return real(fd); }
"""


def counting(place: Path) -> tuple[Mapping[str, str], Callable[[], int]]:
    """The environment of a process whose syncs are to be counted, and their number so far (0 where there is no C compiler)."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return {}, lambda: 0
    library, count = place / "syncs.so", place / "syncs"
    count.write_bytes(bytes(8))
    (place / "syncs.c").write_text(SHIM)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(place / "syncs.c"), "-ldl"], check=True)
    environment = {"LD_PRELOAD": str(library), "TETHER_BENCH_SYNCS": str(count)}
    return environment, lambda: int.from_bytes(count.read_bytes(), "little")
