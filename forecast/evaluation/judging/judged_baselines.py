"""The baselines of a judged run, trained walk-forward on the same bars before each fold's first forecast."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecast.compute.shared_data import SharedData
from forecast.config.experiment import Experiment, is_baseline
from forecast.config.model_registry import own_baseline
from forecast.datasets import lookahead_audit
from forecast.datasets.dataset import Dataset, make_windows
from forecast.evaluation.judging.decisions import Decisions
from forecast.training import baselines, user_baselines
from pipelines import user_code
from pipelines.errors import TooFewBarsError
from pipelines.market.types import Bars
from pipelines.preprocessing import scaling, walk_forward
from pipelines.preprocessing.walk_forward import Fold
from pipelines.preprocessing.windows import Windows


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedBaselines:
    """names: those fitted. tested, checked: their rows. folds: what they learned from. failures: of the audit.

    unverifiable: what own ones open.
    """

    names: tuple[str, ...] = ()
    tested: tuple[pd.DataFrame, ...] = ()
    checked: tuple[pd.DataFrame, ...] = ()
    folds: tuple[Fold, ...] = ()
    windows: Windows | None = None
    failures: tuple[str, ...] = ()
    unverifiable: tuple[str, ...] = ()
    note: str = ""


def fit_baselines(
    prices: Bars, experiment: Experiment, *, tested: Decisions, earlier: pd.DataFrame | None
) -> FittedBaselines:
    """The experiment's baselines, trained before each fold's first decision on all that was known by then."""
    present = [name for name in tested.rows["model"].unique() if is_baseline(name)]
    if present or not experiment.baselines:
        return FittedBaselines(names=tuple(present))
    member = tested.rows[tested.rows["model"] == tested.rows["model"].iloc[0]]
    member = member[member["seed"] == member["seed"].iloc[0]]
    unverifiable = [
        entry
        for name in filter(user_code.is_user_code, experiment.baselines)
        for entry in user_baselines.check_own(name)
    ]
    try:
        windows = make_windows(prices, experiment)
        first = int(windows.ends[0])
        if tested.first < first:
            raise TooFewBarsError(f"{first - tested.first} forecasts are earlier than the first window")
        folds = []
        for fold, rows in member.groupby("fold", sort=True):
            number, test = int(str(fold)), rows["bar"].to_numpy(np.int64) - first
            validation_bars = None if earlier is None else earlier[earlier["fold"] == number]["bar"].drop_duplicates()
            fold_rows = walk_forward.before(windows, number, test=test, embargo=experiment.embargo)
            if validation_bars is not None:
                validation = np.sort(validation_bars.to_numpy(np.int64)) - first
                train = walk_forward.purge(windows, np.arange(int(validation[0]), dtype=np.int64), tested=validation)
                fold_rows = walk_forward.checked(windows, number, train=train, validation=validation, test=test)
            folds.append(fold_rows)
    except TooFewBarsError as error:
        text = str(error).removesuffix(".")
        return FittedBaselines(
            note=f"No baseline was trained, since too little history comes before the forecasts: {text}."
        )
    data = Dataset(
        bars=prices, windows=windows, folds=tuple(folds),
        scalers=tuple(scaling.fit_scaler(windows, rows=fold.train) for fold in folds),
    )  # fmt: skip
    shared = SharedData.of(data)
    frames: list[pd.DataFrame] = []
    checked: list[pd.DataFrame] = []
    for name in experiment.baselines:
        for row, fold in enumerate(folds):
            predictions = baselines.predict(shared, fold=row, name=own_baseline(name))
            rows = {"test": (frames, predictions.probability), "validation": (checked, predictions.validation)}
            for part, (into, probability) in rows.items():
                if part == "validation" and earlier is None:
                    continue
                bar = getattr(fold, part) + first
                columns = {"model": own_baseline(name), "fold": fold.number, "seed": 0}
                into.append(pd.DataFrame({**columns, "bar": bar, "probability": probability}))
    return FittedBaselines(
        names=tuple(experiment.baselines),
        tested=tuple(frames),
        checked=tuple(checked),
        folds=tuple(folds),
        windows=windows,
        failures=tuple(lookahead_audit.late_rows(windows, folds)),
        unverifiable=tuple(unverifiable),
    )
