"""All runs at a glance: settings and key numbers of each, kept beside the runs so that a thousand take no second."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from forecast.runs.io import read_bytes
from forecast.runs.labels import Labels, read_labels
from forecast.runs.manifest import FILES, LABELS
from pipelines.errors import ForecastError, RunError
from pipelines.files import write_atomically

_FILE = ".overview.json"
_MOST = 1 << 28  # bytes that are cached
_VERSION = 3  # of what is cached: another one is read anew
NUMBERS = ("sharpe", "annual_return", "total_return", "max_drawdown", "trades", "exposure")
"""Of performance, for each model of a run."""

Signature = list[Any]


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """One run in a list.

    status: "finished", "unfinished" (its training goes on) or "unreadable" (see problem). settings: its experiment's.
    backtests: names, oldest first; the numbers are those of the newest. skill, money: its verdict's answers.
    performance: model -> NUMBERS of its ensemble.
    """

    run: str
    status: str
    symbol: str = ""
    created_at: str = ""
    models: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    backtests: tuple[str, ...] = ()
    skill: str | None = None
    money: str | None = None
    performance: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    note: str = ""
    tags: tuple[str, ...] = ()
    experiment: str = ""
    problem: str = ""

    @property
    def model(self) -> str | None:
        """The model whose numbers stand for the run: its LSTM, or its first network."""
        measured = [model for model in self.models if model in self.performance]
        return "lstm" if "lstm" in measured else measured[0] if measured else None

    def number(self, name: str) -> float | None:
        """One of NUMBERS, of that model; None where there is none."""
        return self.performance[self.model].get(name) if self.model is not None else None


def summaries(runs: Path) -> list[RunSummary]:
    """Every run below a folder, newest first; one that is damaged says so. What has not changed is not read again."""
    cached = _read(runs / _FILE)
    fresh: dict[str, tuple[Signature, RunSummary]] = {}
    for entry in sorted(os.scandir(runs), key=lambda entry: entry.name) if runs.is_dir() else []:
        if (signature := _signature(entry.path)) is None:
            continue
        before = cached.get(entry.name)
        if before is None or before[0] != signature:
            before = signature, _summarise(Path(entry.path))
        fresh[entry.name] = before
    if fresh != cached:
        _write(runs / _FILE, fresh)
    return sorted(
        (summary for _, summary in fresh.values()), key=lambda summary: (summary.created_at, summary.run), reverse=True
    )


def differing_settings(listed: Sequence[RunSummary]) -> list[str]:
    """The settings that are not the same in all of these runs that have them, the symbol aside."""
    names = dict.fromkeys(name for summary in listed for name in summary.settings if name != "symbol")
    return [name for name in names if len({repr(run.settings[name]) for run in listed if name in run.settings}) > 1]


def _signature(folder: str) -> Signature | None:
    """What changes whenever a run does: times and sizes of its files. None where there is no run.

    A folder with predictions and no run.json is one that was damaged.
    """
    about = _stat(f"{folder}/run.json")
    if about is None and _stat(f"{folder}/predictions.parquet") is None:
        return None
    try:
        with os.scandir(f"{folder}/backtests") as entries:
            backtests = sorted([entry.name, entry.stat().st_mtime_ns] for entry in entries)
    except OSError:
        backtests = []
    present = [_stat(f"{folder}/{name}") is not None for name in ("bars.parquet", "predictions.parquet")]
    return [about, _stat(f"{folder}/{LABELS}"), *present, backtests]


def _stat(path: str) -> list[int] | None:
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return [status.st_mtime_ns, status.st_size]


def _summarise(folder: Path) -> RunSummary:
    """Reads one run; whatever is wrong with it is said in the summary."""
    from forecast.runs.run import Run  # with pandas, which a list that is up to date does not need

    run = Run(folder)
    try:
        labels, problem = read_labels(run), ""
    except RunError as error:
        labels, problem = Labels(), str(error)
    labelled: dict[str, Any] = {
        "run": run.name,
        "note": labels.note,
        "tags": labels.tags,
        "experiment": labels.experiment,
    }
    try:
        about = run.describe()
        config = about["config"]
        summary = RunSummary(
            **labelled,
            status="finished" if run.finished else "unfinished",
            symbol=str(config.get("symbol", "")),
            created_at=run.created_at.isoformat(),
            models=tuple(map(str, config.get("models", ()))),
            settings=config,
            backtests=tuple(run.backtests()),
            problem=problem,
        )
    except (ForecastError, OSError, TypeError) as error:
        return RunSummary(**labelled, status="unreadable", problem=str(error))
    if missing := [name for name in about.get(FILES, {}) if not (folder / name).exists()]:
        problem = f"{missing[0]} of run folder {folder.name} is missing. Train it again: forecast train --overwrite."
        return replace(summary, status="unreadable", problem=problem)
    if partial := run.partial_backtests():
        problem = f"metrics.json of backtest {partial[0]} is missing. Make it again: forecast backtest {run.name}."
        summary = replace(summary, problem=problem)
    if not summary.backtests:
        return summary
    try:
        metrics = run.metrics(summary.backtests[-1])
        verdict = metrics["verdict"]
        return replace(
            summary,
            skill=verdict["skill"],
            money=verdict["money"],
            performance={
                str(model): {name: measures["ensemble"].get(name) for name in NUMBERS}
                for model, measures in metrics["performance"].items()
            },
        )
    except (ForecastError, OSError, KeyError, TypeError, AttributeError) as error:
        return replace(summary, problem=f"Backtest {summary.backtests[-1]}: {error}")


def _read(path: Path) -> dict[str, tuple[Signature, RunSummary]]:
    """What was kept, nothing where it is missing, damaged or of another version."""
    names = {column.name for column in fields(RunSummary)}
    try:
        content = json.loads(read_bytes(path, most=_MOST))
        if content["version"] != _VERSION:
            return {}
        entries = {}
        for name, (signature, values) in content["runs"].items():
            if set(values) != names:
                return {}
            lists = {key: tuple(values[key]) for key in ("models", "backtests", "tags")}
            entries[name] = signature, RunSummary(**{**values, **lists})
        return entries
    except (RunError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _write(path: Path, entries: Mapping[str, tuple[Signature, RunSummary]]) -> None:
    content = {
        "version": _VERSION,
        "runs": {name: [mark, asdict(summary)] for name, (mark, summary) in entries.items()},
    }
    try:
        write_atomically(path, json.dumps(content, separators=(",", ":")).encode())
    except OSError:  # a folder that can only be read is listed all the same, a little slower
        return
