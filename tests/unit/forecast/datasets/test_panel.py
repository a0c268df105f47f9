import dataclasses

import numpy as np
import pytest
from scipy.stats import rankdata

from forecast.config.experiment import Experiment
from forecast.datasets.dataset import Source, make_bars, make_windows, with_cross_sections
from forecast.datasets.lookahead_audit import certify
from forecast.datasets.panel import known_at, pool, scaled_fold, write_panel, write_scaled
from forecast.datasets.panel_audit import certify_panel
from forecast.training.local_models import local_part
from pipelines.errors import ConfigError, TooFewBarsError
from pipelines.market.calendars import session_of
from pipelines.market.types import Actions, Bars
from pipelines.preprocessing import cross_section, labels, scaling
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
    with pytest.raises(ConfigError, match="Expected one symbol or more"):
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
POOLED = Experiment(symbol="ALL", window=5, folds=4, horizon=3, panel=tuple(options["symbol"] for options in MARKETS))


@pytest.fixture
def pooled(tmp_path):
    parts = [
        (options["symbol"], make_windows(market(**options, seed=seed), POOLED)) for seed, options in enumerate(MARKETS)
    ]
    return pool(write_panel(tmp_path, parts), POOLED), dict(parts)


def test_no_row_of_any_symbol_is_known_later_than_the_first_test_decision_of_its_fold(pooled):
    dataset, parts = pooled
    last = None
    for fold in dataset.folds:
        windows = dataset.panel.windows
        first = windows.decided_at[fold.test].min()
        for symbol, own in parts.items():
            of_symbol = dataset.panel.fold_of(symbol, fold)
            for rows in (of_symbol.train, of_symbol.validation):
                assert (own.exit_at[rows] < first).all()
            assert (own.exit_at[of_symbol.train] < windows.decided_at[fold.validation].min()).all()
            assert (own.decided_at[of_symbol.test] >= first).all()
            if last is not None:  # boundaries are common: what one symbol is tested on begins where all others end
                assert (own.decided_at[of_symbol.test] > last).all()
        last = windows.decided_at[fold.test].max()
    assert len({len(dataset.panel.fold_of("YOUNG", fold).test) > 0 for fold in dataset.folds}) == 2


def test_a_symbol_is_tested_in_neighbouring_folds_and_teaches_after_its_end(pooled):
    dataset, parts = pooled
    tested = {symbol: [len(dataset.panel.fold_of(symbol, fold).test) for fold in dataset.folds] for symbol in parts}
    assert all(tested["OLD"])
    assert tested["GONE"][0] > 0
    assert tested["GONE"][-1] == 0
    assert len(dataset.panel.fold_of("GONE", dataset.folds[-1]).train) > 400
    assert sum(tested["COIN"]) == len(parts["COIN"]) - np.searchsorted(
        parts["COIN"].decided_at, dataset.panel.windows.decided_at[dataset.folds[0].test].min()
    )


def test_each_symbol_has_a_scaler_of_its_own_training_rows(pooled, tmp_path):
    dataset, parts = pooled
    scaled = write_scaled(tmp_path / "scaled.raw", dataset.panel, dataset.scalers[2])
    for symbol, own in parts.items():
        of_symbol = dataset.panel.fold_of(symbol, dataset.folds[2])
        expected = fit_scaler(own, rows=of_symbol.train)
        np.testing.assert_array_equal(dataset.scalers[2][symbol].mean, expected.mean)
        rows = dataset.panel.rows(symbol)[of_symbol.train]
        np.testing.assert_array_equal(
            gather(scaled.values, dataset.panel.windows.ends[rows], steps=5),
            gather(expected.apply(own.values), own.ends[of_symbol.train], steps=5),
        )


def certified(folder, symbol):
    """The certificate of one symbol of the panel."""
    sources = {
        options["symbol"]: Source(raw=market(**options, seed=seed), actions=Actions.none(options["symbol"]))
        for seed, options in enumerate(MARKETS)
    }
    experiment = dataclasses.replace(POOLED, symbol=symbol)
    prices = {symbol: make_bars(source, experiment) for symbol, source in sources.items()}
    panel = write_panel(folder, ((symbol, make_windows(bars, experiment)) for symbol, bars in prices.items()))
    dataset = pool(panel, experiment).of_symbol(symbol, prices[symbol])
    return certify(sources[symbol], experiment, dataset)


