"""The trial log: everything that was tried, abandoned tries included, one line of JSON each, appended and synced.

A result chosen out of many is worth less than one that was the only try (Bailey & Lopez de Prado 2014), so the count
belongs to the verdict. Each line carries the sha256 of the one before, and a small file beside the log that of the last
one: a line that was edited, or taken out anywhere, is noticed. Who writes all of it anew is not.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from filelock import FileLock

from forecast.config.experiment import Experiment
from forecast.config.trading import Costs, TradingConfig
from forecast.runs.manifest import has_digests
from forecast.runs.run import Run
from pipelines.errors import RunError
from pipelines.files import write_atomically

Kind = Literal["training", "tuning", "backtest", "portfolio", "prediction"]

FILE = "trials.jsonl"
_HEAD = ".trials.head"
_LONGEST_LINE = 1 << 20  # bytes: a panel of a hundred thousand symbols
_OF_ONE_RUN = ("backtest", "portfolio")
_MAKE_A_RUN = ("training", "prediction")
_NOT_CHOSEN = {"spread", *(cost.name for cost in fields(Costs))}


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One line. run: the run, or the portfolio, it is about. name: its backtest. configuration: what makes it another
    try than the others of its kind."""

    kind: Kind
    run: str
    symbols: tuple[str, ...]
    configuration: str
    name: str = ""


@dataclass(frozen=True)
class TrialLog:
    """What was tried in one folder of runs. problems: what is wrong with the log, one line each.

    A training (or forecasts made elsewhere) and the first trading rule that it is judged with are one try, every other
    rule on it is one more; all symbols of a panel are one training. Costs are not chosen: the same rules at other costs
    are no new try.
    """

    trials: tuple[Trial, ...]
    problems: tuple[str, ...] = ()

    @cached_property
    def trial_count(self) -> int:
        """How many different configurations were tried, of all symbols."""
        return self._count(self.trials)

    def of(self, symbol: str) -> int:
        """How many of them were of this symbol, alone or among others."""
        return self._count([trial for trial in self.trials if symbol in trial.symbols])

    @staticmethod
    def _count(trials: Sequence[Trial]) -> int:
        distinct = {
            (trial.kind, trial.run if trial.kind in _OF_ONE_RUN else "", trial.configuration) for trial in trials
        }
        trained = {trial.run for trial in trials if trial.kind in _MAKE_A_RUN}
        judged = {run for kind, run, _ in distinct if kind == "backtest"}
        return len(distinct) - len(judged & trained)


def record_training(folder: Path, experiment: Experiment, *, run: str, **more: Any) -> None:
    """Notes a training before it begins. more: what else makes it another one."""
    _append(folder, _trial("training", experiment, run=run, **more))


def record_tuning(folder: Path, experiment: Experiment, *, run: str, **settings: Any) -> None:
    """Notes a try of other settings before it begins. tried: which."""
    _append(folder, _trial("tuning", experiment, run=run, **settings))


def record_backtest(folder: Path, rules: TradingConfig, *, run: str, symbols: Sequence[str]) -> Trial:
    """Notes that a run is judged with these trading rules, once however often; as the first time named it."""
    chosen = {name: value for name, value in rules.to_json().items() if name not in _NOT_CHOSEN}
    return _append_new(
        folder,
        Trial(kind="backtest", run=run, symbols=tuple(symbols), configuration=_digest_of(chosen), name=rules.name),
    )


def record_portfolio(folder: Path, config: Mapping[str, Any], *, name: str, symbols: Sequence[str]) -> None:
    """Notes that runs are joined into one account, once however often. config: which runs, weights and rules."""
    chosen = {key: value for key, value in config.items() if key not in _NOT_CHOSEN}
    _append_new(
        folder, Trial(kind="portfolio", run=name, symbols=tuple(symbols), configuration=_digest_of(chosen), name=name)
    )


def record_predictions(folder: Path, experiment: Experiment, *, run: str, **more: Any) -> None:
    """Notes that forecasts made elsewhere are judged. more: what makes them others, their sha256 for one."""
    _append(folder, _trial("prediction", experiment, run=run, **more))


