"""Windows + folds + experiment -> fitted members and their out-of-sample predictions, saved one by one."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from forecast import backend, runs, trials, workers
from forecast.dataset import Dataset, bars_per_year, fingerprint, load_bars, prepare
from forecast.experiment import Experiment
from forecast.runs import Run
from forecast.workers import Task
from pipelines.market import Bars, Floats, Times
from pipelines.store import Store


class Progress(Protocol):
    """What training tells while it runs."""

    def begin(self, *, total: int, done: int) -> None:
        """So many members, of which so many were finished before."""

    def advance(self, task: Task, *, epochs: int) -> None:
        """One more member is saved."""

    def note(self, message: str) -> None:
        """Something a person should know."""


def train(
    experiment: Experiment, *, store: Store, folder: Path, command: str, jobs: int, fresh: bool, progress: Progress
) -> Run:
    """Trains every member that is not finished yet and returns the finished run, which becomes the latest.

    The run's name follows from the experiment, the bars and the versions, so the same command finds the same run:
    finished, it is returned as it is; interrupted, it goes on from the last finished member. fresh: train it anew.

    Raises:
        ForecastError: no such prices, too little history, an impossible experiment, dying workers.
    """
    prices, price_scale = load_bars(store, experiment)
    dataset = prepare(prices, experiment)
    versions, data = backend.versions(), fingerprint(prices)
    identity = experiment.fingerprint(data=data, versions=versions, backend=backend.name())
    kind = (experiment.bars or experiment.interval).replace(":", "-")
    run = Run(folder / f"{experiment.symbol}-{kind}-{identity[:10]}")
    if fresh:
        runs.discard(run)
    if not run.finished:
        description = {
            "run": run.name,
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": command,
            "config": experiment.to_json(),
            "data": {**_describe_bars(prices), "fingerprint": data, "price_scale": price_scale},
            "folds": [_describe_fold(dataset, number) for number in range(experiment.folds)],
            "seeds": list(range(experiment.seeds)),
            "versions": versions,
            "backend": backend.name(),
        }
        trials.record(folder, experiment, run=run.name)
        runs.create_run(folder, run.name, description=description, bars=_bars_frame(prices))
        with run.locked():
            _fit_members(run, dataset, experiment, jobs=jobs, progress=progress)
    runs.set_latest(folder, run)
    return run


def _fit_members(run: Run, dataset: Dataset, experiment: Experiment, *, jobs: int, progress: Progress) -> None:
    began = time.monotonic()
    members: list[Task] = [
        (model, fold.number, seed)
        for fold in dataset.folds
        for seed in range(experiment.seeds)
        for model in experiment.models
    ]
    found = {task: content for task in members if (content := run.found(*task)) is not None}
    left = [task for task in members if task not in found]
    progress.begin(total=len(members), done=len(found))
    for task, fitted in workers.fit_all(left, dataset=dataset, experiment=experiment, jobs=jobs, note=progress.note):
        model, number, seed = task
        scaler = dataset.scalers[number]
        content = {name: getattr(fitted, name) for name in ("probability", "loss", "val_loss", "seconds")}
        description = {
            "architecture": fitted.architecture.to_json(),
            "parameters": fitted.parameters,
            "features": list(experiment.features),
            "scaler": {"mean": scaler.mean.tolist(), "scale": scaler.scale.tolist()},
            "fold": number,
            "seed": seed,
        }
        run.save_member(model, number, seed, weights=fitted.weights, description=description, found=content)
        found[task] = content
        progress.advance(task, epochs=len(fitted.loss))
    run.finish(
        predictions=pd.concat([_predictions(dataset, task, found[task]) for task in members], ignore_index=True),
        history=pd.concat([_history(task, found[task]) for task in members], ignore_index=True),
        seconds=time.monotonic() - began,
    )


def _predictions(dataset: Dataset, task: Task, found: dict[str, Floats]) -> pd.DataFrame:
    model, number, seed = task
    windows, rows = dataset.windows, dataset.folds[number].test
    return pd.DataFrame(
        {
            "symbol": dataset.bars.symbol,
            "model": model,
            "fold": number,
            "seed": seed,
            "decided_at": _utc(windows.decided_at[rows]),
            "entry_at": _utc(windows.entry_at[rows]),
            "exit_at": _utc(windows.exit_at[rows]),
            "probability": found["probability"],
            "target": windows.targets[rows].astype(np.int8),
            "forward_return": windows.forward_return[rows],
        }
    )


def _history(task: Task, found: dict[str, Floats]) -> pd.DataFrame:
    model, number, seed = task
    curves = {name: found[name] for name in ("loss", "val_loss", "seconds")}
    return pd.DataFrame(
        {"model": model, "fold": number, "seed": seed, "epoch": np.arange(1, len(found["loss"]) + 1), **curves}
    )


def _bars_frame(prices: Bars) -> pd.DataFrame:
    values = {name: getattr(prices, name) for name in ("open", "high", "low", "close", "volume")}
    times = {"opened_at": _utc(prices.opened_at), "closed_at": _utc(prices.closed_at)}
    return pd.DataFrame({"symbol": prices.symbol, **times, **values})


def _describe_bars(prices: Bars) -> dict[str, Any]:
    return {
        "bars": len(prices),
        "first": _iso(prices.closed_at[0]),
        "last": _iso(prices.closed_at[-1]),
        "interval": prices.interval,
        "currency": prices.currency,
        "calendar": prices.calendar,
        "adjusted": prices.adjusted,
        "bars_per_year": bars_per_year(prices),
    }


def _describe_fold(dataset: Dataset, number: int) -> dict[str, Any]:
    fold, decided = dataset.folds[number], dataset.windows.decided_at
    parts = {"train": fold.train, "validation": fold.validation, "test": fold.test}
    described: dict[str, Any] = {
        name: {"rows": len(rows), "first": _iso(decided[rows[0]]), "last": _iso(decided[rows[-1]])}
        for name, rows in parts.items()
    }
    return {"number": fold.number, **described}


def _iso(time: np.datetime64) -> str:
    return pd.Timestamp(time).tz_localize("UTC").isoformat()


def _utc(times: Times) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(times).tz_localize("UTC")
