"""What a run's files hold: run.json, predictions, learning curves and bars, as frames and JSON-ready dicts."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from forecast.compute.task import Task
from forecast.config.architecture import Architecture
from forecast.config.experiment import Experiment
from forecast.datasets import path_targets
from forecast.datasets.dataset import Dataset, MemberRows, bars_per_year, fingerprint
from forecast.datasets.panel import PanelDataset
from forecast.networks.results import FitResult
from pipelines.errors import RunError
from pipelines.market.times import iso, utc, zoned
from pipelines.market.types import Bars, Floats, Times
from pipelines.preprocessing.combinatorial_cv import group_rows, path_folds
from pipelines.preprocessing.windows import Rows

MEMBER_ARRAYS = ("probability", "validation", "loss", "val_loss", "seconds", "path", "validation_path")
"""What is kept of a member besides its weights."""


def describe_run(
    experiment: Experiment,
    dataset: Dataset,
    *,
    name: str,
    command: str,
    fingerprint: str,
    price_scale: float,
    versions: dict[str, str],
    backend: str,
    covariates: Mapping[str, Bars],
    **more: Any,
) -> dict[str, Any]:
    """run.json. covariates: the bars of each. more: user_features, and what else belongs there."""
    return {
        "run": name,
        "created_at": datetime.now(UTC).isoformat(timespec="microseconds"),
        "command": command,
        "config": experiment.to_json(),
        "data": {**describe_bars(dataset.bars), "fingerprint": fingerprint, "price_scale": price_scale},
        "folds": [_describe_fold(dataset, fold.number) for fold in dataset.folds if len(fold.test)],
        "seeds": list(range(experiment.seeds)),
        "parameters": {model: Architecture.of(experiment, model).parameters for model in experiment.models},
        "versions": versions,
        "backend": backend,
        **_describe_covariates(covariates),
        **more,
    }


def describe_panel_run(
    experiment: Experiment,
    dataset: PanelDataset,
    *,
    prices: Mapping[str, Bars],
    price_scales: Mapping[str, float],
    unsuitable: Mapping[str, str],
    name: str,
    command: str,
    versions: dict[str, str],
    backend: str,
    covariates: Mapping[str, Bars],
    **more: Any,
) -> dict[str, Any]:
    """run.json of a panel; data is what its symbols have in common, panel what each has.

    prices: each symbol's bars. covariates: those of each covariate. unsuitable: symbols that were left out, with the
    reason.
    """
    symbols = {
        symbol: {
            **describe_bars(symbol_prices),
            "fingerprint": fingerprint(symbol_prices),
            "price_scale": price_scales[symbol],
        }
        for symbol, symbol_prices in prices.items()
    }
    common = {
        key: Counter(described[key] for described in symbols.values()).most_common(1)[0][0]
        for key in ("interval", "currency", "calendar", "adjusted")
    }
    digests = " ".join(f"{symbol} {described['fingerprint']}" for symbol, described in symbols.items())
    return {
        "run": name,
        "created_at": datetime.now(UTC).isoformat(timespec="microseconds"),
        "command": command,
        "config": experiment.to_json(),
        "data": {
            "bars": sum(described["bars"] for described in symbols.values()),
            "first": min(described["first"] for described in symbols.values()),
            "last": max(described["last"] for described in symbols.values()),
            **common,
            "bars_per_year": float(np.median([described["bars_per_year"] for described in symbols.values()])),
            "fingerprint": hashlib.sha256(digests.encode()).hexdigest(),
            "price_scale": 1.0,
        },
        "folds": [_describe_fold(dataset, fold.number, pieces=False) for fold in dataset.folds],
        "seeds": list(range(experiment.seeds)),
        "parameters": {model: Architecture.of(experiment, model).parameters for model in experiment.models},
        "versions": versions,
        "backend": backend,
        "panel": {"symbols": symbols, "unsuitable": dict(unsuitable)},
        **_describe_covariates(covariates),
        **more,
    }


def _describe_covariates(covariates: Mapping[str, Bars]) -> dict[str, Any]:
    """opened: of the first bar, from which on prices are adjusted."""
    described = {
        symbol: {
            **describe_bars(covariate),
            "opened": iso(covariate.opened_at[0]),
            "fingerprint": fingerprint(covariate),
        }
        for symbol, covariate in covariates.items()
    }
    return {"covariates": described} if described else {}


def describe_member(fitted: FitResult, task: Task, *, dataset: MemberRows, experiment: Experiment) -> dict[str, Any]:
    """What stands beside a member's weights: all that is needed to predict with them."""
    _, number, seed = task
    return {
        "architecture": fitted.architecture.to_json(),
        "parameters": fitted.parameters,
        "features": list(experiment.columns),
        "scaler": dataset.describe_scaler(number),
        "fold": number,
        "seed": seed,
        **({"deviation": fitted.deviation} if fitted.deviation is not None else {}),
        **({"diverged": fitted.diverged} if fitted.diverged is not None else {}),
    }


