"""The live set, and the runs that it names."""

import shutil

import pytest

from forecast.config.trading import TradingConfig
from forecast.serving import live
from pipelines.errors import RunError
from tests.helpers.report_fixtures import build_run


def test_a_live_run_that_was_removed_is_named_and_no_other_is_proposed_for_it(tmp_path):
    runs = tmp_path / "runs"
    for name in ("AAPL-1d-aaaaaaaaaa", "AAPL-1d-aaaaaaaaab"):
        build_run(runs, name=name, bars=200, folds=1, seeds=1)
    entry = live.add(
        tmp_path / "live", run="AAPL-1d-aaaaaaaaaa", symbol="AAPL", model="lstm", backtest="x",
        rules=TradingConfig().to_json(),
    )  # fmt: skip
    assert live.open_live_run(runs, entry).name == "AAPL-1d-aaaaaaaaaa"
    shutil.rmtree(runs / "AAPL-1d-aaaaaaaaaa")
    with pytest.raises(RunError, match="Restore its folder, or: forecast live remove AAPL-1d-aaaaaaaaaa") as caught:
        live.open_live_run(runs, entry)
    assert "Did you mean" not in str(caught.value)
