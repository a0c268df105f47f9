"""A run and its newest backtest as one run of MLflow, in a folder of this machine; nothing is sent anywhere.

MLflow is imported here alone, with its telemetry off.
"""

import importlib.util
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from forecast.runs.labels import read_labels
from forecast.runs.run import Run
from pipelines.errors import ConfigError, RunError

_AT_ONCE = 500  # metrics of one call; MLflow takes 1,000, and 100 parameters
_FEW = 100
_TAG = "forecast.run"
_NEEDED = ("mlflow", "sqlalchemy", "alembic")


@dataclass(frozen=True, kw_only=True)
class MlflowRun:
    """What was written. parameters, metrics: how many; page: whether the report is among the artifacts."""

    tracking: str
    experiment: str
    run_id: str
    parameters: int
    metrics: int
    page: bool


def export_to_mlflow(run: Run, *, folder: Path, page: Path | None) -> MlflowRun:
    """Writes a finished run; one that was exported before takes the place of the earlier one.

    folder: for MLflow's database (SQLite) and artifacts. page: the report, where there is one.

    Raises:
        ConfigError: MLflow is not installed.
        RunError: an unfinished or damaged run.
    """
    if not run.finished:
        raise RunError(f"Run {run.name} is not finished. Run its 'forecast train' again: it resumes.")
    if not all(map(importlib.util.find_spec, _NEEDED)):
        raise ConfigError("MLflow is not installed. Install it: pip install 'tick-forecast[mlflow]'.")
    os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag

    about, labels = run.describe(), read_labels(run)
    created = int(run.created_at.timestamp() * 1000)
    backtest = next(reversed(run.backtests()), None)
    parameters = {name: _text(value) for name, value in about["config"].items()}
    if backtest is not None:
        parameters |= {f"backtest.{name}": _text(value) for name, value in run.backtest_config(backtest).items()}
    measured = [*_learning_curves(run.history())]
    tags = {"backend": about.get("backend"), "data": about["data"].get("fingerprint"), "note": labels.note}
    tags |= {"tags": ", ".join(labels.tags), "backtest": backtest}
    if backtest is not None:
        metrics = run.metrics(backtest)
        measured += [(name, value, 0) for name, value in _performance(metrics["performance"])]
        tags |= {name: metrics["verdict"].get(name) for name in ("skill", "money")}
    folder.mkdir(parents=True, exist_ok=True)
    tracking = f"sqlite:///{(folder / 'mlflow.db').absolute().as_posix()}"
    client = MlflowClient(tracking_uri=tracking)
    name = labels.experiment or run.symbol
    existing = client.get_experiment_by_name(name)
    artifacts = (folder / "artifacts").absolute().as_uri()
    experiment = existing.experiment_id if existing else client.create_experiment(name, artifact_location=artifacts)
    for earlier in client.search_runs([experiment], filter_string=f"tags.`{_TAG}` = '{run.name}'"):
        client.delete_run(earlier.info.run_id)
    written = client.create_run(experiment, start_time=created, run_name=run.name, tags={_TAG: run.name})
    run_id = written.info.run_id
    listed = [Param(key, value) for key, value in parameters.items()]
    for first in range(0, len(listed), _FEW):
        client.log_batch(run_id, params=listed[first : first + _FEW])
    named = [RunTag(f"forecast.{key}", str(value)) for key, value in tags.items() if value]
    client.log_batch(run_id, tags=named)
    points = [Metric(key, value, created, step) for key, value, step in measured]
    for first in range(0, len(points), _AT_ONCE):
        client.log_batch(run_id, metrics=points[first : first + _AT_ONCE])
    files = [run.place("run.json"), run.place("predictions.parquet"), *([page] if page is not None else [])]
    for file in files:
        client.log_artifact(run_id, str(file))
    client.set_terminated(run_id, end_time=created + int(1000 * float(about.get("seconds", 0))))
    return MlflowRun(
        tracking=tracking,
        experiment=name,
        run_id=run_id,
        parameters=len(listed),
        metrics=len({point.key for point in points}),
        page=page is not None,
    )


def _text(value: Any) -> str:
    """A setting as MLflow shows it, of at most its 6,000 letters."""
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return text[:6_000]


def _performance(performance: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, float]]:
    """ "lstm/sharpe" and the like, of each model's ensemble."""
    for model, members in performance.items():
        for name, value in members["ensemble"].items():
            if isinstance(value, int | float) and math.isfinite(value):
                yield f"{_key(model)}/{name}", float(value)


def _learning_curves(history: pd.DataFrame) -> Iterator[tuple[str, float, int]]:
    """The mean loss of a model's members by epoch."""
    means = history.groupby(["model", "epoch"])[["loss", "val_loss"]].mean()
    for row in means.reset_index().to_dict("records"):
        for name in ("loss", "val_loss"):
            if math.isfinite(row[name]):
                yield f"{_key(row['model'])}/{name}", row[name], row["epoch"]


def _key(model: str) -> str:
    """A model's name of the letters that MLflow takes; it takes no colon on Windows."""
    return model.replace(":", ".")
