"""A sample of a run's predictions made again from its weights: are they what its networks forecast?

sha256 notices a change only where it was not recomputed too. Who rewrites the predictions, the certificate and run.json
together passes every digest, but has no weights that forecast what stands there. Only networks that numpy can ask are
asked: nothing here loads the network library.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from forecast.config import model_registry
from forecast.config.architecture import Architecture
from forecast.config.experiment import COMBINATORIAL, Experiment
from forecast.networks import prediction
from forecast.runs import tables
from forecast.runs.checkpoints import PROBABILITY_TOLERANCE, Checkpoint, open_member, panel_scalers
from forecast.runs.run import Run
from forecast.statistics.verdict import Caveat
from pipelines.errors import ConfigError, RunError
from pipelines.market.times import utc
from pipelines.market.types import Bars, Floats
from pipelines.preprocessing import custom_features, features
from pipelines.preprocessing.scaling import Scaler
from pipelines.preprocessing.windows import Rows

ROWS = 16
"""Rows per member, on average: a change of one row in a hundred is missed by 36 members with probability 0.003."""

_ROUNDING = 1e-9  # of a return


@dataclass(frozen=True, kw_only=True)
class Recomputation:
    """rows, members: so many predictions of so many members came out the same. unverified: model -> why none of its."""

    rows: int = 0
    members: int = 0
    unverified: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"rows": self.rows, "members": self.members, "unverified": dict(self.unverified)}

    def caveats(self) -> list[Caveat]:
        """One for each network whose predictions were not made again."""
        return [Caveat(code="not_recomputed", subject=model) for model in self.unverified]


def recompute(run: Run, *, rng: np.random.Generator) -> Recomputation:
    """Makes some out-of-sample and validation predictions of every member again, drawn by `rng`.

    rng: not from the run, whose author could otherwise change the rows that are not drawn. Runs of judged forecasts
    have no networks; in a combinatorial run, which has no verdict, a row is a mean of several.

    Raises:
        RunError: a prediction that is not what the member's weights and the run's bars give, or a damaged weights file.
    """
    described = run.describe()
    config = described["config"]
    if "judged" in described or config.get("split") == COMBINATORIAL:
        return Recomputation()
    try:
        experiment = Experiment.from_options(config)
    except ConfigError:
        why = "the run is not of this version"
        return Recomputation(unverified=dict.fromkeys(map(str, config.get("models") or ()), why))
    unverified = {model: why for model in experiment.models if (why := _why_not(run, experiment, model))}
    left = [model for model in experiment.models if model not in unverified]
    if not left:
        return Recomputation(unverified=unverified)
    sample = _sample(run, left, members=len(left) * len(described["folds"]) * experiment.seeds, rng=rng)
    prices = _prices(run, described, symbols=sample["symbol"].unique())
    try:
        matrices = {
            symbol: features.compute(symbol_bars, names=experiment.columns).astype(np.float32)
            for symbol, symbol_bars in prices.items()
        }
    except ConfigError as error:  # a feature of columns that bars.parquet does not keep
        return Recomputation(
            unverified=unverified | dict.fromkeys(left, f"its features cannot be made again ({error})")
        )
    from threadpoolctl import threadpool_limits

    members, panel = 0, run.is_panel
    for (model, fold, seed), rows in sample.groupby(["model", "fold", "seed"], sort=True):
        task = (str(model), int(str(fold)), int(str(seed)))
        local = experiment.local_models
        shared = None if local else open_member(run, experiment, task, panel=panel)
        scalers = panel_scalers(run, task, features=len(experiment.columns)) if panel and not local else {}
        with threadpool_limits(limits=1, user_api="blas"):  # sums this small are slower in several threads
            for symbol, own in rows.groupby("symbol", sort=False):
                member = shared or open_member(run.of_symbol(str(symbol)), experiment, task)
                scaler = scalers.get(str(symbol), member.scaler)
                _check(run, member, own, prices[str(symbol)], matrices[str(symbol)], scaler=scaler)
        members += 1
    return Recomputation(rows=len(sample), members=members, unverified=unverified)


def _why_not(run: Run, experiment: Experiment, model: str) -> str:
    """Why a network's predictions cannot be made again here, empty where they can."""
    if model_registry.is_own_network(model):
        return "it is a network of one's own"
    if any(custom_features.is_user_feature(name) for name in experiment.features):
        return "it reads features of one's own"
    architecture = Architecture.of(experiment, model)
    if architecture.path:
        return "it forecasts a path"
    if not prediction.is_plain(architecture):
        return "only recurrent networks that read one way, without layer normalisation, are asked without their library"
    if experiment.local_models:  # each symbol has those of the folds that it takes part in
        return ""
    tasks = ((model, int(fold["number"]), seed) for fold in run.describe()["folds"] for seed in range(experiment.seeds))
    if not all(run.member(*task).exists() for task in tasks):
        return "weights of it are missing"
    return ""