@pytest.mark.parametrize("symbol", ["OLD", "YOUNG", "GONE", "COIN"])
def test_each_symbol_of_a_panel_gets_its_certificate(tmp_path, symbol):
    certificate = certified(tmp_path, symbol)
    assert certificate.passed, certificate.failures
    assert certificate.compared > 100


def test_a_scaler_of_all_rows_is_caught_in_a_panel_too(tmp_path, monkeypatch):
    honest = scaling.fit_scaler
    monkeypatch.setattr(scaling, "fit_scaler", lambda windows, *, rows: honest(windows, rows=np.arange(len(windows))))
    assert any("scaler change" in failure for failure in certified(tmp_path, "OLD").failures)


def whole_panel(folder):
    sources = {
        options["symbol"]: Source(raw=market(**options, seed=seed), actions=Actions.none(options["symbol"]))
        for seed, options in enumerate(MARKETS)
    }
    prices = {symbol: make_bars(source, POOLED) for symbol, source in sources.items()}
    panel = write_panel(folder, ((symbol, make_windows(bars, POOLED)) for symbol, bars in prices.items()))
    return sources, prices, pool(panel, POOLED)


def test_one_certificate_names_the_symbols_that_it_made_again_and_checks_the_order_of_all(tmp_path):
    sources, prices, dataset = whole_panel(tmp_path)
    certificate = certify_panel(dataset, POOLED, sources=sources, bars=prices, audited=2)
    assert certificate.passed, certificate.failures
    assert (len(certificate.audited), certificate.symbols) == (2, 4)
    assert set(certificate.audited) < set(dataset.panel.symbols)
    assert certificate.to_json()["audited"] == list(certificate.audited)
    assert 0.009 < certificate.detectable_share < 0.011  # 1 - 0.05 ** (1 / 300): two times 150 cuts at random


def test_a_label_of_one_symbol_known_too_late_is_caught_though_its_chain_is_not_made_again(tmp_path):
    sources, prices, dataset = whole_panel(tmp_path)
    audited = certify_panel(dataset, POOLED, sources=sources, bars=prices, audited=1)
    other = next(symbol for symbol in dataset.tested() if symbol not in audited.audited)
    windows = dataset.panel.windows
    late = windows.exit_at.copy()
    of_other = dataset.panel.of == dataset.panel.symbols.index(other)
    late[of_other] += np.timedelta64(1, "D")
    panel = dataclasses.replace(dataset.panel, windows=dataclasses.replace(windows, exit_at=late))
    certificate = certify_panel(
        dataclasses.replace(dataset, panel=panel),
        POOLED,
        sources=sources,
        bars=prices,
        audited=1,
    )
    assert f"{other}: a label is not known when it is said to be" in certificate.failures


def test_whether_a_symbol_teaches_does_not_depend_on_whether_it_lives_to_be_tested(tmp_path):
    """A name with few training rows that dies before the test must be treated as one that lives on."""
    parts = {}
    for symbol, bars in (("LONG", 900), ("LIVES", 900), ("DIES", 500)):
        first = np.datetime64("2015-01-01")
        parts[symbol] = make_windows(market(symbol, bars=bars, first=first, calendar="24/7", seed=len(parts)), POOLED)
    dataset = pool(write_panel(tmp_path, parts.items()), POOLED)
    for fold in dataset.folds:
        rows = [set(dataset.panel.fold_of(symbol, fold).train.tolist()) for symbol in ("LIVES", "DIES")]
        assert {row for row in rows[0] if row < len(parts["DIES"])} == rows[1]


def test_tokyo_never_learns_from_a_new_york_close_that_came_later(tmp_path):
    """Both close on one date: New York 13 hours after Tokyo, whose decisions come first in real time."""
    parts = {}
    for seed, (symbol, hours) in enumerate({"7203.T": (0, 6), "AAPL": (14, 21)}.items()):
        walk = random_walk(bars=600, seed=seed, volatility=0.02)
        days = np.busday_offset("2015-01-01", np.arange(600), roll="forward").astype("datetime64[ns]")
        prices = {name: getattr(walk, name) for name in ("open", "high", "low", "close", "volume")}
        opened, closed = (days + np.timedelta64(hour, "h") for hour in hours)
        parts[symbol] = make_windows(
            Bars(symbol=symbol, interval="1d", opened_at=opened, closed_at=closed, calendar="24/7", adjusted="raw",
                 **prices),
            dataclasses.replace(POOLED, horizon=1),
        )  # fmt: skip
    dataset = pool(write_panel(tmp_path, parts.items()), dataclasses.replace(POOLED, horizon=1))
    windows = dataset.windows
    assert (np.diff(windows.decided_at) >= np.timedelta64(0)).all()
    names = dataset.symbols_of(np.arange(len(windows)))
    for fold in dataset.folds:
        learned = np.concatenate([fold.train, fold.validation])
        for tested, other in (("7203.T", "AAPL"), ("AAPL", "7203.T")):
            first = windows.decided_at[fold.test[names[fold.test] == tested]].min()
            of_other = learned[names[learned] == other]
            assert (windows.exit_at[of_other] < first).all()
            assert (windows.decided_at[of_other] < first).all()
        # the newest New York decision that Tokyo's first test may use was made on an earlier date
        tokyo = windows.decided_at[fold.test[names[fold.test] == "7203.T"]].min().astype("datetime64[D]")
        new_york = windows.decided_at[learned[names[learned] == "AAPL"]].max().astype("datetime64[D]")
        assert new_york < tokyo