def predictions(dataset: MemberRows, task: Task, probability: Floats, *, part: str = "test") -> pd.DataFrame:
    """A member's probabilities for the rows of one part of its fold: out of sample for "test"."""
    return _rows(dataset, task, getattr(dataset.folds[task[1]], part), probability)


def path_predictions(dataset: Dataset, experiment: Experiment, probabilities: Mapping[Task, Floats]) -> pd.DataFrame:
    """Predictions of a combinatorial run: each path is a member of its own, from the first window to the last.

    probabilities: of each member's test rows. Column seed numbers the paths, column fold says which fold a row
    of the path comes from; its probability is the mean over that fold's seeds.
    """
    groups = group_rows(len(dataset.windows), groups=experiment.groups)
    paths = path_folds(groups=experiment.groups, tested=experiment.test_groups)
    frames = []
    for model in dict.fromkeys(model for model, _, _ in probabilities):
        mean = {
            fold.number: np.mean(
                [probability for task, probability in probabilities.items() if task[:2] == (model, fold.number)], axis=0
            )
            for fold in dataset.folds
        }
        for path, folds in enumerate(paths):
            for rows, number in zip(groups, folds, strict=True):
                path_mean = mean[int(number)][np.isin(dataset.folds[number].test, rows)]
                frames.append(_rows(dataset, (model, int(number), path), rows, path_mean))
    return pd.concat(frames, ignore_index=True)


def path(dataset: MemberRows, task: Task, results: dict[str, Floats]) -> pd.DataFrame:
    """What a member predicted of the bars after each entry, and what was realised; no row where it forecasts no path.

    predicted, came: log returns from open to open. volatility: the unit in which it learnt them, known at the decision.
    """
    model, number, seed = task
    fold, windows = dataset.folds[number], dataset.windows
    frames = []
    for part, name in (("validation", "validation_path"), ("test", "path")):
        rows, predicted = getattr(fold, part), results[name]
        if not predicted.size:
            continue
        unit = path_targets.volatility(windows, train=fold.train)[rows]
        realised = path_targets.realised(windows, rows, ahead=predicted.shape[1])
        columns = {
            "decided_at": zoned(windows.decided_at[rows]).repeat(predicted.shape[1]),
            "step": np.tile(np.arange(1, predicted.shape[1] + 1, dtype=np.int32), len(rows)),
            "predicted": (predicted * unit[:, None]).ravel(),
            "came": realised.ravel(),
            "volatility": unit.repeat(predicted.shape[1]),
        }
        frames.append(pd.DataFrame({"model": model, "fold": number, "seed": seed, "part": part, **columns}))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def history(task: Task, results: dict[str, Floats]) -> pd.DataFrame:
    """A member's learning curve."""
    model, number, seed = task
    curves = {name: results[name] for name in ("loss", "val_loss", "seconds")}
    return pd.DataFrame(
        {"model": model, "fold": number, "seed": seed, "epoch": np.arange(1, len(results["loss"]) + 1), **curves}
    )


_NO_COLUMNS = ("symbol", "interval", "opened_at", "closed_at", "currency", "calendar", "adjusted", "joined")
"""Fields of Bars that are columns of their own making, or stand in run.json."""


def panel_bars(prices: Mapping[str, Bars]) -> pd.DataFrame:
    """The bars of all symbols of a panel, one symbol after another."""
    return pd.concat([bars(symbol_prices) for symbol_prices in prices.values()], ignore_index=True)


