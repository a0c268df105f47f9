"""What the index shows of each run's newest backtest, kept beside the runs: only what has changed is read again."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from forecast.config import model_registry
from forecast.report import formatting
from forecast.report.sections.verdict import verdict_text
from forecast.runs.io import read_bytes
from forecast.runs.overview import RunSummary
from forecast.runs.run import Run
from forecast.statistics.comparisons import BUY_AND_HOLD
from forecast.statistics.verdict import Verdict
from pipelines.errors import RunError
from pipelines.files import write_atomically

_FILE = ".index.json"
_FORMAT = 1  # of what is kept: raised with every change of a sentence or a picture
_PICTURE = {"own", "held", "colour", "end"}
_WIDTH, _HEIGHT = 100, 28  # of a growth picture
_MOST = 1 << 28  # bytes that are kept: of some ten thousand runs
_READ = ("run.json", "backtests/{}/manifest.json", "backtests/{}/metrics.json")


@dataclass(frozen=True, kw_only=True)
class BacktestRow:
    """What a run's newest backtest says, or why there is none. verdict: without its caveats, None where unreadable.

    growth: a model and buy-and-hold as the points of two lines, on one logarithmic scale, and what it ends at.
    """

    sentence: str
    verdict: Verdict | None = None
    growth: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class _CachedRow:
    """A row and the mark of the files that it was read from."""

    mark: list[Any]
    row: BacktestRow


def backtest_rows(runs: Path, listed: Sequence[RunSummary]) -> dict[str, BacktestRow]:
    """Name of a run below that folder -> its row."""
    cached = _read(runs / _FILE)
    fresh: dict[str, _CachedRow] = {}
    rows = {}
    for summary in listed:
        if (why := _why_none(summary)) is not None:
            rows[summary.run] = BacktestRow(sentence=why)
            continue
        mark, before = _mark(runs / summary.run, summary), cached.get(summary.run)
        if before is not None and before.mark == mark:
            entry = before
        elif (row := _row(Run(runs / summary.run), summary)).verdict is None:
            rows[summary.run] = row
            continue
        else:
            entry = _CachedRow(mark=mark, row=row)
        fresh[summary.run], rows[summary.run] = entry, entry.row
    if any(cached.get(name) is not entry for name, entry in fresh.items()) or cached.keys() - fresh.keys():
        _write(runs / _FILE, fresh)
    return rows


def _why_none(summary: RunSummary) -> str | None:
    if summary.status == "unfinished":
        return "Not finished. The same 'forecast train' resumes it."
    if summary.status == "unreadable":
        return f"Cannot be read: {summary.problem}"
    if not summary.backtests:
        return f"No backtest yet: forecast backtest {summary.run}"
    return None


def _row(run: Run, summary: RunSummary) -> BacktestRow:
    try:
        metrics = run.metrics(summary.backtests[-1])
        verdict = Verdict.from_json(metrics["verdict"])
        growth = metrics.get("growth") or {}
        return BacktestRow(
            sentence=" ".join(verdict_text(metrics, symbol=summary.symbol).sentences),
            verdict=replace(verdict, caveats=()),
            growth=_picture(growth, summary.model) if growth and summary.model is not None else None,
        )
    except (RunError, KeyError, TypeError, AttributeError) as error:
        return BacktestRow(sentence=f"Cannot be read: {error}")


def _picture(growth: Mapping[str, Sequence[float]], model: str) -> dict[str, str] | None:
    lines = {name: np.log(np.maximum(growth[name], 1e-6)) for name in (model, BUY_AND_HOLD) if growth.get(name)}
    if model not in lines:
        return None
    low, high = min(line.min() for line in lines.values()), max(line.max() for line in lines.values())
    scale = (_HEIGHT - 2) / max(float(high - low), 1e-9)

    def points(line: Any) -> str:
        x = np.linspace(0, _WIDTH, len(line)).round(1)
        y = (_HEIGHT - 1 - scale * (line - low)).round(1)
        return " ".join(f"{at:g},{height:g}" for at, height in zip(x, y, strict=True))

    return {
        "own": points(lines[model]),
        "held": points(lines[BUY_AND_HOLD]) if BUY_AND_HOLD in lines else "",
        "colour": model_registry.colour(model),
        "end": formatting.number(growth[model][-1]),
    }


def _mark(folder: Path, summary: RunSummary) -> list[Any]:
    """What is another one whenever the row is: sizes and times of the files that are read."""
    files: list[Any] = []
    for name in _READ:
        try:
            status = os.lstat(f"{folder}/{name.format(summary.backtests[-1])}")
            files.append([status.st_mtime_ns, status.st_size])
        except OSError:
            files.append(None)
    return [summary.backtests[-1], summary.symbol, summary.model, files]


def _to_json(row: BacktestRow) -> list[Any]:
    return [row.sentence, None if row.verdict is None else row.verdict.to_json(), row.growth]


def _from_json(content: list[Any]) -> BacktestRow:
    sentence, verdict, growth = content
    if growth is not None and not (
        growth.keys() == _PICTURE and all(isinstance(text, str) for text in growth.values())
    ):
        raise TypeError("no picture")
    return BacktestRow(
        sentence=sentence, verdict=None if verdict is None else Verdict.from_json(verdict), growth=growth
    )


def _read(path: Path) -> dict[str, _CachedRow]:
    """What was kept; nothing where it is missing, damaged or of another version, whose sentences may be others."""
    try:
        content = json.loads(read_bytes(path, most=_MOST))
        if content["version"] != _version():
            return {}
        return {name: _CachedRow(mark=mark, row=_from_json(row)) for name, (mark, row) in content["runs"].items()}
    except (RunError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _write(path: Path, rows: Mapping[str, _CachedRow]) -> None:
    content = {"version": _version(), "runs": {name: [entry.mark, _to_json(entry.row)] for name, entry in rows.items()}}
    try:
        write_atomically(path, json.dumps(content, separators=(",", ":")).encode())
    except OSError:  # a folder that can only be read is listed all the same, a little slower
        return


def _version() -> str:
    return f"{_FORMAT}, tick-forecast {version('tick-forecast')}"
