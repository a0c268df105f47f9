"""`forecast doctor`: what is here, what is missing."""

import os
import sys
from typing import Any

import click

from forecast.cli.context import CliContext, json_option, print_json
from forecast.cli.text import say


@click.command("doctor")
@json_option
@click.pass_obj
def command(settings: CliContext, as_json: bool) -> None:
    """Versions, backend, threads, store and runs. Imports no network library, so it answers at once.

    \b
    Example:
      forecast doctor --json
    """
    found = {
        "versions": _versions(),
        "backend": _backend(),
        "gpu": _gpu(),
        "cores": _cores(),
        "data_dir": _folder(settings.data_dir),
        "reports_dir": _folder(settings.reports_dir),
        "store": _store(settings),
        "runs": _runs(settings),
    }
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        if isinstance(value, dict):
            click.echo(f"{name}:")
            for key, entry in value.items():
                say(f"  {key:<20} {entry}")
        else:
            say(f"{name:<22} {value}")


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": sys.version.split()[0]}
    for package in ("tick-forecast", "keras", "tensorflow", "numpy", "pandas", "deltalake", "yfinance", "scikit-learn"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing: pip install tick-forecast"
    return found


def _backend() -> str:
    from forecast.compute import backend

    return ", ".join(backend.installed()) or "none: pip install tick-forecast"


def _gpu() -> str:
    from forecast.compute import backend

    return backend.gpu()


def _cores() -> int:
    from forecast.compute.processes import cores

    return cores()


def _folder(folder: Any) -> str:
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return f"{folder} ({'can be written' if os.access(nearest, os.W_OK) else 'cannot be written'})"


def _store(settings: CliContext) -> str:
    from pipelines.errors import ForecastError
    from pipelines.store.store import Store

    try:
        found = Store(settings.store).catalogue()
    except ForecastError as error:
        return str(error)
    return f"{found['symbol'].nunique()} symbols, {int(found['rows'].sum()):,} rows" if len(found) else "empty"


def _runs(settings: CliContext) -> str:
    from forecast.runs.catalog import list_runs

    runs = list_runs(settings.runs)
    problems = [problem for run in runs if (problem := run.problem) is not None]
    unfinished = sum(not run.finished for run in runs) - len(problems)
    return "; ".join([f"{len(runs)} ({unfinished} unfinished, {len(problems)} unreadable)", *problems])
