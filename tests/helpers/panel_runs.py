"""A finished run of a panel on made-up prices, as `forecast train --global-model` leaves one; nothing is trained."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from forecast.config.experiment import Experiment
from forecast.datasets.certificate import Certificate
from forecast.datasets.dataset import make_windows
from forecast.datasets.panel import PanelDataset, pool, write_panel
from forecast.runs import run as runs
from forecast.runs import tables
from forecast.runs.catalog import set_latest
from forecast.runs.run import Run
from pipelines.market.types import Bars

DAY = np.timedelta64(1, "D")


def panel_bars(symbol: str, *, bars: int, first: str = "2015-01-01", seed: int = 0, volatility: float = 0.02) -> Bars:
    """Daily bars of every day of the week, each open at the close before it."""
    rng = np.random.default_rng([seed, *symbol.encode()])
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, volatility, bars)))
    open_ = np.append(100.0, close[:-1]) * np.exp(rng.normal(0.0, 0.002, bars))
    opened = np.datetime64(first, "ns") + DAY * np.arange(bars)
    return Bars(
        symbol=symbol, interval="1d", opened_at=opened, closed_at=opened + DAY, open=open_, close=close,
        high=np.maximum(open_, close) * 1.001, low=np.minimum(open_, close) * 0.999,
        volume=rng.uniform(1e5, 1e6, bars), currency="USD", calendar="24/7", adjusted="forward",
    )  # fmt: skip


def panel_run(
    folder: Path,
    scratch: Path,
    *,
    prices: Mapping[str, Bars],
    edge: Mapping[str, float],
    seeds: int = 2,
    folds: int = 2,
    baselines: tuple[str, ...] = ("logistic",),
    rng_seed: int = 0,
    **more,
) -> tuple[Run, PanelDataset]:
    """edge: of each model, how strongly its probabilities know the next return against the mean of its day."""
    models = tuple(model for model in edge if model not in baselines)
    experiment = Experiment(
        "PANEL", panel=tuple(prices), models=models, baselines=baselines, window=5, folds=folds, seeds=seeds, **more
    )
    parts = [(symbol, make_windows(prices[symbol], experiment.of_symbol(symbol))) for symbol in sorted(prices)]
    dataset = pool(write_panel(scratch, parts), experiment)
    rng = np.random.default_rng(rng_seed)
    windows = dataset.windows
    _, moment = np.unique(windows.decided_at, return_inverse=True)
    mean = np.bincount(moment, weights=windows.forward_return) / np.bincount(moment)
    surprise = (windows.forward_return - mean[moment]) / max(1e-12, windows.forward_return.std())
    frames = {"test": [], "validation": []}
    curves = []
    for model, strength in edge.items():
        common = strength * surprise + rng.normal(0.0, 1.0, len(windows))
        for fold in dataset.folds:
            for seed in range(1 if model in baselines else seeds):
                own = common + rng.normal(0.0, 0.3, len(windows)) * (model not in baselines)
                chance = 1.0 / (1.0 + np.exp(-0.1 * own))
                for part, rows in frames.items():
                    task = (model, fold.number, seed)
                    rows.append(tables.predictions(dataset, task, chance[getattr(fold, part)], part=part))
                if model not in baselines:
                    curves.append(
                        pd.DataFrame({"model": model, "fold": fold.number, "seed": seed, "epoch": [1], "loss": [0.69],
                                      "val_loss": [0.69], "seconds": [1.0]})
                    )  # fmt: skip
    description = tables.describe_panel_run(
        experiment, dataset, prices=dict(sorted(prices.items())), price_scales=dict.fromkeys(prices, 1.0),
        unsuitable={}, name="PANEL-1d-0123456789", command="forecast train", versions={}, backend="jax",
        covariates={},
    )  # fmt: skip
    ordered = dict(sorted(prices.items()))
    run = runs.create_run(folder, "PANEL-1d-0123456789", description=description, bars=tables.panel_bars(ordered))
    run.finish(
        certificate=Certificate(cuts=(), compared=1, failures=(), audited=("A",), symbols=len(prices)).to_json(),
        predictions=pd.concat(frames["test"], ignore_index=True),
        validation=pd.concat(frames["validation"], ignore_index=True),
        history=pd.concat(curves, ignore_index=True),
        seconds=1.0,
    )
    set_latest(folder, run)
    return run, dataset
