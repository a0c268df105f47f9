"""Months, folds, drawdowns, costs and trades of a page, against numbers worked out another way."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.report import formatting, write_report
from forecast.report.charts import returns as charts
from forecast.report.charts import trades
from forecast.report.context import PageContext, gather
from forecast.report.document import compacted
from forecast.report.sections import returns, sensitivity, tables
from forecast.report.sections.trades import trade_lists
from forecast.runs.run import Run
from forecast.statistics.performance import drawdown, equity_curve
from forecast.statistics.risk import drawdowns
from forecast.statistics.verdict import Verdict
from tests.helpers.report_fixtures import build_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return build_run(tmp_path_factory.mktemp("data") / "runs", bars=1500)


@pytest.fixture(scope="module")
def context(run: Run) -> PageContext:
    return gather(run, backtest="default")


@pytest.fixture(scope="module")
def daily(context: PageContext) -> "pd.Series[float]":
    return pd.Series(context.returns("lstm"), index=pd.DatetimeIndex(context.times))


def test_months_and_years_are_those_of_pandas(context: PageContext, daily: "pd.Series[float]") -> None:
    maps = returns.by_month(context)
    assert maps is not None
    months = (1 + daily).resample("ME").prod() - 1
    years = (1 + daily).resample("YE").prod() - 1
    table = {row["year"]: row for row in maps[0]["years"]}
    assert [row["total"] for row in table.values()] == [formatting.percent(value) for value in years]
    for day, value in months.items():
        cell = table[str(day.year)]["months"][day.month - 1]
        assert cell["text"] == formatting.number(100 * value, 1)
        assert cell["shade"].startswith("gain" if value > 5e-4 else "loss" if value < -5e-4 else "")


def test_folds_compound_to_the_total_return(context: PageContext, run: Run) -> None:
    table = returns.by_fold(context)
    assert table is not None
    assert [row["name"] for row in table["rows"]] == [f"Fold {number}" for number in range(6)]
    assert sum(int(row["detail"].split()[0]) for row in table["rows"]) == len(context.times)


def test_the_deepest_of_the_worst_drawdowns_is_the_maximum(context: PageContext, run: Run) -> None:
    worst = run.metrics("default")["performance"]["lstm"]["ensemble"]["max_drawdown"]
    assert returns.worst_drawdowns(context)[0]["rows"][0]["depth"] == formatting.percent(worst)


def test_the_longest_of_the_drawdowns_is_as_long_as_the_table_of_performance_says(context: PageContext) -> None:
    earned = context.returns("lstm")
    times = np.append(context.times[:1], context.times)
    lengths = [returns._fall(context, fall, times)["length"] for fall in drawdowns(earned)]
    assert drawdown(equity_curve(earned))[1] == max(int(length.replace("\u202f", "")) for length in lengths)
    net_returns = np.array([0.1, -0.2, 0.1, 0.3])
    assert returns._fall(context, drawdowns(net_returns)[0], times)["length"] == "2"
    assert drawdown(equity_curve(net_returns))[1] == 2


def test_regimes_hold_every_session_once(context: PageContext) -> None:
    table = returns.by_regime(context)
    assert table is not None
    assert [row["name"] for row in table["rows"]] == ["Calm", "Normal", "Turbulent"]
    assert sum(int(row["detail"].split()[0]) for row in table["rows"]) == len(context.times)


def test_the_cost_chart_passes_through_the_backtests_own_return(context: PageContext, run: Run) -> None:
    figure = sensitivity.figures(context)["costs"]
    own = run.metrics("default")["performance"]["lstm"]["ensemble"]["annual_return"]
    (line,) = [trace for trace in figure["data"] if trace["name"] == "LSTM"]
    assert line["y"][line["x"].index(3.0)] == pytest.approx(own, rel=1e-3)
    assert line["y"] == sorted(line["y"], reverse=True)


def test_the_list_has_every_closed_trade(context: PageContext, run: Run) -> None:
    (lstm, _) = trade_lists(context)
    entry = run.metrics("default")["performance"]["lstm"]["ensemble"]
    assert lstm["total"] == len(lstm["net"]) == entry["trades"]
    assert np.mean(np.array(lstm["net"]) > 0) == pytest.approx(entry["hit_rate"], abs=0.01)
    assert np.prod(1 + np.array(lstm["net"])) - 1 == pytest.approx(entry["total_return"], rel=0.01)


def test_few_sessions_are_listed_day_by_day(tmp_path: Path) -> None:
    short = gather(build_run(tmp_path / "runs", bars=400, interval="tick:500"), backtest="default")
    assert returns.by_month(short) is None
    days = returns.by_day(short)
    assert days is not None
    assert [row["name"] for row in days["rows"]] == ["2013-09-03"]
    assert short.unit == "bar"
    assert charts.rolling_window(short) is None


def test_long_runs_join_bars_to_candles(context: PageContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trades, "_MOST_CANDLES", 300)
    figure = trades.prices(context)
    candles, bars = figure["data"][0], context.bars.iloc[context.traded]
    width = figure["joined"]
    assert width == -(-len(bars) // 300)
    first = bars.iloc[:width]
    assert [candles[name][0] for name in ("open", "high", "low", "close")] == pytest.approx(
        [
            7.5 * first["open"].iloc[0],
            7.5 * first["high"].max(),
            7.5 * first["low"].min(),
            7.5 * first["close"].iloc[-1],
        ],
        rel=1e-5,
    )


@given(
    st.lists(st.lists(st.integers(0, 4_000_000_000_000), min_size=1, max_size=20).map(sorted), min_size=1, max_size=4)
)
def test_times_that_are_stored_once_come_back_the_same(charts_times: list[list[int]]) -> None:
    texts = [np.datetime_as_string(np.array(times, dtype="datetime64[ms]")).tolist() for times in charts_times]
    figures = {str(at): {"data": [{"x": x}], "layout": {}, "alt": ""} for at, x in enumerate(texts)}
    packed = json.loads(json.dumps(compacted(figures)))
    dates = packed["times"]["date"]
    moments = dates["first"] + dates["step"] * np.cumsum([0, *dates["gaps"]])
    for at, times in enumerate(charts_times):
        places = packed["figures"][str(at)]["data"][0]["x"]
        steps = places["steps"] if "steps" in places else [1] * (places["count"] - 1)
        assert moments[np.cumsum([places["from"], *steps])].tolist() == times


def test_what_is_no_time_stays_as_it_is() -> None:
    figure = {"data": [{"x": [1, 2]}, {"x": ["a", "b"]}, {"x": []}, {}], "layout": {}, "alt": ""}
    assert compacted({"one": figure})["figures"]["one"]["data"] == figure["data"]


def test_a_network_worse_than_the_base_rate_is_said_to_have_learned_nothing(
    context: PageContext, tmp_path: Path
) -> None:
    verdict = {**context.metrics["verdict"], "caveats": [{"code": "nothing_learned", "value": 0.01, "subject": "lstm"}]}
    run = build_run(tmp_path / "runs", bars=400, seeds=1, folds=1)
    loss = run.metrics("default")["prediction"]["lstm"]["ensemble"]["log_loss"]
    findings = tables.learned(gather(run, backtest="default"), Verdict.from_json(verdict))
    assert [headline for headline, _ in findings] == ["The LSTM has learned nothing about the size of the odds."]
    assert f"is {loss:.4f}" in findings[0][1]
    assert f"had {loss - 0.01:.4f}" in findings[0][1]


def test_the_page_of_a_default_run_stays_below_600_kilobytes(run: Run, tmp_path: Path) -> None:
    assert write_report(run, backtest="default", folder=tmp_path).stat().st_size <= 600_000


def test_a_portfolio_has_no_calendar_and_counts_dates(context: PageContext) -> None:
    bare = replace(context, about={**context.about, "data": {"interval": "1d"}}, bars=pd.DataFrame())
    assert returns.by_regime(bare) is None
    assert len(bare.times) == len(context.sessions)
