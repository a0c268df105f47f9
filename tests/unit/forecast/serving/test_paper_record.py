"""What live signals are held against: the backtest's forecasts as its rules give them."""

import numpy as np
import pytest

from forecast.config.trading import TradingConfig
from forecast.evaluation.backtest import evaluate
from forecast.serving.paper_record import backtest_reference
from forecast.trading.signals import ENSEMBLE
from tests.helpers.finished_runs import finished_run


@pytest.mark.parametrize("calibration", ["none", "isotonic"])
def test_live_probabilities_are_compared_with_those_of_the_backtest_after_the_same_calibration(tmp_path, calibration):
    run = finished_run(tmp_path / "runs")
    rules = TradingConfig(calibration=calibration)
    signals = evaluate(run, rules=rules).signals
    signals = signals[(signals["model"] == "lstm") & (signals["member"] == ENSEMBLE)]
    probability = signals.set_index("decided_at")["probability"]
    rows = run.predictions()
    target = rows[(rows["model"] == "lstm") & (rows["seed"] == rows["seed"].min())].set_index("decided_at")["target"]
    expected = backtest_reference(run, "lstm", horizon=1, rules=rules)
    assert expected.gap == pytest.approx(float((target - probability).mean()), abs=1e-12)
    hits = np.asarray((probability > 0.5) == (target.reindex(probability.index) > 0.5))
    assert expected.hit_rate == pytest.approx(float(hits.mean()), abs=1e-12)
