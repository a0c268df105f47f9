import dataclasses

import numpy as np
import pytest

from forecast.config.experiment import Experiment
from forecast.datasets.dataset import Source, make_bars, make_windows
from forecast.datasets.lookahead_audit import certify
from forecast.datasets.panel import write_panel, write_scaled
from forecast.training.panel import of_symbol, pool
from pipelines.errors import ConfigError
from pipelines.market.types import Actions, Bars
from pipelines.preprocessing import scaling
from pipelines.preprocessing.scaling import fit_scaler
from pipelines.preprocessing.walk_forward import walk_forward
from pipelines.preprocessing.windows import gather
from pipelines.sources.synthetic import random_walk
from tests.helpers.windows import random_walk_windows

SYMBOLS = {"AAA": (120, 0), "BBB": (150, 1), "CCC": (120, 2)}


@pytest.fixture
def parts():
    return {symbol: random_walk_windows(bars=bars, steps=5, seed=seed)[1] for symbol, (bars, seed) in SYMBOLS.items()}


def test_a_panel_holds_every_window_of_every_symbol_and_nothing_else(parts, tmp_path):
    panel = write_panel(tmp_path, parts.items())
    assert panel.symbols == tuple(SYMBOLS)
    for symbol, windows in parts.items():
        rows = panel.rows(symbol)
        np.testing.assert_array_equal(
            gather(panel.windows.values, panel.windows.ends[rows], steps=5),
            gather(windows.values, windows.ends, steps=5),
        )
        for name in ("targets", "forward_return", "decided_at", "entry_at", "exit_at"):
            np.testing.assert_array_equal(getattr(panel.windows, name)[rows], getattr(windows, name))


def test_the_matrix_of_a_panel_stays_on_disk(parts, tmp_path):
    panel = write_panel(tmp_path, parts.items())
    assert isinstance(panel.windows.values, np.memmap)
    assert not panel.windows.values.flags.writeable


def test_a_pooled_fold_learns_from_no_symbol_what_another_will_be_tested_on(parts, tmp_path):
    windows = write_panel(tmp_path, parts.items()).windows
    assert (np.diff(windows.decided_at) >= np.timedelta64(0)).all()
    for fold in walk_forward(windows, folds=3):
        assert windows.exit_at[fold.train].max() < windows.decided_at[fold.validation].min()
        assert windows.exit_at[fold.validation].max() < windows.decided_at[fold.test].min()
        assert np.isfinite(fit_scaler(windows, rows=fold.train).mean).all()


def test_a_panel_of_nothing_or_of_one_symbol_twice_is_refused(parts, tmp_path):
    with pytest.raises(ConfigError, match="Need one symbol or more"):
        write_panel(tmp_path, [])
    with pytest.raises(ConfigError, match="got AAA"):
        write_panel(tmp_path, [("AAA", parts["AAA"]), ("AAA", parts["AAA"])])
    with pytest.raises(ConfigError, match=r"got BBB with \(6, "):
        write_panel(tmp_path, [("AAA", parts["AAA"]), ("BBB", random_walk_windows(bars=90, steps=6)[1])])


def market(symbol, *, bars, first, calendar, seed):
    """Daily bars from a day on; XNYS and XLON close at other hours and on other days than 24/7."""
    walk = random_walk(bars=bars, seed=seed, volatility=0.02)
    days = np.busday_offset(first, np.arange(bars), roll="forward") if calendar != "24/7" else first + np.arange(bars)
    opened, closed = {"24/7": (0, 24), "XNYS": (14, 21), "XLON": (8, 16)}[calendar]
    hour, start = np.timedelta64(1, "h"), days.astype("datetime64[ns]")
    prices = {name: getattr(walk, name) for name in ("open", "high", "low", "close", "volume")}
    return Bars(
        symbol=symbol, interval="1d", opened_at=start + opened * hour, closed_at=start + closed * hour,
        calendar=calendar, adjusted="raw", **prices,
    )  # fmt: skip


MARKETS = (  # from first to last: the whole time, begins late, ends early, always open
    {"symbol": "OLD", "bars": 900, "first": np.datetime64("2015-01-01"), "calendar": "XNYS"},
    {"symbol": "YOUNG", "bars": 500, "first": np.datetime64("2016-07-01"), "calendar": "XLON"},
    {"symbol": "GONE", "bars": 600, "first": np.datetime64("2015-01-01"), "calendar": "XLON"},
    {"symbol": "COIN", "bars": 1_200, "first": np.datetime64("2015-03-01"), "calendar": "24/7"},
)
POOLED = Experiment(symbol="OLD", window=5, folds=4, horizon=3, panel=tuple(each["symbol"] for each in MARKETS))


