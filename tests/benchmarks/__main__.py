"""`make bench`: every row of the table, or the ones named (python -m tests.benchmarks a b --rounds 3)."""

import argparse
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from tests.benchmarks import account_rows, other_rows, training_rows

ROWS = {
    "a": training_rows.comparison,
    "b": training_rows.cells,  # prints (c) beside it
    "d": other_rows.windowing,
    "e": other_rows.backtests,
    "f": other_rows.growth,
    "g": other_rows.startup,
    "h": account_rows.portfolios,
    "i": training_rows.workers,
}


def main() -> None:
    """Prints the rows as they are measured."""
    parser = argparse.ArgumentParser(prog="tests.benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help="a, b (with c), d, e, f, g, h, i; none: all")
    parser.add_argument("--rounds", type=int, default=3, help="every contender runs so often, by turns; medians count")
    options = parser.parse_args()
    unknown = sorted(set(options.rows) - ROWS.keys())
    if unknown:
        parser.error(f"need rows out of {', '.join(ROWS)}, got {', '.join(unknown)}")
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}, {', '.join(versions())}", flush=True)
    for name in options.rows or ROWS:
        print(flush=True)
        for line in ROWS[name](rounds=options.rounds):
            print(line, flush=True)
    print(f"\nload average at the end: {', '.join(f'{load:.1f}' for load in os.getloadavg())}")


def machine() -> str:
    """Processor and cores."""
    model = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
        model = names[0] if names else model
    return f"{model}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}"


def versions() -> list[str]:
    """What the contenders are made of."""
    lines = []
    for package in ("tick-forecast", "keras", "tensorflow", "jax", "numpy"):
        try:
            lines.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            lines.append(f"no {package}")
    return lines


if __name__ == "__main__":
    main()