def read(folder: Path) -> TrialLog:
    """The log below a folder of runs, and what is wrong with it; a line that a kill cut short is passed over."""
    head = _head(folder)  # before the log: a line that is added meanwhile must not look like a missing one
    try:
        content = (folder / FILE).read_bytes()
    except FileNotFoundError:
        content = b""
    lines = content.split(b"\n")[:-1]
    trials: list[Trial] = []
    problems: list[str] = []
    chained = False
    for number, line in enumerate(lines, start=1):
        entry = _parse(line)
        if entry is None:
            problems.append(f"line {number} cannot be read")
            continue
        previous = entry.get("previous")
        chained = chained or previous is not None
        if chained and previous != (_sha256(lines[number - 2]) if number > 1 else ""):
            problems.append(f"line {number} does not follow from the line before it: lines were edited or removed")
        if (trial := _trial_of(entry)) is None:
            problems.append(f"line {number} does not say what was tried")
        else:
            trials.append(trial)
    if head is not None and (len(lines) < head[0] or (head[0] and _sha256(lines[head[0] - 1]) != head[1])):
        problems.append(f"lines are missing at its end, or the last one was edited: there were {head[0]}")
    problems += _unknown_runs(folder, {trial.run for trial in trials})
    return TrialLog(tuple(trials), tuple(problems))


def _unknown_runs(folder: Path, logged: set[str]) -> Iterator[str]:
    """Runs that lie here and that the log does not know: brought from elsewhere, or the log was cut."""
    runs = sorted(path.parent.name for path in folder.glob("*/run.json")) if folder.is_dir() else []
    unknown = [name for name in runs if name not in logged and _of_this_format(Run(folder / name))]
    if unknown:
        more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
        yield f"it lacks {', '.join(unknown[:3])}{more}"


def _of_this_format(run: Run) -> bool:
    try:
        return has_digests(run.describe())
    except RunError:
        return False


def _append_new(folder: Path, trial: Trial) -> Trial:
    """Notes a try that is not noted yet; as it stands in the log."""
    for logged in read(folder).trials:
        if (logged.kind, logged.run, logged.configuration) == (trial.kind, trial.run, trial.configuration):
            return logged
    _append(folder, trial)
    return trial


def _append(folder: Path, trial: Trial) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    with FileLock(folder / f".{FILE}.lock"), path.open("a+b") as file:
        last = _last_line(file)
        entry = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            **{column.name: getattr(trial, column.name) for column in fields(trial)},
            "previous": _sha256(last) if last else "",
        }
        line = json.dumps(entry).encode()
        file.write(line + b"\n")
        file.flush()
        os.fsync(file.fileno())
        file.seek(0)
        count = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
        write_atomically(folder / _HEAD, f"{count} {_sha256(line)}\n".encode())


def _last_line(file: Any) -> bytes:
    """The last whole line; what a kill left of another one is taken away first, that try never began."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _LONGEST_LINE))
    tail = file.read()
    complete, _, torn = tail.rpartition(b"\n")
    if torn and _parse(torn) is not None:  # an editor has taken the last newline away
        file.write(b"\n")
        return bytes(torn)
    if torn:
        file.truncate(size - len(torn))
    return bytes(complete.rpartition(b"\n")[2])


def _head(folder: Path) -> tuple[int, str] | None:
    """How many lines there were when the last one was added, and its sha256; None where nothing says so."""
    try:
        count, digest = (folder / _HEAD).read_text(encoding="ascii", errors="replace").split()
        return max(0, int(count)), digest
    except FileNotFoundError:
        return None
    except ValueError:
        return None


def _trial(kind: Kind, experiment: Experiment, *, run: str, **more: Any) -> Trial:
    symbols = tuple(sorted(experiment.panel)) or (experiment.symbol,)
    configuration = replace(experiment, symbol=symbols[0]).fingerprint(**more)  # a panel is one try, not one a symbol
    return Trial(kind=kind, run=run, symbols=symbols, configuration=configuration)


def _trial_of(entry: Mapping[str, Any]) -> Trial | None:
    """What a line says; the lines of version 0.1.0 name a symbol and no kind."""
    symbols = entry.get("symbols", [entry.get("symbol")])
    kind, run = entry.get("kind", "training"), entry.get("run", "")
    texts = (run, entry.get("configuration"), entry.get("name", ""))
    if kind not in get_args(Kind) or not isinstance(symbols, list):
        return None
    if not all(isinstance(text, str) for text in (*texts, *symbols)):
        return None
    return Trial(
        kind=kind, run=run, symbols=tuple(symbols), configuration=entry["configuration"], name=entry.get("name", "")
    )


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def _digest_of(content: Mapping[str, Any]) -> str:
    return _sha256(json.dumps(content, sort_keys=True).encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