@pytest.fixture
def pooled(tmp_path):
    parts = [(each["symbol"], make_windows(market(**each, seed=seed), POOLED)) for seed, each in enumerate(MARKETS)]
    return pool(write_panel(tmp_path, parts), POOLED), dict(parts)


def test_no_row_of_any_symbol_is_known_later_than_the_first_test_decision_of_its_fold(pooled):
    made, parts = pooled
    last = None
    for fold in made.folds:
        windows = made.panel.windows
        first = windows.decided_at[fold.test].min()
        for symbol, own in parts.items():
            mine = made.panel.fold_of(symbol, fold)
            for rows in (mine.train, mine.validation):
                assert (own.exit_at[rows] < first).all()
            assert (own.exit_at[mine.train] < windows.decided_at[fold.validation].min()).all()
            assert (own.decided_at[mine.test] >= first).all()
            if last is not None:  # boundaries are common: what one symbol is tested on begins where all others end
                assert (own.decided_at[mine.test] > last).all()
        last = windows.decided_at[fold.test].max()
    assert len({len(made.panel.fold_of("YOUNG", fold).test) > 0 for fold in made.folds}) == 2


def test_a_symbol_is_tested_in_neighbouring_folds_and_teaches_after_its_end(pooled):
    made, parts = pooled
    tested = {symbol: [len(made.panel.fold_of(symbol, fold).test) for fold in made.folds] for symbol in parts}
    assert all(tested["OLD"])
    assert tested["GONE"][0] > 0
    assert tested["GONE"][-1] == 0
    assert len(made.panel.fold_of("GONE", made.folds[-1]).train) > 400
    assert sum(tested["COIN"]) == len(parts["COIN"]) - np.searchsorted(
        parts["COIN"].decided_at, made.panel.windows.decided_at[made.folds[0].test].min()
    )


def test_each_symbol_has_a_scaler_of_its_own_training_rows(pooled, tmp_path):
    made, parts = pooled
    scaled = write_scaled(tmp_path / "scaled.raw", made.panel, made.scalers[2])
    for symbol, own in parts.items():
        mine = made.panel.fold_of(symbol, made.folds[2])
        expected = fit_scaler(own, rows=mine.train)
        np.testing.assert_array_equal(made.scalers[2][symbol].mean, expected.mean)
        rows = made.panel.rows(symbol)[mine.train]
        np.testing.assert_array_equal(
            gather(scaled.values, made.panel.windows.ends[rows], steps=5),
            gather(expected.apply(own.values), own.ends[mine.train], steps=5),
        )


def certified(folder, symbol):
    """The certificate of one symbol of the panel."""
    sources = {
        each["symbol"]: Source(raw=market(**each, seed=seed), actions=Actions.none(each["symbol"]))
        for seed, each in enumerate(MARKETS)
    }
    experiment = dataclasses.replace(POOLED, symbol=symbol)
    prices = {each: make_bars(source, experiment) for each, source in sources.items()}
    panel = write_panel(folder, ((each, make_windows(made, experiment)) for each, made in prices.items()))
    dataset = of_symbol(pool(panel, experiment), symbol, prices[symbol])
    return certify(sources[symbol], experiment, dataset)


@pytest.mark.parametrize("symbol", ["OLD", "YOUNG", "GONE", "COIN"])
def test_each_symbol_of_a_panel_gets_its_certificate(tmp_path, symbol):
    shown = certified(tmp_path, symbol)
    assert shown.passed, shown.failures
    assert shown.compared > 100


def test_a_scaler_of_all_rows_is_caught_in_a_panel_too(tmp_path, monkeypatch):
    honest = scaling.fit_scaler
    monkeypatch.setattr(scaling, "fit_scaler", lambda made, *, rows: honest(made, rows=np.arange(len(made))))
    assert any("scaler change" in each for each in certified(tmp_path, "OLD").failures)


def test_a_panel_without_its_own_symbol_or_of_one_is_refused():
    for symbols in (("MSFT", "KO"), ("AAPL",), ("AAPL", "AAPL")):
        with pytest.raises(ConfigError, match="Expected 2 symbols or more for --global-model, each once, got"):
            Experiment(symbol="AAPL", panel=symbols)
    with pytest.raises(ConfigError, match="expanding or rolling with --global-model"):
        Experiment(symbol="AAPL", panel=("AAPL", "KO"), split="combinatorial")