def test_a_symbol_counts_on_the_days_of_its_membership_only(tmp_path):
    lines = ("OLD,2015-06-01,2016-05-31", "OLD,2017-01-02,", "YOUNG,,", "GONE,,2016-12-30", "COIN,2016-01-01,")
    experiment = dataclasses.replace(POOLED, membership=lines)
    parts = [
        (options["symbol"], make_windows(market(**options, seed=seed), experiment))
        for seed, options in enumerate(MARKETS)
    ]
    dataset = pool(write_panel(tmp_path, parts), experiment)
    names = dataset.symbols_of(np.arange(len(dataset.windows)))
    old = session_of(dataset.windows.decided_at[names == "OLD"], "XNYS")
    inside = (old >= np.datetime64("2015-06-01")) & (old <= np.datetime64("2016-05-31"))
    assert (inside | (old >= np.datetime64("2017-01-02"))).all()
    assert 200 < inside.sum() < len(inside)
    windows = make_windows(market(**MARKETS[0], seed=0), POOLED)
    member = np.isin(windows.decided_at, dataset.windows.decided_at[names == "OLD"])
    np.testing.assert_array_equal(windows.ends[member], dict(parts)["OLD"].ends)  # windows may begin before it joined
    with pytest.raises(TooFewBarsError, match="OLD: no bar with a whole window on a day of its membership"):
        make_windows(
            market(**MARKETS[0], seed=0),
            dataclasses.replace(POOLED, panel=("OLD", "YOUNG"), membership=("OLD,1990-01-01,1991-01-01", "YOUNG,,")),
        )


def test_above_median_is_half_of_the_names_of_each_moment_and_known_when_the_last_return_is(tmp_path):
    experiment = dataclasses.replace(POOLED, label="above-median", panel=("A", "B", "C", "D"), horizon=2)
    first = np.datetime64("2015-01-01")
    parts = {
        name: make_windows(market(name, bars=400 - gap, first=first, calendar="24/7", seed=seed), experiment)
        for seed, (name, gap) in enumerate({"A": 0, "B": 0, "C": 0, "D": 150}.items())
    }
    late = parts["B"].exit_at.copy()
    late[300] += np.timedelta64(30, "D")  # B is not traded for a month: the medians of that day are known as late
    parts["B"] = dataclasses.replace(parts["B"], exit_at=late)
    dataset = pool(write_panel(tmp_path, parts.items()), experiment)
    windows = dataset.windows
    for moment in np.unique(windows.decided_at)[[0, 100, 300]]:
        of_moment = windows.decided_at == moment
        returns = windows.forward_return[of_moment]
        np.testing.assert_array_equal(windows.targets[of_moment], returns > np.median(returns))
        assert (known_at(windows)[of_moment] == windows.exit_at[of_moment].max()).all()
    for fold in dataset.folds:
        tested = windows.decided_at[fold.test].min()
        for rows in (fold.train, fold.validation):
            assert (known_at(windows)[rows] < tested).all()
    scaled, _, _ = scaled_fold(tmp_path / "fold.raw", dataset, 0)
    np.testing.assert_array_equal(scaled.targets, windows.targets)
    with pytest.raises(ConfigError, match="Expected a panel with label above-median"):
        Experiment("A", label="above-median")


