"""The runs of a folder: which there are, which is the newest, and which one a person means."""

import difflib
import re
from collections.abc import Callable
from pathlib import Path

from forecast.runs.run import Run
from pipelines.errors import ForecastError, RunError, did_you_mean
from pipelines.files import write_atomically
from pipelines.market.types import check_symbol

LATEST = "latest"
_NAME = re.compile(r"[A-Za-z0-9^][A-Za-z0-9.\-=^_]{0,120}")
_LONGEST_POINTER = 200
_SLIP = 0.75  # of ten digits two are others, or one is missing


def list_runs(runs: Path) -> list[Run]:
    """The runs below a folder, newest first, unfinished and unreadable ones included.

    The order is that of the times in their run.json, and of their names where those are equal; not that of file times,
    which a copy changes.
    """
    candidates = [run for folder in runs.iterdir() if (run := Run(folder)).exists] if runs.is_dir() else []
    return sorted(candidates, key=lambda run: (run.created_at, run.name), reverse=True)


def newest_runs(runs: Path, *, note: Callable[[str], None] = lambda message: None) -> dict[str, Run]:
    """The newest finished run of each symbol, in order of the alphabet. note: is told of each that is unreadable."""
    newest: dict[str, Run] = {}
    for run in list_runs(runs):
        if (problem := run.problem) is not None:
            note(f"Passed over: {problem}")
        elif run.finished:
            newest.setdefault(run.symbol, run)
    return dict(sorted(newest.items()))


def open_run(runs: Path, name: str = LATEST) -> Run:
    """The run of that name, the newest finished run of that symbol, or the latest one.

    Raises:
        RunError: no such run; the message names the nearest one.
    """
    if name == LATEST:
        return _latest(runs)
    run = named_run(runs, name)
    if run is None:
        run = newest_run(runs, name)
    if run is None:
        raise _unknown(runs, name)
    return run


def named_run(runs: Path, name: str) -> Run | None:
    """The run of that very name, None where there is none."""
    run = Run(runs / name) if _NAME.fullmatch(name) else None
    return run if run is not None and run.exists else None


def newest_run(runs: Path, symbol: str) -> Run | None:
    """The newest finished run of a symbol, None where there is none, or where no symbol has such a name."""
    try:
        return newest_runs(runs).get(check_symbol(symbol))
    except ForecastError:
        return None


def begins_as_a_run(runs: Path, name: str) -> bool:
    """Whether a name begins as that of a run does, with its symbol and bars: no symbol is called so."""
    sound = [run for run in list_runs(runs) if run.problem is None]
    begins = [run.name.rpartition("-")[0].lower() for run in sound if run.name.startswith(f"{run.symbol}-")]
    return any("-" in begin and name.lower().startswith(f"{begin}-") for begin in begins)


def set_latest(runs: Path, run: Run) -> None:
    """Makes `latest` name this run."""
    write_atomically(runs / LATEST, run.name.encode())


def names_latest(runs: Path, run: Run) -> bool:
    """Whether `latest` names this run."""
    return _pointed(runs) == run.name


def _pointed(runs: Path) -> str | None:
    pointer = runs / LATEST
    if not pointer.is_file() or pointer.stat().st_size > _LONGEST_POINTER:
        return None
    return pointer.read_text(encoding="utf-8", errors="replace").strip()


def _latest(runs: Path) -> Run:
    if (name := _pointed(runs)) is not None and (run := named_run(runs, name)) is not None:
        return run
    newest = next((run for run in list_runs(runs) if run.finished), None)  # the one it named was removed
    if newest is None:
        raise RunError(f"Expected a run in {runs}, got none. Train one: forecast train SYMBOL.")
    return newest


def _hashes_alike(name: str, run: str) -> bool:
    """Whether the ends of two names, the hashes of runs, differ by a slip at most, and not as two runs do."""
    ends = (name.rpartition("-")[2].lower(), run.rpartition("-")[2].lower())
    return difflib.SequenceMatcher(None, *ends).ratio() >= _SLIP


def _unknown(runs: Path, name: str) -> RunError:
    listed = list_runs(runs)
    finished = [run for run in listed if run.finished]
    symbols = list(dict.fromkeys(run.symbol for run in finished))
    begun = next((run.name for run in listed if name and run.name.lower().startswith(name.lower())), None)
    alike = [run.name for run in listed if _hashes_alike(name, run.name)]  # one symbol's runs begin alike
    hint = f" Did you mean {begun}?" if begun else did_you_mean(name, [*alike, *symbols])
    if not hint:
        newest = ", ".join(run.name for run in listed[:3])
        hint = f" Newest runs: {newest}." if listed else " There is none yet. Train one: forecast train SYMBOL."
    return RunError(f"Expected the name of a run, a symbol with a finished run, or latest, got {name[:120]!r}.{hint}")
