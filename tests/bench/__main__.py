"""`make bench`: every benchmark in turn, a JSON line a result, then a table. `python -m tests.bench accept idle` runs some."""

import contextlib
import io
import json
import subprocess
import sys

from tests.bench.harness import PYTHON, ROOT

ALL = ("accept", "slow_sync", "delivery", "latency", "store_bytes", "store_scaling", "idle", "screen", "fleet")


def main(names: tuple[str, ...]) -> int:
    rows = []
    for name in names or ALL:
        process = subprocess.Popen([PYTHON, "-m", f"tests.bench.{name}"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            with contextlib.suppress(json.JSONDecodeError):
                rows.append(json.loads(line))
        if process.wait():
            print(json.dumps({"bench": name, "error": f"exited with {process.returncode}"}), flush=True)
    print(_table(rows))
    return 0


def _table(rows: list[dict[str, object]]) -> str:
    out = io.StringIO()
    out.write(f"\n{'what':66} {'seen':>12}  {'limit':>10}\n")
    for row in rows:
        if "value" in row:
            out.write(f"{row['bench']!s:66} {row['value']!s:>10} {row['unit']!s:<2} {row['limit']!s:>10}\n")
    return out.getvalue()


if __name__ == "__main__":
    sys.exit(main(tuple(sys.argv[1:])))