def test_above_median_teaches_nothing_of_a_name_that_is_alone_at_its_moment(tmp_path):
    """OLD trades a year before the others are listed: alone, its return is never above the median of its day."""
    experiment = dataclasses.replace(POOLED, label="above-median", panel=("OLD", "B", "C"), horizon=1)
    histories = {
        name: market(name, bars=bars, first=np.datetime64(first), calendar="24/7", seed=seed)
        for seed, (name, bars, first) in enumerate(
            [("OLD", 900, "2014-01-01"), ("B", 535, "2015-01-01"), ("C", 535, "2015-01-01")]
        )
    }
    parts = {name: make_windows(history, experiment) for name, history in histories.items()}
    dataset = pool(write_panel(tmp_path, parts.items()), experiment)
    alone = dataset.windows.decided_at < min(parts[name].decided_at[0] for name in ("B", "C"))
    assert alone.sum() > 300
    for fold in dataset.folds:
        learned = np.concatenate([fold.train, fold.validation])
        assert not fold.weights[learned[alone[learned]]].any()
        assert (fold.weights[learned[~alone[learned]]] == 1.0).all()
    together = dataset.folds[-1].train[~alone[dataset.folds[-1].train]]
    assert dataset.windows.targets[together].mean() == pytest.approx(1 / 3)  # of three names, one is above their median
    local = pool(dataset.panel, dataclasses.replace(experiment, local_models=True))
    old = local_part(local, "OLD", histories["OLD"], experiment)
    listed = min(parts[name].decided_at[0] for name in ("B", "C"))
    for fold in old.folds:
        learned = np.concatenate([fold.train, fold.validation])
        np.testing.assert_array_equal(fold.weights[learned], old.windows.decided_at[learned] >= listed)


def test_a_symbol_with_a_model_of_its_own_sits_out_where_too_few_of_its_rows_teach(tmp_path):
    """BBB moves by more than it costs every tenth bar: too few of the 130 rows before the test teach anything."""
    parts = {symbol: random_walk_windows(bars=400, steps=5, seed=seed)[1] for seed, symbol in enumerate(SYMBOLS)}
    seldom = (np.arange(len(parts["BBB"])) % 10 == 0).astype(np.float64)
    parts["BBB"] = dataclasses.replace(parts["BBB"], label_weights=seldom)
    experiment = Experiment("P", panel=tuple(SYMBOLS), window=5, folds=1, local_models=True, models=("lstm",))
    (scalers,) = pool(write_panel(tmp_path, parts.items()), experiment).scalers
    assert sorted(scalers) == ["AAA", "CCC"]


def test_a_panel_of_one_symbol_or_of_one_twice_is_refused():
    for symbols in (("AAPL",), ("AAPL", "AAPL")):
        with pytest.raises(ConfigError, match="Expected 2 symbols or more of a panel, each once, got"):
            Experiment(symbol="AAPL", panel=symbols)
    with pytest.raises(ConfigError, match="expanding or rolling for a panel"):
        Experiment(symbol="AAPL", panel=("AAPL", "KO"), split="combinatorial")


ACROSS = dataclasses.replace(POOLED, features=("return", "rank:return", "relative:range"))


def panel_across(folder):
    sources = {
        options["symbol"]: Source(raw=market(**options, seed=seed), actions=Actions.none(options["symbol"]))
        for seed, options in enumerate(MARKETS)
    }
    alone = {symbol: make_bars(source, ACROSS) for symbol, source in sources.items()}
    prices = with_cross_sections(alone, ACROSS)
    sources = {symbol: dataclasses.replace(source, across=prices[symbol]) for symbol, source in sources.items()}
    panel = write_panel(folder, ((symbol, make_windows(bars, ACROSS)) for symbol, bars in prices.items()))
    return sources, prices, pool(panel, ACROSS)


def test_features_across_symbols_pass_when_the_whole_panel_ends_early(tmp_path):
    sources, prices, dataset = panel_across(tmp_path)
    certificate = certify_panel(dataset, ACROSS, sources=sources, bars=prices, audited=1)
    assert certificate.passed, certificate.failures


def test_a_rank_that_knows_a_later_bar_is_caught(tmp_path, monkeypatch):
    def leaky(values, member):
        rank, distance = honest(values, member)
        return rank + 1e-9 * np.nan_to_num(values[-1]), distance

    honest = cross_section._compare_rows
    monkeypatch.setattr(cross_section, "_compare_rows", leaky)
    sources, prices, dataset = panel_across(tmp_path)
    certificate = certify_panel(dataset, ACROSS, sources=sources, bars=prices, audited=1)
    assert any(failure.startswith("features across symbols change") for failure in certificate.failures)