def bars(prices: Bars) -> pd.DataFrame:
    """The bars that the run used, with what bars of ticks have beside their prices, and what is joined."""
    values = {field.name: getattr(prices, field.name) for field in fields(Bars) if field.name not in _NO_COLUMNS}
    values = {name: array for name, array in values.items() if array is not None}
    times = {"opened_at": zoned(prices.opened_at), "closed_at": zoned(prices.closed_at)}
    return pd.DataFrame({"symbol": prices.symbol, **times, **values, **prices.joined})


def bars_of(frame: pd.DataFrame, data: Mapping[str, Any]) -> Bars:
    """One symbol's bars from its rows of bars.parquet. data: what run.json says of them.

    Raises:
        RunError: rows or a description that lack something.
    """
    try:
        of_ticks = [field.name for field in fields(Bars) if field.default is None and field.name in frame]
        columns = ("open", "high", "low", "close", "volume", *of_ticks)
        prices = {name: frame[name].to_numpy(np.float64).copy() for name in columns}
        joined = [str(name) for name in frame.columns if name not in (*columns, "symbol", "opened_at", "closed_at")]
        return Bars(
            symbol=str(frame["symbol"].iloc[0]),
            interval=data["interval"],
            opened_at=utc(frame["opened_at"]),
            closed_at=utc(frame["closed_at"]),
            currency=data["currency"],
            calendar=data["calendar"],
            adjusted=data["adjusted"],
            joined={name: frame[name].to_numpy(np.float64).copy() for name in joined},
            **prices,
        )
    except (KeyError, IndexError) as error:
        raise RunError(f"bars.parquet or run.json lacks {error}. Train the run again: --overwrite.") from error


def no_history() -> pd.DataFrame:
    """history.parquet of a run that trained no network."""
    kinds = {"model": "str", "fold": "int64", "seed": "int64", "epoch": "int64"}
    return pd.DataFrame(columns=[*kinds, "loss", "val_loss", "seconds"], dtype="float64").astype(kinds)


def _rows(dataset: MemberRows, task: Task, rows: Rows, probability: Floats) -> pd.DataFrame:
    (model, number, seed), windows = task, dataset.windows
    return pd.DataFrame(
        {
            "symbol": dataset.symbols_of(rows),
            "model": model,
            "fold": number,
            "seed": seed,
            "decided_at": zoned(windows.decided_at[rows]),
            "entry_at": zoned(windows.entry_at[rows]),
            "exit_at": zoned(windows.exit_at[rows]),
            "probability": probability,
            "target": (windows.targets[rows] > 0.5).astype(np.int8),
            "forward_return": windows.forward_return[rows],
        }
    )


def describe_bars(prices: Bars) -> dict[str, Any]:
    """The bars of a run as run.json describes them, without their fingerprint."""
    return {
        "bars": len(prices),
        "first": iso(prices.closed_at[0]),
        "last": iso(prices.closed_at[-1]),
        "interval": prices.interval,
        "currency": prices.currency,
        "calendar": prices.calendar,
        "adjusted": prices.adjusted,
        "bars_per_year": bars_per_year(prices),
    }


def _describe_fold(dataset: MemberRows, number: int, *, pieces: bool = True) -> dict[str, Any]:
    fold, decided = dataset.folds[number], dataset.windows.decided_at
    parts = {"train": fold.train, "validation": fold.validation, "test": fold.test}
    described: dict[str, Any] = {name: describe_rows(decided, rows, pieces=pieces) for name, rows in parts.items()}
    return {"number": fold.number, **described}


def describe_rows(decided: Times, rows: Rows, *, pieces: bool = True) -> dict[str, Any]:
    """How many, from when to when. pieces: and in which pieces, where there are several."""
    if not len(rows):
        return {"rows": 0, "first": "", "last": ""}
    described = {"rows": len(rows), "first": iso(decided[rows[0]]), "last": iso(decided[rows[-1]])}
    apart = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
    if not pieces or len(apart) == 1:
        return described
    return {**described, "pieces": [describe_rows(decided, piece) for piece in apart]}
