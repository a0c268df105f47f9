"""The account of a panel against one kept in cash and shares, name by name, with none of its code."""

import dataclasses
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from sklearn.isotonic import IsotonicRegression

from forecast.config.trading import Costs, TradingConfig
from forecast.evaluation.backtest import evaluate
from forecast.evaluation.panel import accounts, lookahead_audit, shares
from forecast.evaluation.panel.rows import panel_rows
from forecast.report import write_report
from forecast.trading.signals import ENSEMBLE
from pipelines.errors import ConfigError, RunError
from pipelines.market.calendars import schedule
from tests.helpers.panel_runs import panel_bars, panel_run
from tests.helpers.reference_backtest import keep_book

NAMES = ("A", "B", "C", "D", "E", "F")
COSTS = Costs(fee_bps=3, slippage_bps=2, borrow_rate=0.05, financing_rate=0.04)


@pytest.fixture
def prices():
    """Six symbols: C is listed late, D is delisted early, E has days without a bar and B one without volume."""
    bars = {name: panel_bars(name, bars=500) for name in NAMES}
    late = bars["C"]
    bars["C"] = late.rows(slice(150, None))
    bars["D"] = bars["D"].rows(slice(0, 380))
    bars["E"] = bars["E"].rows(np.delete(np.arange(500), [330, 331, 400]))
    volume = bars["B"].volume.copy()
    volume[[340, 341, 420]] = 0.0
    bars["B"] = dataclasses.replace(bars["B"], volume=volume)
    return bars


@pytest.fixture
def run(tmp_path, prices):
    return panel_run(
        tmp_path / "runs", tmp_path, prices=prices, edge={"simple_rnn": 0.0, "lstm": 0.3, "logistic": 0.1}
    )[0]


def finished_again(run, predictions):
    """The same run with other predictions."""
    rest = {"validation": run.validation(), "history": run.history(), "certificate": run.certificate()}
    run.finish(predictions=predictions, seconds=1.0, **rest)


