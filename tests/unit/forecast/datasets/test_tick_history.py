"""Trades read piece by piece from the store: the bars, the features and the audit of a run on ticks with quotes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from forecast.config.experiment import Experiment
from forecast.datasets import lookahead_audit
from forecast.datasets.dataset import Source, load, make_bars, prepare, with_features
from forecast.datasets.tick_history import TickHistory
from pipelines.bars.aggregation import from_ticks
from pipelines.bars.quote_matching import matched
from pipelines.errors import UnknownSymbolError
from pipelines.preprocessing import order_flow
from pipelines.preprocessing.features import FEATURES
from pipelines.preprocessing.order_flow import FLOW_FEATURES
from pipelines.store.store import Store
from tests.helpers.quoted_trades import quoted_trades

EXPERIMENT = Experiment(symbol="XYZ", bars="tick:20", window=5, folds=2)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    store = Store(tmp_path_factory.mktemp("store"))
    ticks, quotes = quoted_trades(seed=5, trades=8_000, sessions=4)
    store.write_ticks(ticks)
    store.write_quotes(quotes)
    return load(store, EXPERIMENT)


def test_bars_read_piece_by_piece_are_those_of_all_trades_with_their_quotes(source: Source) -> None:
    expected = from_ticks(matched(*quoted_trades(seed=5, trades=8_000, sessions=4)), "tick:20")
    bars = make_bars(source, EXPERIMENT)
    for name in ("open", "close", "signed_volume", "bid", "spread", "order_flow"):
        np.testing.assert_array_equal(getattr(bars, name), getattr(expected, name), err_msg=name)


def test_a_run_on_ticks_with_quotes_has_the_features_of_both_by_default(source: Source) -> None:
    assert EXPERIMENT.features == ()
    assert with_features(EXPERIMENT, make_bars(source, EXPERIMENT)).features == (*FEATURES, *FLOW_FEATURES)


def test_the_look_ahead_audit_of_a_run_on_ticks_with_quotes_passes(source: Source) -> None:
    dataset = prepare(make_bars(source, EXPERIMENT), EXPERIMENT)
    certificate = lookahead_audit.certify(source, EXPERIMENT, dataset, cuts=3)
    assert certificate.failures == ()
    assert certificate.compared > 3 * 2 * len(FEATURES | FLOW_FEATURES)


def test_a_feature_of_order_flow_that_looks_ahead_is_caught(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = order_flow.order_flow_imbalance
    monkeypatch.setitem(FLOW_FEATURES, "order_flow_imbalance", lambda bars: np.nan_to_num(np.roll(honest(bars), -1)))
    dataset = prepare(make_bars(source, EXPERIMENT), EXPERIMENT)
    failures = lookahead_audit.certify(source, EXPERIMENT, dataset, cuts=2).failures
    assert any("feature order_flow_imbalance" in failure for failure in failures)


def test_what_is_read_after_a_cut_is_gone_or_other_and_before_it_the_same(source: Source) -> None:
    history = source.raw
    assert isinstance(history, TickHistory)
    ticks = history.collect()
    cut = ticks.time[4_000]
    past = history.truncated(cut).collect()
    assert past.time[-1] <= cut
    other = history.scrambled(cut, seed=1).collect()
    before_cut = ticks.time <= cut
    assert np.array_equal(past.price, ticks.price[before_cut])
    for name in ("price", "size", "bid", "ask", "order_flow"):
        before, after = getattr(ticks, name), getattr(other, name)
        np.testing.assert_array_equal(before[before_cut], after[before_cut])
        assert not np.array_equal(before[~before_cut], after[~before_cut], equal_nan=True)


def test_a_symbol_without_ticks_is_said_when_it_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(UnknownSymbolError, match="XYZ"):
        load(Store(tmp_path), replace(EXPERIMENT))
