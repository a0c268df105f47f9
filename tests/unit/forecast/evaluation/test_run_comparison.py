"""Runs against each other on the days that both traded, with numbers from outside the code under test."""

import re

import exchange_calendars
import numpy as np
import pandas as pd
import pytest

from forecast.config.trading import TradingConfig
from forecast.evaluation import run_comparison
from forecast.evaluation.backtest import evaluate
from forecast.evaluation.run_comparison import differences, differing, open_compared
from forecast.report import write_run_comparison
from forecast.report.sections import run_comparison as section
from forecast.runs.io import read_json, write_json
from forecast.statistics.inference import estimate_difference
from pipelines.errors import RunError
from tests.helpers.panel_runs import panel_bars, panel_run
from tests.helpers.report_fixtures import build_run, save_backtest


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared") / "runs"
    build_run(folder, name="AAPL-1d-aaaaaaaaaa", bars=400, folds=2, seeds=2)
    build_run(folder, name="AAPL-1d-bbbbbbbbbb", bars=400, folds=2, seeds=2, edge=0.5, rng_seed=0)
    build_run(folder, name="MSFT-1d-cccccccccc", symbol="MSFT", bars=300, folds=2, seeds=2, rng_seed=3)
    return folder


@pytest.fixture
def compared(runs):
    from forecast.runs.catalog import open_run

    return [open_compared(open_run(runs, f"{name}")) for name in ("AAPL-1d-aaaaaaaaaa", "AAPL-1d-bbbbbbbbbb")]


def daily(run, model, member="ensemble"):
    """Net returns of a ledger by session, by hand: the last row's cost belongs to the day before.

    The made-up bars are on weekdays; a holiday among them counts to the session after it.
    """
    rows = run.backtest("default").ledger
    rows = rows[(rows["model"] == model) & (rows["member"] == member)]
    net = rows["net_return"].to_numpy(copy=True)
    net[-2] = (1 + net[-2]) * (1 + net[-1]) - 1
    calendar = exchange_calendars.get_calendar("XNYS", start="2005-01-01", end="2007-12-31")
    days = [calendar.date_to_session(str(day), direction="next").date() for day in rows["time"].dt.date[:-1]]
    return pd.Series(net[:-1], index=days).groupby(level=0).sum()


def test_the_difference_is_the_mean_over_common_days_with_the_interval_of_days_and_seeds(compared):
    by_model = {difference.model: difference for difference in differences(compared)}
    a, b = compared[1].run, compared[0].run
    returns, other = daily(a, "lstm"), daily(b, "lstm")
    assert by_model["lstm"].difference == pytest.approx(float((returns - other).mean()), rel=1e-12)
    assert (by_model["lstm"].days, by_model["lstm"].first, by_model["lstm"].last) == (
        len(returns), str(returns.index[0]), str(returns.index[-1])
    )  # fmt: skip
    seeds = [np.stack([daily(run, "lstm", str(seed)) for seed in range(2)], 1) for run in (a, b)]
    expected = estimate_difference(returns.to_numpy(), other.to_numpy(), seeds_a=seeds[0], seeds_b=seeds[1])
    assert by_model["simple_rnn"].missing == "same_returns"  # so that one test is left, at the full level
    assert (by_model["lstm"].low, by_model["lstm"].high) == pytest.approx(expected.interval(0.95))
    assert by_model["lstm"].p_value == pytest.approx(expected.p_value)


def test_an_answer_is_given_exactly_where_the_interval_excludes_zero(compared):
    tested = [difference for difference in differences(compared) if difference.missing is None]
    assert {difference.answer for difference in tested} == {"better"}
    for difference in tested:
        excludes = difference.low > 0 or difference.high < 0
        assert (difference.answer != "inconclusive") == excludes == (difference.p_adjusted < 0.05)


