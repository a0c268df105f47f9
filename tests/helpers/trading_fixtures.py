"""A finished run with validation rows, as `forecast train` leaves one, on made-up prices; no network is trained."""

from pathlib import Path

import numpy as np
import pandas as pd

from forecast.runs.io import write_json, write_parquet
from forecast.runs.run import Run
from tests.helpers.report_fixtures import build_run


def tradable_run(runs: Path, *, edge: float = 0.1, rng_seed: int = 0, **options) -> Run:
    """edge: how strongly the LSTM's probabilities know the next return, on validation and on test rows alike."""
    run = build_run(runs, edge=edge, rng_seed=rng_seed, backtest=None, **options)
    write_parquet(run.folder / "predictions.parquet", run.predictions().astype({"target": "int8"}))
    bars, rng = run.bars(), np.random.default_rng([rng_seed, 1])
    frames = [
        _validation(bars, fold, model=model, edge=edge * (model == "lstm"), seeds=run.describe()["seeds"], rng=rng)
        for fold in run.describe()["folds"]
        for model in run.describe()["config"]["models"]
    ]
    write_parquet(run.folder / "validation.parquet", pd.concat(frames, ignore_index=True))
    write_json(
        run.folder / "certificate.json", {"passed": True, "cuts": [], "compared": 0, "failures": [], "sha256": ""}
    )
    return run


def _validation(bars, fold, *, model, edge, seeds, rng) -> pd.DataFrame:
    opens = bars["open"].to_numpy()
    start = int(bars["closed_at"].searchsorted(pd.Timestamp(fold["validation"]["first"])))
    rows = np.arange(start, start + fold["validation"]["rows"])
    forward = opens[rows + 2] / opens[rows + 1] - 1.0
    shared = edge * forward / forward.std() + rng.normal(0, 0.25, len(rows))
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "symbol": bars["symbol"].iloc[0],
                    "model": model,
                    "fold": fold["number"],
                    "seed": seed,
                    "decided_at": bars["closed_at"].to_numpy()[rows],
                    "entry_at": bars["opened_at"].to_numpy()[rows + 1],
                    "exit_at": bars["opened_at"].to_numpy()[rows + 2],
                    "probability": 1 / (1 + np.exp(-(shared + rng.normal(0, 0.15, len(rows))))),
                    "target": (forward > 0).astype("int8"),
                    "forward_return": forward,
                }
            )
            for seed in seeds
        ],
        ignore_index=True,
    )
