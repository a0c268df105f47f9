"""Accounts at other costs and thresholds are those that the simulator and the strategy make themselves."""

from dataclasses import replace

import numpy as np
import pytest

from forecast.config.trading import Costs, TradingConfig
from forecast.runs.run import Run
from forecast.trading.sensitivity import at_cost, at_thresholds
from forecast.trading.signals import ENSEMBLE
from forecast.trading.simulator import trade_all
from forecast.trading.strategy import accounts
from tests.helpers.report_fixtures import build_run


@pytest.mark.parametrize("basis_points", [0.0, 3.0, 50.0, 9_000.0])
def test_another_cost_gives_the_simulators_account(basis_points: float) -> None:
    rng = np.random.default_rng(0)
    opens = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, 80)))
    times = np.arange(80).astype("datetime64[D]").astype("datetime64[ns]")
    targets = rng.choice([-1.0, 0.0, 0.4, 1.0], (1, 79))
    spread = rng.uniform(0, 1e-3, 80)
    before, after = (
        trade_all(
            targets,
            symbol="AAPL",
            names=[("lstm", ENSEMBLE)],
            opened_at=times,
            opens=opens,
            spread=spread,
            costs=Costs(fee_bps=fee, slippage_bps=0, borrow_rate=0.03),
        )[0]
        for fee in (7.0, basis_points)
    )
    moved = at_cost(before, rate=basis_points / 1e4, paid_rate=7e-4)
    until_ruin = (
        slice(None, int(np.argmax(after.net_return <= -1)) + 1) if np.any(after.net_return <= -1) else slice(None)
    )
    assert moved.cost[until_ruin] == pytest.approx(after.cost[until_ruin])
    assert moved.net_return[until_ruin] == pytest.approx(after.net_return[until_ruin])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return build_run(tmp_path_factory.mktemp("data") / "runs", bars=400, seeds=2, folds=2)


@pytest.mark.parametrize("policy", ["long-flat", "long-short"])
def test_each_threshold_gives_the_account_of_a_backtest_with_it(run: Run, policy: str) -> None:
    rules = TradingConfig(policy=policy)
    full = accounts(run.predictions(), run.bars(), rules=rules)
    row = full.members.names.index(("lstm", ENSEMBLE))
    thresholds = (0.0, 0.03, 0.2)
    ledgers = at_thresholds(
        full.probability[row],
        full.members.entry_at,
        run.bars(),
        thresholds=thresholds,
        rules=rules,
        model="lstm",
    )
    for threshold, ledger in zip(thresholds, ledgers, strict=True):
        expected = accounts(run.predictions(), run.bars(), rules=replace(rules, threshold=threshold))
        np.testing.assert_array_equal(ledger.net_return, expected.ledgers[row].net_return)