def _sample(run: Run, models: list[str], *, members: int, rng: np.random.Generator) -> pd.DataFrame:
    """Rows of these networks, drawn at random from the predictions and the validation rows."""
    parts = []
    for table in (run.predictions(), run.validation()):
        rows = np.flatnonzero(table["model"].isin(models).to_numpy())
        drawn = rng.choice(rows, size=min(len(rows), ROWS * members // 2), replace=False, shuffle=False)
        parts.append(table.iloc[np.sort(drawn)])
    return pd.concat(parts, ignore_index=True)


def _prices(run: Run, described: Mapping[str, Any], *, symbols: Any) -> dict[str, Bars]:
    bars, sampled = run.bars(), set(symbols)
    about = described.get("panel", {}).get("symbols", {})
    return {
        str(symbol): tables.bars_of(own, about.get(str(symbol), described["data"]))
        for symbol, own in bars.groupby("symbol", sort=False)
        if symbol in sampled
    }


def _check(run: Run, member: Checkpoint, rows: pd.DataFrame, prices: Bars, matrix: Any, *, scaler: Scaler) -> None:
    decided_at, stored = utc(rows["decided_at"]), rows["probability"].to_numpy()
    left, right = (np.searchsorted(prices.closed_at, decided_at, side=side) for side in ("left", "right"))
    alone = right - left == 1  # bars of trades can close at one time: then a time does not say which
    if len(strange := np.flatnonzero((right == left) | (left < member.architecture.steps - 1))):
        raise _refused(run, member, f"forecasts at {_minute(decided_at[strange[0]])}, where the bars have no window")
    _check_outcomes(run, member, rows, prices)
    again = _probabilities(member, matrix, left[alone], scaler=scaler)
    apart = np.abs(again - stored[alone])
    if np.any(apart > PROBABILITY_TOLERANCE):
        worst = int(np.argmax(apart))
        row = np.flatnonzero(alone)[worst]
        raise _refused(
            run, member, f"says {stored[row]:.4f} at {_minute(decided_at[row])}, its weights give {again[worst]:.4f}"
        )


def _check_outcomes(run: Run, member: Checkpoint, rows: pd.DataFrame, prices: Bars) -> None:
    """Whether each return that a forecast is held against is that of the bars from its entry to its exit."""
    opens = []
    for name in ("entry_at", "exit_at"):
        times = utc(rows[name])
        left, right = (np.searchsorted(prices.opened_at, times, side=side) for side in ("left", "right"))
        opens.append(np.where(right - left == 1, prices.open[np.minimum(left, len(prices) - 1)], np.nan))
    expected, stored = opens[1] / opens[0] - 1.0, rows["forward_return"].to_numpy()
    if len(differing := np.flatnonzero(np.abs(stored - expected) > _ROUNDING)):
        row = int(differing[0])
        minute = _minute(utc(rows["decided_at"])[row])
        raise _refused(run, member, f"is held against {stored[row]:.6f} at {minute}, the bars give {expected[row]:.6f}")


def _probabilities(member: Checkpoint, matrix: Any, ends: Rows, *, scaler: Scaler) -> Floats:
    if member.diverged:
        return np.full(len(ends), 0.5)
    parameters = prediction.load(member.weights, architecture=member.architecture)
    return prediction.predict(matrix, ends=ends, scaler=scaler, architecture=member.architecture, parameters=parameters)


def _refused(run: Run, member: Checkpoint, what: str) -> RunError:
    model, fold, seed = member.task
    return RunError(
        f"The predictions of run {run.name} are not what its networks forecast: {model}, fold {fold}, seed {seed} "
        f"{what}. Restore the run's files, or train again: forecast train SYMBOL --overwrite."
    )


def _minute(time: np.datetime64) -> str:
    return str(np.datetime_as_string(time, unit="m"))