def test_a_rank_is_among_the_members_of_its_day():
    prices = {
        name: market(name, bars=120, first=np.datetime64("2015-01-01"), calendar="24/7", seed=seed)
        for seed, name in enumerate("ABC")
    }
    days = ("A,,", "B,,", "C,,2015-02-28")
    experiment = dataclasses.replace(ACROSS, features=("return", "rank:return"), panel=tuple("ABC"), membership=days)
    rank = with_cross_sections(prices, experiment)["A"].joined["rank:return"]
    assert set(rank[1:58].tolist()) == {0.0, 0.5, 1.0}
    assert set(rank[60:].tolist()) == {0.0, 1.0}  # B alone is left to compare with


def test_a_row_whose_median_is_known_too_late_is_caught(tmp_path, monkeypatch):
    """B is traded a month late from one day on: the purging that looks at each symbol's own exit leaves A's rows in."""
    experiment = dataclasses.replace(POOLED, label="above-median", panel=("A", "B"), horizon=1)
    prices = {
        name: market(name, bars=400, first=np.datetime64("2015-01-01"), calendar="24/7", seed=seed)
        for seed, name in enumerate("AB")
    }
    parts = {name: make_windows(bars, experiment) for name, bars in prices.items()}
    month = np.where(np.arange(len(parts["B"])) >= 100, np.timedelta64(30, "D"), np.timedelta64(0, "D"))
    parts["B"] = dataclasses.replace(parts["B"], exit_at=parts["B"].exit_at + month)
    panel = write_panel(tmp_path, parts.items())
    late = "a validation row of fold 3 is known too late for what it is tested on"
    honest = certify_panel(pool(panel, experiment), experiment, sources={}, bars=prices, audited=0)
    assert late not in honest.failures
    monkeypatch.setattr("forecast.datasets.panel.known_at", lambda windows: windows.exit_at)
    careless = certify_panel(pool(panel, experiment), experiment, sources={}, bars=prices, audited=0)
    assert late in careless.failures


def test_a_relative_label_is_the_rank_of_a_return_among_those_of_its_moment(tmp_path):
    experiment = dataclasses.replace(POOLED, label="relative", panel=("A", "B", "C"))
    first = np.datetime64("2015-01-01")
    parts = {
        name: make_windows(market(name, bars=300, first=first, calendar="24/7", seed=seed), experiment)
        for seed, name in enumerate("ABC")
    }
    windows = pool(write_panel(tmp_path, parts.items()), experiment).windows
    for moment in np.unique(windows.decided_at)[[0, 150]]:
        rows = windows.decided_at == moment
        np.testing.assert_allclose(windows.targets[rows], (rankdata(windows.forward_return[rows]) - 1.0) / 2.0)
    tied = labels.relative(np.array([1.0, 2.0, 2.0, 5.0]), np.array([0, 0, 0, 1], dtype="datetime64[ns]"))
    assert tied.tolist() == [0.0, 0.75, 0.75, 0.5]  # the last one is alone at its moment


COMMON = dataclasses.replace(POOLED, scaling="panel")


def test_a_scaler_over_the_panel_is_fitted_on_the_training_rows_of_all(tmp_path):
    sources, prices, _ = whole_panel(tmp_path)
    panel = write_panel(
        tmp_path / "common", ((symbol, make_windows(windows, COMMON)) for symbol, windows in prices.items())
    )
    dataset = pool(panel, COMMON)
    ends = panel.windows.ends[dataset.folds[0].train]
    covered = np.unique(ends[:, None] - np.arange(panel.windows.steps))
    expected = panel.windows.values[covered].astype(np.float64)
    for scaler in dataset.scalers[0].values():
        np.testing.assert_allclose(scaler.mean, expected.mean(axis=0))
        np.testing.assert_allclose(scaler.scale, expected.std(axis=0))
    certificate = certify_panel(dataset, COMMON, sources=sources, bars=prices, audited=1)
    assert certificate.passed, certificate.failures


def test_a_scaler_over_the_panel_that_saw_later_rows_is_caught(tmp_path, monkeypatch):
    sources, prices, _ = whole_panel(tmp_path)
    honest = scaling.fit_scaler
    monkeypatch.setattr(scaling, "fit_scaler", lambda windows, *, rows: honest(windows, rows=np.arange(rows[-1] + 50)))
    panel = write_panel(
        tmp_path / "common", ((symbol, make_windows(windows, COMMON)) for symbol, windows in prices.items())
    )
    certificate = certify_panel(pool(panel, COMMON), COMMON, sources=sources, bars=prices, audited=1)
    assert any("the scaler of fold 0 changes" in failure for failure in certificate.failures)