def slow_shares(day, policy):
    """Shares of one day's {symbol: probability}, as a person would work them out; no ties."""
    ranked = sorted(day, key=day.get, reverse=True)
    kind, *numbers = policy.split(":")
    if kind == "top":
        count = min(int(numbers[0]), len(ranked))
        return dict.fromkeys(ranked[:count], 1 / count)
    if kind == "top-bottom":
        count = min(int(numbers[0]), len(ranked) // 2)
        return dict.fromkeys(ranked[:count], 1 / count) | dict.fromkeys(ranked[::-1][:count], -1 / count)
    if kind == "rank-weighted":
        middle = (len(ranked) - 1) / 2
        above = [middle - place for place in range(len(ranked))]
        side = sum(value for value in above if value > 0)
        return {name: value / side for name, value in zip(ranked, above, strict=True)} if side else {}
    return {name: 1 / len(ranked) for name in ranked}


def slow_account(run, prices, policy, model):
    """The same account day by day from predictions.parquet and bars.parquet."""
    predictions, bars = run.predictions(), run.bars()
    of_model = predictions[predictions["model"] == model]
    mean = of_model.groupby(["symbol", "decided_at", "entry_at"])["probability"].mean().reset_index()
    weights, entries = {}, {}
    for _, day in mean.groupby("decided_at"):
        shares = slow_shares(dict(zip(day["symbol"], day["probability"], strict=True)), policy)
        for symbol, at in zip(day["symbol"], day["entry_at"], strict=True):
            weights[symbol, at] = shares.get(symbol, 0.0)
            entries.setdefault(symbol, []).append(at)
    own = {symbol: rows.set_index("opened_at") for symbol, rows in bars.groupby("symbol")}
    times = set()
    spans = {}
    for symbol, at in entries.items():
        opened = list(own[symbol].index)
        spans[symbol] = opened[opened.index(min(at)) : opened.index(max(at)) + 2]
        times |= set(spans[symbol])
    times = sorted(times)
    opens, targets, tradable = [], [], []
    for symbol in sorted(entries):
        span, price = spans[symbol], float(own[symbol].loc[spans[symbol][0], "open"])
        o, w, t = [], [], []
        for at in times:
            alive = at in span
            if alive:
                price = float(own[symbol].loc[at, "open"])
            o.append(price)
            w.append(weights.get((symbol, at), 0.0))
            before_or_after = at < span[0] or at > span[-1]
            t.append(before_or_after or (alive and (own[symbol].loc[at, "volume"] > 0 or at == span[-1])))
        opens.append(o)
        targets.append(w[:-1])
        tradable.append(t)
    return keep_book(
        times=[datetime.fromtimestamp(at.timestamp(), UTC) for at in times],
        opens=opens,
        targets=targets,
        rates=[[COSTS.rate] * len(times) for _ in opens],
        tradable=tradable,
        borrow=COSTS.borrow_rate,
        financing=COSTS.financing_rate,
    ), times


@pytest.mark.parametrize("policy", ["top-bottom:2", "top:2", "rank-weighted", "top-bottom:50"])
def test_the_account_of_a_panel_is_that_of_a_slow_reference(run, prices, policy):
    backtest = evaluate(run, rules=TradingConfig(policy=policy, costs=COSTS))
    for model in ("lstm", "simple_rnn"):
        book, times = slow_account(run, prices, policy, model)
        ledger = backtest.ledger[(backtest.ledger["model"] == model) & (backtest.ledger["member"] == ENSEMBLE)]
        assert list(ledger["time"]) == times
        np.testing.assert_allclose(ledger["net_return"], book.net, rtol=0, atol=1e-12)
        np.testing.assert_allclose(ledger["cost"], book.paid, rtol=0, atol=1e-12)


def test_holding_the_universe_is_an_equal_part_of_every_symbol_alive(run, prices):
    """One day: the part of each is 1 / names alive, and a name without a bar that day keeps its part."""
    backtest = evaluate(run, rules=TradingConfig(costs=Costs(fee_bps=0, slippage_bps=0)))
    buy_and_hold = backtest.ledger[backtest.ledger["model"] == "buy_and_hold"].set_index("time")
    day = pd.Timestamp(prices["A"].opened_at[300], tz="UTC")
    rows = run.predictions()
    alive = sorted(set(rows[rows["entry_at"] == day]["symbol"]))
    assert alive == ["A", "B", "D", "E", "F"]  # C has too little history to be tested yet
    own = [bars.rows(slice(int(np.searchsorted(bars.opened_at, prices["A"].opened_at[300])), None)) for bars in
           (prices[name] for name in alive)]  # fmt: skip
    assert buy_and_hold.loc[day, "net_return"] == pytest.approx(
        np.mean([e.open[1] / e.open[0] - 1 for e in own]), abs=1e-12
    )
    assert buy_and_hold["position"].iloc[:-1].max() < 1.2
    cash = backtest.ledger[backtest.ledger["model"] == "cash"]
    assert not cash["net_return"].any()


def test_a_planted_edge_is_skill_over_the_panel_and_no_edge_is_none(tmp_path):
    prices = {f"S{place:02}": panel_bars(f"S{place:02}", bars=700) for place in range(20)}
    run, _ = panel_run(
        tmp_path / "runs", tmp_path, prices=prices, edge={"simple_rnn": 0.0, "lstm": 0.2}, baselines=(), seeds=3
    )
    backtest = evaluate(run, rules=TradingConfig(policy="top-bottom:4", costs=Costs(fee_bps=0, slippage_bps=0)))
    comparisons = {
        (comparison["model"], comparison["benchmark"]): comparison
        for comparison in backtest.metrics["verdict"]["comparisons"]
        if comparison["question"] == "skill"
    }
    assert comparisons["lstm", "simple_rnn"]["answer"] == "better"
    assert comparisons["lstm", "base_rate"]["answer"] == "better"
    assert comparisons["simple_rnn", "base_rate"]["answer"] == "inconclusive"
    panel = backtest.metrics["panel"]
    assert panel["rank_ic"]["lstm"]["mean"] == pytest.approx(0.19, abs=0.03)  # 0.2 / sqrt(1.04)
    assert panel["rank_ic"]["lstm"]["t"] > 10
    assert panel["rank_ic"]["lstm"]["decay"]["1"] > 3 * abs(panel["rank_ic"]["lstm"]["decay"]["20"])
    returns = panel["quantiles"]["lstm"]["returns"]
    assert returns[-1] > 0 > returns[0]
    assert panel["in_symbols"]["lstm"]["of"] == 20
    assert panel["in_symbols"]["lstm"]["positive"] >= 17
    assert panel["names_held"]["lstm"] == {"long": 4.0, "short": 4.0}
    assert backtest.metrics["performance"]["lstm"]["ensemble"]["exposure"] == pytest.approx(2.0)


def test_contributions_of_the_symbols_add_up_to_what_the_account_earned_less_costs(run):
    backtest = evaluate(run, rules=TradingConfig(policy="top-bottom:2", costs=Costs(fee_bps=5, slippage_bps=0)))
    ledger = backtest.ledger[(backtest.ledger["model"] == "lstm") & (backtest.ledger["member"] == ENSEMBLE)]
    total = sum(row["contribution"]["lstm"] for row in backtest.metrics["panel"]["by_symbol"])
    assert total == pytest.approx(float((ledger["gross_return"] - ledger["cost"]).sum()), abs=1e-12)


def test_the_backtest_of_the_same_run_and_rules_is_the_same_twice(run):
    rules = TradingConfig(policy="top-drop:2:1", costs=COSTS)
    first, second = evaluate(run, rules=rules), evaluate(run, rules=rules)
    pd.testing.assert_frame_equal(first.ledger, second.ledger)
    assert first.metrics == second.metrics
    assert first.metrics["certificate"]["passed"]


def test_shares_of_a_day_do_not_depend_on_days_after_it(run):
    """Predictions from a day on are replaced: every position before it stays."""
    rules = TradingConfig(policy="top-drop:2:1", costs=COSTS)
    signals = evaluate(run, rules=rules).signals
    predictions = run.predictions()
    cut = predictions["decided_at"].sort_values().iloc[len(predictions) // 2]
    later = (predictions["decided_at"] >= cut).to_numpy()
    rng = np.random.default_rng(0)
    other = predictions.assign(probability=np.where(later, rng.random(len(later)), predictions["probability"]))
    rows = panel_rows(other)
    from forecast.config.policies import cross_sectional
    from forecast.trading.cross_section import target_weights

    for (model, member), chance in rows.probability.items():
        if member == ENSEMBLE:
            again = target_weights(chance, rows.decided_at, rows.symbol, policy=cross_sectional(rules.policy))
            of_model = signals[signals["model"] == model].reset_index(drop=True)
            before = (of_model["decided_at"] < cut).to_numpy()
            np.testing.assert_array_equal(of_model["target"].to_numpy()[before], again[before])
            assert (of_model["target"].to_numpy()[~before] != again[~before]).any()


@pytest.mark.parametrize("policy", ["long-flat", "long-short", "top:2", "quantile:0.3", "top-drop:3:1"])
@pytest.mark.parametrize("weighting", ["equal", "inverse-volatility"])
def test_every_policy_gives_a_page(run, tmp_path, policy, weighting):
    backtest = evaluate(run, rules=TradingConfig(policy=policy, weighting=weighting, costs=COSTS))
    page = write_report(run, backtest=backtest.name, folder=tmp_path / "reports").read_text()
    assert f"certificate {backtest.metrics['certificate']['sha256'][:16]}" in page
    for text in (
        "Ranks across the symbols",
        "By symbol",
        "survivorship bias",
        "a panel of 6 symbols",
        "What can veto",
        "Trial log",
    ):
        assert text in page
    assert backtest.metrics["performance"]["lstm"]["ensemble"]["exposure"] <= 2.0 + 1e-9
    assert backtest.metrics["certificate"]["passed"]


def test_equal_probabilities_hold_nothing_on_two_sides_and_everything_on_one(tmp_path, prices):
    run, _ = panel_run(tmp_path / "runs", tmp_path, prices=prices, edge={"lstm": 0.0}, baselines=())
    table = run.predictions().assign(probability=0.5)
    finished_again(run, table)
    two = evaluate(run, rules=TradingConfig(policy="top-bottom:2", costs=COSTS))
    assert not two.ledger[two.ledger["model"] == "lstm"]["position"].any()
    one = evaluate(run, rules=TradingConfig(policy="top:2", costs=COSTS))
    returns = one.ledger[one.ledger["member"] == ENSEMBLE].pivot(index="time", columns="model", values="net_return")
    days_without_gaps = returns.index < pd.Timestamp(prices["A"].opened_at[320], tz="UTC")
    np.testing.assert_allclose(
        returns["lstm"][days_without_gaps], returns["buy_and_hold"][days_without_gaps], atol=1e-12
    )


@pytest.mark.parametrize("horizon", [1, 5, 20])
def test_a_delisting_at_almost_nothing_is_lost_whole(tmp_path, horizon):
    """D falls to a ten-thousandth on its last bar: who holds it alone loses all, who holds all four a quarter.

    Its last bars have no label, and so no decision: that they are the last ones was not known.
    """
    prices = {name: panel_bars(name, bars=400, volatility=0.001) for name in ("A", "B", "C", "D")}
    dead = prices["D"].rows(slice(0, 300))
    columns = {name: getattr(dead, name).copy() for name in ("open", "high", "low", "close")}
    for name in columns:
        columns[name][-1] *= 1e-4
    prices["D"] = dataclasses.replace(dead, **columns)
    run, _ = panel_run(
        tmp_path / "runs", tmp_path, prices=prices, edge={"lstm": 0.0}, baselines=(), folds=1, horizon=horizon
    )
    table = run.predictions()
    finished_again(run, table.assign(probability=np.where(table["symbol"] == "D", 0.9, 0.5)))
    backtest = evaluate(run, rules=TradingConfig(policy="top:1", costs=Costs(fee_bps=0, slippage_bps=0)))
    ledger = backtest.ledger[(backtest.ledger["model"] == "lstm") & (backtest.ledger["member"] == ENSEMBLE)]
    assert float(np.prod(1.0 + ledger["net_return"])) == pytest.approx(1e-4, rel=0.2)
    buy_and_hold = backtest.ledger[backtest.ledger["model"] == "buy_and_hold"]
    assert float(np.prod(1.0 + buy_and_hold["net_return"])) == pytest.approx(0.75, abs=0.01)
    assert buy_and_hold["position"].max() < 1.02  # while D is kept, its quarter is not there for the others
    assert backtest.metrics["trading"]["ended"] == {"D": "2015-10-27"}


def test_ten_names_that_enter_and_leave_by_date_are_held_as_worked_out_by_hand(tmp_path):
    """A is always forecast highest and J lowest. A leaves on 31 August, B enters on 10 September, J leaves on the 20th.

    A decision at a day's close is filled at the next day's open.
    """
    names = "ABCDEFGHIJ"
    bars = {name: panel_bars(name, bars=280) for name in names}
    membership = ("A,,2015-08-31", "B,2015-09-10,", "J,,2015-09-20", *(f"{name},," for name in "CDEFGHI"))
    run, _ = panel_run(
        tmp_path / "runs", tmp_path, prices=bars, edge={"lstm": 0.0}, baselines=(), seeds=1, folds=1,
        membership=membership, scaling="panel",
    )  # fmt: skip
    table = run.predictions()
    finished_again(run, table.assign(probability=0.6 - 0.01 * table["symbol"].map(names.index)))
    free = Costs(fee_bps=0, slippage_bps=0)
    backtest = evaluate(run, rules=TradingConfig(policy="top-bottom:2", costs=free))
    by_hand = {
        ("2015-08-20", "2015-08-31"): ("AC", "IJ"),
        ("2015-09-01", "2015-09-09"): ("CD", "IJ"),
        ("2015-09-10", "2015-09-20"): ("BC", "IJ"),
        ("2015-09-21", "2015-09-28"): ("BC", "HI"),
    }
    signals = backtest.signals[backtest.signals["model"] == "lstm"].set_index("decided_at")
    earned = backtest.ledger[(backtest.ledger["model"] == "lstm") & (backtest.ledger["member"] == ENSEMBLE)].set_index(
        "time"
    )
    opens = pd.DataFrame({name: pd.Series(own.open, own.opened_at) for name, own in bars.items()}).tz_localize("UTC")
    returns = opens.shift(-1) / opens - 1.0
    for (first, last), (long, short) in by_hand.items():
        for day in pd.date_range(first, last, tz="UTC"):
            closed = opened = day + pd.Timedelta(days=1)
            targets = signals.loc[closed].set_index("symbol")["target"]
            assert targets[targets > 0].to_dict() == dict.fromkeys(long, 0.5), day
            assert targets[targets < 0].to_dict() == dict.fromkeys(short, -0.5), day
            expected = 0.5 * (returns.loc[opened, list(long)].sum() - returns.loc[opened, list(short)].sum())
            assert earned.loc[opened, "gross_return"] == pytest.approx(expected, abs=1e-12), day
    assert backtest.metrics["trading"]["left"] == {"A": "2015-09-02", "J": "2015-09-22"}
    assert backtest.metrics["trading"]["ended"] == {}


def test_a_policy_of_ranks_says_buy_again_after_a_time_outside_the_universe(tmp_path, prices):
    """A is the highest on all its days: bought, sold while it is no member, bought again."""
    run, _ = panel_run(tmp_path / "runs", tmp_path, prices=prices, edge={"lstm": 0.0}, baselines=(), seeds=1)
    table = run.predictions()
    days = sorted(table.loc[table["symbol"] == "A", "decided_at"].unique())
    away = (table["symbol"] == "A") & table["decided_at"].isin(days[10:20])
    finished_again(run, table.assign(probability=np.where(table["symbol"] == "A", 0.9, 0.5))[~away])
    decisions = evaluate(run, rules=TradingConfig(policy="top:1", costs=COSTS)).signals
    signals = decisions[(decisions["symbol"] == "A") & (decisions["model"] == "lstm")].set_index("decided_at")["signal"]
    assert list(signals[signals != "hold"].index) == [days[0], days[20]]
    assert set(signals[signals != "hold"]) == {"buy"}


def test_a_hold_after_a_time_outside_the_universe_holds_nothing(tmp_path, prices):
    """A is bought, leaves for twenty days and is sold; back again, it is held as little as it is there."""
    run, _ = panel_run(tmp_path / "runs", tmp_path, prices=prices, edge={"lstm": 0.0}, baselines=(), folds=1)
    table = run.predictions()
    days = table[table["symbol"] == "A"]["decided_at"].drop_duplicates().sort_values().tolist()
    of_a = table["symbol"] == "A"
    table = table.assign(probability=np.where(of_a & (table["decided_at"] == days[10]), 0.9, 0.5))
    finished_again(run, table[~(of_a & table["decided_at"].isin(days[20:40]))])
    backtest = evaluate(run, rules=TradingConfig(threshold=0.1, costs=COSTS))
    decisions = backtest.signals[(backtest.signals["symbol"] == "A") & (backtest.signals["model"] == "lstm")].set_index(
        "decided_at"
    )
    assert (decisions.loc[days[10] : days[19], "target"] > 0).all()
    assert not decisions.loc[days[40] :, "target"].any()


def test_rules_that_a_panel_cannot_follow_are_one_line(run):
    for rules in (TradingConfig(sizing="kelly"), TradingConfig(sizing="volatility")):
        with pytest.raises(ConfigError, match="for a panel, got"):
            evaluate(run, rules=rules)
    with pytest.raises(ConfigError, match="long-flat or long-short with threshold auto, got top:2"):
        evaluate(run, rules=TradingConfig(policy="top:2", threshold="auto"))


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    folder = tmp_path_factory.mktemp("long")
    bars = {name: panel_bars(name, bars=1_300) for name in NAMES}
    return panel_run(folder / "runs", folder, prices=bars, edge={"lstm": 0.5}, baselines=(), seeds=1, folds=2)[0]


@pytest.mark.parametrize("kind", ["temperature", "isotonic"])
def test_probabilities_of_a_panel_are_recalibrated_on_the_validation_rows_of_all_symbols(long, kind):
    """As scikit-learn maps them, or by the one number of the highest likelihood; the target of no test row matters."""
    backtest = evaluate(long, rules=TradingConfig(calibration=kind, costs=COSTS))
    signals = backtest.signals[backtest.signals["model"] == "lstm"]
    probability = signals.set_index(["decided_at", "symbol"])["probability"]
    assert backtest.metrics["certificate"]["passed"]
    raw, validation = long.predictions(), long.validation()
    for fold, rows in raw[raw["model"] == "lstm"].groupby("fold"):
        checked = validation[(validation["model"] == "lstm") & (validation["fold"] == fold)]
        assert len(checked) >= 200
        up = checked["target"].to_numpy() > 0.5
        if kind == "isotonic":
            edge = 1.0 / (len(checked) + 2.0)
            fitted = IsotonicRegression(y_min=edge, y_max=1.0 - edge, out_of_bounds="clip")
            expected = fitted.fit(checked["probability"], up).predict(rows["probability"])
        else:
            odds = np.log(checked["probability"] / (1.0 - checked["probability"])).to_numpy()
            at = np.arange(0.01, 20.0, 0.01)
            likelihood = [-np.logaddexp(0.0, np.where(up, -odds, odds) * inverse).sum() for inverse in at]
            inverse = at[int(np.argmax(likelihood))]
            ratio = (rows["probability"] / (1.0 - rows["probability"])) ** inverse
            expected = (ratio / (1.0 + ratio)).to_numpy()
        calibrated = probability.loc[pd.MultiIndex.from_frame(rows[["decided_at", "symbol"]])].to_numpy()
        np.testing.assert_allclose(calibrated, expected, rtol=0.0, atol=1e-12 if kind == "isotonic" else 2e-3)


def test_the_threshold_of_a_panel_is_the_one_that_earned_most_on_the_validation_rows_of_each_fold(tmp_path):
    """Forecasts 0.04 from 0.5 that are always wrong in fold 0: of all bands that trade none of them 0.05 is the first.

    In fold 1 those 0.004 from it are always right: every band but 0 misses them.
    """
    bars = {name: panel_bars(name, bars=400) for name in NAMES}
    run, _ = panel_run(tmp_path / "runs", tmp_path, prices=bars, edge={"lstm": 0.0, "logistic": 0.0}, folds=2)
    checked, fold = run.validation(), run.validation()["fold"].to_numpy()
    side = np.where(checked["forward_return"] > 0.0, 1.0, -1.0) * np.where(fold == 0, -0.04, 0.004)
    rest = {"predictions": run.predictions(), "history": run.history(), "certificate": run.certificate()}
    run.finish(validation=checked.assign(probability=0.5 + side), seconds=1.0, **rest)
    backtest = evaluate(run, rules=TradingConfig(threshold="auto", costs=Costs(fee_bps=0, slippage_bps=0)))
    assert backtest.metrics["trading"]["chosen_thresholds"] == backtest.config["chosen_bands"] == {"lstm": [0.05, 0.0]}
    assert backtest.metrics["certificate"]["passed"]
    page = write_report(run, backtest=backtest.name, folder=tmp_path / "reports").read_text()
    assert "Thresholds chosen on the validation rows of each fold: the LSTM 0.05, 0" in page
    rows = backtest.signals[
        backtest.signals["decided_at"].isin(set(run.predictions().query("fold == 0")["decided_at"]))
    ]
    for model, band in (("lstm", 0.05), ("logistic", 0.0)):
        of_model = rows[rows["model"] == model]
        assert ((of_model["signal"] == "buy") == (of_model["probability"] > 0.5 + band)).all()


def test_a_policy_of_ranks_over_two_calendars_is_one_line(tmp_path, prices):
    both = {**prices, "B": dataclasses.replace(prices["B"], calendar="XNYS")}
    run, _ = panel_run(tmp_path / "runs", tmp_path, prices=both, edge={"lstm": 0.0}, baselines=())
    with pytest.raises(ConfigError, match=r"Expected symbols of one calendar for policy top:2, .* got 24/7, XNYS"):
        evaluate(run, rules=TradingConfig(policy="top:2"))
    assert evaluate(run, rules=TradingConfig()).metrics["verdict"]["status"] == "ok"


def exchange_bars(symbol, calendar, *, days):
    """A symbol on the days and hours of its exchange, holidays and half days included."""
    sessions = schedule(calendar)
    inside = (sessions.date >= np.datetime64(days[0])) & (sessions.date <= np.datetime64(days[1]))
    bars = panel_bars(symbol, bars=int(inside.sum()))
    return dataclasses.replace(
        bars, opened_at=sessions.open[inside], closed_at=sessions.close[inside], calendar=calendar
    )


def test_tokyo_and_new_york_are_one_account_over_the_years_that_it_lasted(tmp_path):
    """Always long is holding: in return, in exposure, and a year is a year though the account has 500 opens in it."""
    days = ("2015-01-02", "2017-12-29")
    prices = {name: exchange_bars(name, calendar, days=days)
              for name, calendar in (("A", "XNYS"), ("B", "XNYS"), ("J", "XTKS"), ("K", "XTKS"))}  # fmt: skip
    run, _ = panel_run(tmp_path / "runs", tmp_path, prices=prices, edge={"lstm": 0.0}, baselines=())
    run.finish(
        predictions=run.predictions().assign(probability=0.6), validation=run.validation().assign(probability=0.6),
        history=run.history(), certificate=run.certificate(), seconds=1.0,
    )  # fmt: skip
    backtest = evaluate(run, rules=TradingConfig(costs=Costs(fee_bps=2, slippage_bps=1)))
    ensembles = backtest.ledger[backtest.ledger["member"] == ENSEMBLE]
    net = ensembles.pivot(index="time", columns="model", values="net_return")
    np.testing.assert_allclose(net["same_exposure:lstm"], net["buy_and_hold"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(net["lstm"], net["buy_and_hold"], rtol=0, atol=1e-12)
    years = (net.index[-1] - net.index[0]) / pd.Timedelta(days=365.25)
    assert backtest.metrics["period"]["years"] == pytest.approx(years, rel=0.02)
    grown = float(np.prod(1.0 + net["lstm"]))
    performance = backtest.metrics["performance"]["lstm"]["ensemble"]
    assert performance["annual_return"] == pytest.approx(grown ** (1.0 / years) - 1.0, rel=0.03)


def test_a_difference_of_accounts_over_several_names_is_not_split_by_one_position(run):
    """Long and short by the same amount is no exposure of two: there is no one position to split by."""
    backtest = evaluate(run, rules=TradingConfig(policy="top-bottom:2", costs=COSTS))
    money = [
        comparison for comparison in backtest.metrics["verdict"]["comparisons"] if comparison["question"] == "money"
    ]
    assert money
    assert all(comparison["attribution"] is None for comparison in money)


def test_a_symbol_that_decides_twice_at_a_time_is_one_line(run):
    table = run.predictions()
    first = table[(table["model"] == "lstm") & (table["seed"] == 0)]
    with pytest.raises(RunError, match="did not decide at the same times"):
        panel_rows(pd.concat([table, first.head(1)]))
    doubled = pd.concat([table, table.groupby(["model", "seed"], sort=False).head(1)])
    with pytest.raises(RunError, match="one decision of a symbol at a time"):
        panel_rows(doubled)


def test_the_capacity_is_that_of_the_volumes_traded_on_each_day(run, prices):
    metrics = evaluate(run, rules=TradingConfig(policy="top:1")).metrics
    (capacity,) = [metrics["panel"]["capacity"]["lstm"]]
    signals = run.backtest(run.backtests()[-1]).signals.query("model == 'lstm'")
    entries = run.predictions().query("model == 'lstm' and seed == 0").set_index(["symbol", "decided_at"])["entry_at"]
    parts = []
    for symbol, own in signals.groupby("symbol"):
        bars = run.bars().query("symbol == @symbol").set_index("opened_at")
        targets = own.set_index("decided_at")["target"]
        for decided in targets.index[(targets.diff().abs() == 1.0)]:
            bar = bars.loc[entries[symbol, decided]]
            if bar["volume"]:
                parts.append(1.0 / (bar["close"] * bar["volume"]))
    assert capacity["currency"] == "USD"
    assert capacity["trades"] >= len(parts) > 50
    assert np.isclose(capacity["median"], 0.01 / np.median(parts), rtol=0.05)


POLICIES = (
    "long-flat", "long-short", "top:2", "top-bottom:2", "quantile:0.3", "rank-weighted", "top-drop:3:1",
)  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    bars = {name: panel_bars(name, bars=400) for name in NAMES}
    bars["D"] = bars["D"].rows(slice(0, 330))
    return panel_run(folder / "runs", folder, prices=bars, edge={"lstm": 0.3}, baselines=(), seeds=1, folds=2)[0]


@pytest.mark.parametrize("weighting", ["equal", "inverse-volatility"])
@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_replayed_without_the_future_or_with_another_gives_the_same_shares(
    small, monkeypatch, policy, weighting
):
    """And is caught where a share follows from the forecast of the symbol's next decision."""
    rules = TradingConfig(policy=policy, weighting=weighting, costs=COSTS)
    rows, bars, described = panel_rows(small.predictions()), small.bars(), small.describe()
    allocator = shares.PanelAllocator(
        rules=rules,
        states=shares.market_states(bars, rules=rules, described=described),
        closes={symbol: own["closed_at"].dt.tz_convert(None).to_numpy() for symbol, own in bars.groupby("symbol")},
    )
    trades = accounts.panel_trades(rows, small.validation(), allocator=allocator)
    replayed = list(lookahead_audit._replays(trades, bars, rules=rules, described=described))
    assert len(replayed) == 4
    assert all(unchanged for _, unchanged in replayed)
    honest = shares.panel_shares

    def ahead(probability, symbol, *args, **options):
        following = pd.Series(probability).groupby(symbol).shift(-1, fill_value=0.5).to_numpy()
        return honest(following, symbol, *args, **options)

    monkeypatch.setattr(shares, "panel_shares", ahead)
    trades = accounts.panel_trades(rows, small.validation(), allocator=allocator)
    assert not all(
        unchanged for _, unchanged in lookahead_audit._replays(trades, bars, rules=rules, described=described)
    )
