"""Whole calibrations with networks whose skill is known: one that follows the last return, one that tosses a coin."""

from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from forecast.compute import shared_data
from forecast.compute.executor import InlinePool
from forecast.compute.processes import Inline
from forecast.compute.task import FitTask
from forecast.config.experiment import Experiment
from forecast.config.trading import Costs, TradingConfig
from forecast.networks.results import FitResult
from forecast.studies.power_results import rates
from forecast.studies.power_study import Market, calibrate
from forecast.training.baselines import BaselineTask
from pipelines.errors import RunError

EXPERIMENT = Experiment(
    symbol="CONTROL", window=5, folds=2, seeds=2, models=("simple_rnn", "lstm"), baselines=("previous_sign",),
    features=("return",),
)  # fmt: skip
RULES = TradingConfig(policy="long-flat", threshold=0.0, costs=Costs(fee_bps=1, slippage_bps=2))
MARKETS = [
    Market(kind=kind, edge=edge, seed=seed, bars=800) for kind, edge in [("none", 0.0), ("lag-1", 0.5)]
    for seed in range(2)
]  # fmt: skip


class ForeseeingPool(InlinePool):
    """The LSTM says what the last return was, nearly always; the SimpleRNN says anything."""

    def __init__(self, *, fails: bool = False) -> None:
        super().__init__(backend="tensorflow")
        self.orders: list[FitTask] = []
        self.fails = fails

    def start(self) -> Any:
        return self

    def submit(self, function: Any, data: dict[str, Any], order: Any) -> "Future[Any]":
        if isinstance(order, BaselineTask):
            return Inline().submit(function, data, order)
        self.orders.append(order)
        done: Future[FitResult] = Future()
        if self.fails:
            done.set_exception(MemoryError("no memory"))
            return done
        shared = shared_data.from_arrays(data)
        fold = shared.folds[order.fold]
        rows = np.concatenate([fold.test, fold.validation])
        forecast = shared.windows.values[shared.windows.ends[rows], 0].copy()
        forecast[order.seed :: 97] *= -1  # each seed errs on days of its own: copies of one training decide nothing
        if order.architecture.model == "simple_rnn":
            forecast = np.random.default_rng([order.fold, order.seed]).normal(size=len(rows))
        tested, checked = np.split(0.5 + 0.1 * np.sign(forecast), [len(fold.test)])
        nothing = np.zeros(1)
        done.set_result(
            FitResult(
                architecture=order.architecture, parameters=1, weights=b"", probability=tested,
                validation=checked, loss=nothing, val_loss=nothing, seconds=nothing,
            )
        )  # fmt: skip
        return done


class Silent:
    """A progress that only counts."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.before = 0

    def begin(self, *, total: int, done: int) -> None:
        self.before = done

    def advance(self, name: str, *, epochs: int) -> None:
        self.done.append(name)

    def note(self, message: str) -> None:
        pass


def run(folder: Path, workers: ForeseeingPool, progress: Silent, *, rules: TradingConfig = RULES) -> pd.DataFrame:
    return calibrate(EXPERIMENT, MARKETS, rules=rules, folder=folder, workers=workers, progress=progress)


def test_who_follows_a_planted_edge_is_better_and_where_there_is_none_nobody_is(tmp_path: Path) -> None:
    workers = ForeseeingPool()
    keys = ["question", "kind", "model", "benchmark"]
    shares = rates(run(tmp_path, workers, Silent())).set_index(keys)
    for benchmark in ("simple_rnn", "base_rate"):
        assert shares.loc[("skill", "lag-1", "lstm", benchmark), "better"] == 2
        assert shares.loc[("skill", "none", "lstm", benchmark), "inconclusive"] == 2
    for benchmark in ("simple_rnn", "cash", "buy_and_hold", "same_exposure"):
        assert shares.loc[("money", "lag-1", "lstm", benchmark), "better"] == 2
        assert shares.loc[("money", "none", "lstm", benchmark), "inconclusive"] == 2
    # the LSTM does what the baseline does; the coin does worse than both
    assert shares.loc[("skill", "lag-1", "lstm", "previous_sign"), "inconclusive"] == 2
    assert shares.loc[("skill", "lag-1", "simple_rnn", "previous_sign"), "worse"] == 2
    assert {order.room for order in workers.orders} == {800}  # one compiled shape for all markets


def test_rules_that_choose_on_validation_rows_are_calibrated_too(tmp_path: Path) -> None:
    rules = TradingConfig(
        policy="long-flat", threshold="auto", costs=RULES.costs, calibration="temperature", sizing="volatility"
    )
    shares = rates(run(tmp_path, ForeseeingPool(), Silent(), rules=rules)).set_index(
        ["question", "kind", "model", "benchmark"]
    )
    assert shares.loc[("money", "lag-1", "lstm", "cash"), "better"] == 2
    assert shares.loc[("money", "none", "lstm", "cash"), "better"] == 0


def test_an_interrupted_calibration_goes_on_where_it_was(tmp_path: Path) -> None:
    first = run(tmp_path, ForeseeingPool(), Silent())
    (tmp_path / f"{MARKETS[3].name}.json").unlink()
    workers, progress = ForeseeingPool(), Silent()
    pd.testing.assert_frame_equal(run(tmp_path, workers, progress), first)
    assert (progress.before, progress.done, len(workers.orders)) == (3, ["lag-1 0.5 seed 1"], 8)


def test_a_member_that_keeps_failing_ends_the_calibration_with_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"members failed three times: .*MemoryError: no memory"):
        run(tmp_path, ForeseeingPool(fails=True), Silent())