def test_runs_of_two_symbols_are_compared_on_the_days_they_share(runs):
    from forecast.runs.catalog import open_run

    compared = [open_compared(open_run(runs, name)) for name in ("AAPL-1d-aaaaaaaaaa", "MSFT-1d-cccccccccc")]
    comparison = differences(compared)[0]
    days = set(daily(compared[0].run, "lstm").index) & set(daily(compared[1].run, "lstm").index)
    assert 20 < comparison.days == len(days) < len(daily(compared[0].run, "lstm"))
    assert differing(compared) == {
        "symbol": ["AAPL", "MSFT"],
        "bars used": [candidate.run.describe()["data"]["fingerprint"][:12] for candidate in compared],
    }


def test_runs_without_a_common_day_say_so_and_show_the_rest(runs, tmp_path):
    from forecast.runs.catalog import open_run

    first, other = (open_compared(open_run(runs, name)) for name in ("AAPL-1d-aaaaaaaaaa", "MSFT-1d-cccccccccc"))
    moved = tuple(
        run_comparison.replace(account, days=account.days + np.timedelta64(10_000, "D")) for account in other.accounts
    )
    compared = [first, run_comparison.replace(other, accounts=moved)]
    rows = differences(compared)
    assert {difference.missing for difference in rows} == {"no_common_days"}
    assert "no day in common" in section.sentence(rows[0])
    page = write_run_comparison(compared, rows, folder=tmp_path)
    assert "no day in common" in page.read_text()


def test_two_backtests_of_one_run_are_compared_like_two_runs(runs, tmp_path):
    run = build_run(tmp_path / "runs", bars=300, folds=1, seeds=2)
    save_backtest(run, "again", bars_per_year=252.0)
    compared = [open_compared(run, backtest=name) for name in ("default", "again")]
    assert {difference.missing for difference in differences(compared)} == {"same_returns"}
    with pytest.raises(RunError, match=r"Expected a backtest of run .* \(default, again\), got 'other'"):
        open_compared(run, backtest="other")


def test_a_single_seed_is_compared_by_its_days_alone(tmp_path):
    runs = [build_run(tmp_path, name=f"A-1d-{number}", bars=300, folds=1, seeds=1, edge=number) for number in (0, 1)]
    by_model = {difference.model: difference for difference in differences([open_compared(run) for run in runs])}
    assert by_model["lstm"].p_value is not None


def test_settings_that_differ_are_on_the_page_with_each_run_linked_that_has_one(runs, tmp_path):
    run = build_run(tmp_path / "runs", name="A-1d-one", bars=300, folds=1, seeds=2)
    other = build_run(tmp_path / "runs", name="A-1d-two", bars=300, folds=1, seeds=2)
    about = read_json(other.folder / "run.json")
    write_json(other.folder / "run.json", {**about, "config": {**about["config"], "window": 60, "note<b>": "<i>"}})
    (tmp_path / "A-1d-one.html").touch()
    compared = [open_compared(candidate) for candidate in (run, other)]
    assert differing(compared) == {"window": [30, 60], "note<b>": [None, "<i>"]}
    text = write_run_comparison(compared, differences(compared), folder=tmp_path).read_text()
    assert '<th scope="row">window</th><td>30</td><td>60</td>' in text
    assert 'href="A-1d-one.html"' in text
    assert 'href="A-1d-two.html"' not in text
    assert "&lt;i&gt;" in text
    assert "note<b>" not in text
    assert text.count("<polyline") == 4
    # colours that there are
    assert set(re.findall(r"stroke=\"var\(--(\w+)\)", text)) <= set(re.findall(r"--(\w+):", text))


def test_a_day_of_a_market_that_never_closes_is_the_day_it_opens_on(tmp_path):
    """A bar from one midnight to the next: it is compared with New York's of that day, not of the day before."""
    prices = {name: panel_bars(name, bars=300) for name in ("A", "B", "C")}
    run, _ = panel_run(tmp_path / "runs", tmp_path, prices=prices, edge={"lstm": 0.0}, baselines=(), folds=1)
    ledger = evaluate(run, rules=TradingConfig()).ledger
    opened = ledger[(ledger["model"] == "lstm") & (ledger["member"] == "ensemble")]["time"].iloc[:-1]
    (account,) = open_compared(run).accounts
    np.testing.assert_array_equal(account.days, opened.dt.tz_convert(None).to_numpy().astype("datetime64[D]"))
