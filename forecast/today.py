"""Today's signal: the newest window of the store through the members of a run's last fold."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from forecast import backend
from forecast.dataset import Source, load, make_bars, price_scale
from forecast.experiment import Experiment
from forecast.member import Architecture
from forecast.runs import Run
from forecast.signals import decide
from pipelines import features, user_features, windows
from pipelines.errors import RunError, TooFewBarsError
from pipelines.market import Ticks
from pipelines.scaling import Scaler
from pipelines.store import Store


@dataclass(frozen=True, kw_only=True)
class Today:
    """One network's signal. probability: mean over its members; members: each one's, shape (seeds,).

    bars_since_run: how many bars are newer than all that the run has seen.
    """

    model: str
    signal: str
    probability: float
    members: tuple[float, ...]
    decided_at: np.datetime64
    price: float
    bars_since_run: int


def signals(run: Run, *, store: Store, band: float) -> list[Today]:
    """The signal at the close of the newest bar in the store, one a network, from the members of the last fold.

    Raises:
        RunError: an unfinished or damaged run.
        TooFewBarsError: the store holds too little for one window.
    """
    described = run.describe()
    if not run.finished:
        raise RunError(f"Run {run.name} is not finished. Run its 'forecast train' again: it goes on.")
    experiment = Experiment.from_options({**described["config"], "end": None})
    if experiment.combinatorial:
        raise RunError(
            f"Need a walk-forward run, got {run.name} with --split combinatorial. Train with --split expanding."
        )
    user_features.check_sources(experiment.features, described.get("user_features", {}))
    source = _since(load(store, experiment), run.bars()["opened_at"].iloc[0])
    prices = make_bars(source, experiment)
    matrix = features.compute(prices, names=experiment.features).astype(np.float32)
    end = len(prices) - 1
    if windows.first_end(matrix, steps=experiment.window) > end:
        raise TooFewBarsError(f"{experiment.symbol}: too few bars in the store for one window. Fetch more history.")
    fitting = backend.load_fitting(backend.choose(described["backend"]))
    fold = max(each["number"] for each in described["folds"])
    found = []
    for model in experiment.models:
        each = []
        for seed in range(experiment.seeds):
            member = run.describe_member(model, fold, seed)
            probability = fitting.predict(
                matrix,
                ends=np.array([end]),
                scaler=_scaler(member, experiment),
                architecture=Architecture.from_json(member["architecture"]),
                weights=run.member(model, fold, seed),
            )
            each.append(float(probability[0]))
        mean = float(np.mean(each))
        found.append(
            Today(
                model=model,
                signal=str(decide(np.array([mean]), band=band)[0]),
                probability=mean,
                members=tuple(each),
                decided_at=prices.closed_at[end],
                price=float(prices.close[end] * price_scale(source, prices)),
                bars_since_run=int(np.sum(prices.closed_at > _utc(described["data"]["last"]))),
            )
        )
    return found


def _since(source: Source, first: pd.Timestamp) -> Source:
    """From the run's own first bar on: prices are adjusted from there, so the same bars give the same features.

    Raises:
        TooFewBarsError: the store holds nothing from then on.
    """
    raw = source.raw
    kept = (raw.time if isinstance(raw, Ticks) else raw.opened_at) >= _utc(first.isoformat())
    if not kept.any():
        raise TooFewBarsError(f"{raw.symbol}: need prices from {first:%Y-%m-%d} on, the store has older ones only.")
    return replace(source, raw=raw.rows(kept))


def _scaler(member: dict[str, Any], experiment: Experiment) -> Scaler:
    mean, scale = (np.asarray(member["scaler"][name], dtype=np.float64) for name in ("mean", "scale"))
    if mean.shape != (len(experiment.features),) or scale.shape != mean.shape or not np.all(scale > 0):
        raise RunError("A scaler does not fit its features. Train the run again: forecast train SYMBOL --fresh.")
    return Scaler(mean=mean, scale=scale)


def _utc(text: str) -> np.datetime64:
    return np.datetime64(text.removesuffix("+00:00"), "ns")
