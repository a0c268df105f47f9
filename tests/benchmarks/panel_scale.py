"""A panel as large as professionals have: what each command takes, and the memory of all its processes.

    python -m tests.benchmarks.panel_scale FOLDER [SYMBOLS [YEARS [BACKEND]]]

The symbols are simulated (a common factor and noise of their own); FOLDER keeps their store for the next time.
"""

import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import exchange_calendars
import numpy as np
import pandas as pd

from tests.benchmarks.measure import ROOT


def main() -> None:
    """Prints wall and processor seconds, the peak of proportional memory and the machine's load, command by command."""
    folder, symbols, years, backend = _arguments()
    universe = _universe(folder, symbols=symbols, years=years)
    if not (folder / "data" / "store").exists():
        names = universe.read_text().split()
        _run(folder, "fetch", *names, "--source", "csv", "--file", str(folder / "files" / "{symbol}.csv"), "--quiet")
    print(f"{symbols} symbols, {years} years, {backend}", flush=True)
    _run(
        folder, "train", f"@{universe}", "--global-model", "--folds", "3", "--seeds", "1", "--epochs", "5",
        "--patience", "0", "--model", "simple_rnn", "--model", "lstm", "--backend", backend,
    )  # fmt: skip
    _run(folder, "backtest", "latest")
    _run(folder, "signal", "latest", "--offline")


def _arguments() -> tuple[Path, int, int, str]:
    """Folder, symbols, years and backend."""
    arguments = sys.argv[1:5]
    _, symbols, years, backend = [*arguments, *("", "300", "15", "jax")[len(arguments) :]]
    return Path(arguments[0]).resolve(), int(symbols), int(years), backend


def _universe(folder: Path, *, symbols: int, years: int) -> Path:
    """The list of the symbols; the files of their prices are made where they are not there."""
    names = [f"P{number:03}" for number in range(symbols)]
    files = folder / "files"
    if not files.exists():
        files.mkdir(parents=True)
        calendar = exchange_calendars.get_calendar("XNYS", start="2000-01-03")  # its own start moves with the day
        sessions = calendar.sessions_in_range("2000-01-03", f"{2000 + years}-01-03")
        rng = np.random.default_rng(14)
        market = rng.normal(0.0002, 0.009, size=len(sessions))
        for name in names:
            _history(sessions, market, rng).to_csv(files / f"{name}.csv")
    universe = folder / "universe.txt"
    universe.write_text("\n".join(names) + "\n")
    return universe


def _history(sessions: pd.DatetimeIndex, market: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Daily prices of one symbol: its part of the market's moves, and its own."""
    moves = rng.uniform(0.6, 1.4) * market + rng.normal(0, 0.015, size=len(sessions))
    close = 50 * np.exp(np.cumsum(moves))
    opens = close * np.exp(-moves / 2 + rng.normal(0, 0.004, size=len(sessions)))
    high = np.maximum(opens, close) * np.exp(np.abs(rng.normal(0, 0.004, size=len(sessions))))
    low = np.minimum(opens, close) * np.exp(-np.abs(rng.normal(0, 0.004, size=len(sessions))))
    volume = rng.integers(100_000, 5_000_000, size=len(sessions))
    frame = {"open": opens, "high": high, "low": low, "close": close}
    return pd.DataFrame(frame, index=pd.Index(sessions, name="date")).round(4).assign(volume=volume)


def _run(folder: Path, *arguments: str) -> None:
    """Runs one command in a process of its own; what it prints stands in a file of its name."""
    places = ["--data-dir", str(folder / "data"), "--reports-dir", str(folder / "reports")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    began, before = time.perf_counter(), _processor()
    with open(folder / f"{arguments[0]}.log", "w", encoding="utf-8") as log:
        program = subprocess.Popen(
            [sys.executable, "-m", "forecast", *places, *arguments],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        peak = _watch(program)
    wall, used = time.perf_counter() - began, _processor() - before
    print(
        f"{arguments[0]}: exit {program.returncode}, {wall:.1f} s, {used:.1f} s of processor time, at most "
        f"{peak / 2**20:,.0f} MiB, load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def _processor() -> float:
    """Processor seconds of the commands that have ended, their workers included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _watch(program: subprocess.Popen[bytes]) -> int:
    """The most proportional memory in bytes of the program and its descendants together, looked at twice a second."""
    peak, ended = 0, threading.Event()
    threading.Thread(target=lambda: ended.set() if program.wait() is not None else None, daemon=True).start()
    while not ended.wait(0.5):
        peak = max(peak, sum(_proportional(pid) for pid in _family(program.pid)))
    return peak


def _family(first: int) -> list[int]:
    """A process and its descendants."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:  # ended meanwhile
            continue
    family = [first]
    for pid in family:
        family += [child for child, parent in parents.items() if parent == pid]
    return family


def _proportional(pid: int) -> int:
    """Bytes of a process, a page that several share counted in parts; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


if __name__ == "__main__":
    main()
