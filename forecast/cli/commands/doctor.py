"""`forecast doctor`: what is here, what is missing."""

import os
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from forecast.cli.context import CliContext, json_option, print_json
from forecast.cli.text import display_width, say, terminal_width
from forecast.report import formatting
from pipelines.errors import ConfigError
from pipelines.files import place_of_temporary_files

_LITTLE_ROOM = 100 * 10**6  # bytes: less than a training and its report


@click.command("doctor")
@json_option
@click.pass_obj
def command(settings: CliContext, as_json: bool) -> None:
    """Versions, backend, folders and their disks, store, runs, trial log, calendars; what is wrong stands in capitals.

    Imports no network library. A check that fails says why, and the others go on.

    \b
    Example:
      forecast doctor --json
    """
    checks: dict[str, Callable[[], Any]] = {
        "versions": _versions,
        "backend": _backend,
        "gpu": _gpu,
        "cores": _cores,
        "data_dir": lambda: _folder(settings.data_dir),
        "reports_dir": lambda: _folder(settings.reports_dir),
        "temporary folder": _temporary_folder,
        "shared memory": _shared_memory,
        "store": lambda: _store(settings),
        "runs": lambda: _runs(settings),
        "trial log": lambda: _trial_log(settings),
        "calendars": lambda: _calendars(settings),
        "clock": lambda: clock(settings.store, now=datetime.now(UTC)),
    }
    answers = {name: _answer(check) for name, check in checks.items()}
    if as_json:
        print_json({name.replace(" ", "_"): value for name, value in answers.items()})
        return
    for name, value in answers.items():
        if isinstance(value, dict):
            click.echo(f"{name}:")
            for key, entry in value.items():
                say(f"  {key:<20} {entry}")
        else:
            _say_beside(name, str(value))


def _say_beside(name: str, value: str) -> None:
    """A name and its value on one line, where there is no room for that, the value below."""
    line, width = f"{name:<22} {value}", terminal_width()
    if width is None or display_width(line) <= width:
        say(line)
    else:
        say(f"{name}\n  {value}")


def _answer(check: "Callable[[], Any]") -> Any:
    """What a check says; one that fails says why, and the others go on."""
    try:
        return check()
    except Exception as error:  # whatever is broken here is what the doctor was asked for
        return f"NOT CHECKED, {type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    versions = {"python": sys.version.split()[0]}
    for package in ("tick-forecast", "keras", "tensorflow", "numpy", "pandas", "deltalake", "yfinance", "scikit-learn"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "missing: pip install tick-forecast"
    return versions


def _backend() -> str:
    from forecast.compute import backend

    return ", ".join(backend.installed()) or "none: pip install tick-forecast"


def _gpu() -> str:
    from forecast.compute import backend

    return backend.gpu()


def _cores() -> int:
    from forecast.compute.processes import cores

    return cores()


def _folder(folder: Path) -> str:
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not nearest.is_dir():
        return f"{folder} (CANNOT BE USED: {nearest} is a file)"
    if not os.access(nearest, os.W_OK):
        return f"{folder} (CANNOT BE WRITTEN)"
    return f"{folder} (can be written, {_room(nearest)})"


def _room(folder: Path) -> str:
    """How much is free on the disk of a folder."""
    free = shutil.disk_usage(folder).free
    text = (
        f"{formatting.number(free / 1e9, 1)} GB free" if free >= 1e9 else f"{formatting.number(free / 1e6, 1)} MB free"
    )
    return text if free >= _LITTLE_ROOM else f"DISK NEARLY FULL: {text}"


def _temporary_folder() -> str:
    try:
        return _folder(place_of_temporary_files())
    except ConfigError:
        return "NONE CAN BE WRITTEN: set TMPDIR to a folder of your own"


def _shared_memory() -> str:
    """Only said: workers talk through pipes, so that training goes on without it."""
    folder = Path("/dev/shm")  # noqa: S108  # looked at, nothing is written there
    return f"{_folder(folder)}, not needed" if folder.is_dir() else "none, not needed"


def _store(settings: CliContext) -> str:
    from pipelines.errors import ForecastError
    from pipelines.store.store import Store

    if "://" not in str(settings.store) and "CANNOT" in (place := _folder(Path(settings.store))):
        return place
    try:
        catalogue = Store(settings.store).catalogue()
    except ForecastError as error:
        return str(error)
    if not len(catalogue):
        return "empty"
    symbols = formatting.plural(int(catalogue["symbol"].nunique()), "symbol")
    return f"{symbols}, {formatting.plural(int(catalogue['rows'].sum()), 'row')}"


def clock(store: "Path | str", *, now: datetime) -> str:
    """The time, and whether prices are newer than it. store: as `CliContext` has it."""
    import pandas as pd

    from pipelines.store.store import Store

    catalogue = Store(store).catalogue()
    text = f"{now:%Y-%m-%d %H:%M} UTC"
    if not len(catalogue):
        return text
    times = pd.to_datetime(catalogue["last"], utc=True)
    place = int(times.to_numpy().argmax())
    newest, symbol = times.iloc[place], catalogue["symbol"].iloc[place]
    if newest <= now:
        return text
    return f"{text}, BEHIND: the newest price of {symbol} is of {newest:%Y-%m-%d %H:%M}; set the clock"


def _runs(settings: CliContext) -> str:
    from forecast.runs.catalog import list_runs

    runs = list_runs(settings.runs)
    problems = [problem for run in runs if (problem := run.problem) is not None]
    unfinished = sum(not run.finished for run in runs) - len(problems)
    return "; ".join([f"{len(runs)} ({unfinished} unfinished, {len(problems)} unreadable)", *problems])


def _trial_log(settings: CliContext) -> str:
    from forecast.runs import trial_log

    path = settings.runs / trial_log.FILE
    nearest = path if path.exists() else next(parent for parent in path.absolute().parents if parent.exists())
    log = trial_log.read(settings.runs)
    state = "can be written" if os.access(nearest, os.W_OK) else "CANNOT BE WRITTEN: nothing can be trained or tried"
    return "; ".join([f"{log.trial_count} configurations tried ({state})", *log.problems])


def _calendars(settings: CliContext) -> str:
    """Sessions that exchanges published and their calendars lack here, for the calendars of the stored series."""
    from pipelines.errors import ForecastError
    from pipelines.market.known_sessions import KNOWN_SESSIONS, contradictions
    from pipelines.store.store import Store

    try:
        stored = Store(settings.store).catalogue()
        names = {str(calendar) for calendar in stored["calendar"]} if len(stored) else set()
    except ForecastError:
        names = set()
    checked = sorted(names & {sessions.calendar for sessions in KNOWN_SESSIONS}) or ["XNYS"]
    errors = [f"{name} {contradiction}" for name in checked for contradiction in contradictions(name)]
    return (
        "; ".join(
            [
                f"{', '.join(checked)}: {formatting.plural(len(errors), 'session')} CONTRADICT the exchange's own",
                *errors,
            ]
        )
        if errors
        else (f"{', '.join(checked)}: as the exchanges published them")
    )
