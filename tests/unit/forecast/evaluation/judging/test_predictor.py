"""Predictors: asked bar by bar, asked again on truncated histories, refused when they look ahead."""

import numpy as np
import pandas as pd
import pytest

from forecast.config.experiment import Experiment
from forecast.config.judging import JudgeConfig
from forecast.evaluation.judging import predictor
from forecast.evaluation.judging.judged_run import ask_predictors, judge
from forecast.evaluation.judging.predictor import ask
from pipelines.errors import ForecastError
from tests.helpers.foreign_forecasts import market
from tests.helpers.predictors import averages

HERE = "tests.helpers.predictors"
ROWS = np.arange(200, 240)


@pytest.fixture(scope="module")
def bars():
    return market(300).raw


def answers(name, bars, **more):
    return ask(f"{HERE}:{name}", bars, rows=ROWS, rng=np.random.default_rng(0), **more)


def expected(bars):
    import pandas as pd

    return averages(pd.DataFrame({"close": bars.close}))[ROWS]


@pytest.mark.parametrize(("name", "vectorised"), [("average", False), ("averages", True), ("changing", False)])
def test_a_predictor_is_given_the_bars_up_to_each_decision(bars, name, vectorised):
    answers_of_all = answers(name, bars)
    np.testing.assert_array_equal(answers_of_all.values, expected(bars))
    assert answers_of_all.vectorised == vectorised
    assert answers_of_all.cuts == len(ROWS)
    assert answers_of_all.unverifiable == ()


@pytest.mark.parametrize("name", ["next_close", "centred"])
def test_one_that_looks_ahead_is_refused(bars, name):
    with pytest.raises(ForecastError, match="it looks ahead"):
        answers(name, bars)


def test_a_fast_one_that_answers_for_whole_histories_is_asked_again_for_every_bar(bars):
    rows = np.arange(99, 299)
    with pytest.raises(ForecastError, match=r"at 1 of 200 bars; it looks ahead"):
        ask(f"{HERE}:next_close_of_one_day", bars, rows=rows, rng=np.random.default_rng(0))


def test_a_slow_one_that_answers_for_whole_histories_is_asked_again_where_leaks_hide(bars):
    rows, values = np.arange(20, 299), np.full(279, 0.5)
    values[150:] = 0.7
    predictors = {
        seconds: predictor._places(bars, rows, values, rng=np.random.default_rng(0), seconds=seconds)
        for seconds in (None, 0.001, 0.1, 100.0)
    }
    assert len(predictors[0.001]) == len(rows)
    assert len(predictors[None]) <= len(predictors[100.0]) <= predictor.CUTS + 6
    assert len(predictors[100.0]) < len(predictors[0.1]) <= predictor.BUDGET / 0.1
    assert {0, 1, 2, 3, 4, len(rows) - 1} <= set(predictors[100.0].tolist())


@pytest.mark.parametrize("name", ["remembering", "by_chance"])
def test_one_that_depends_on_more_than_its_bars_is_refused(bars, name):
    with pytest.raises(ForecastError, match="it depends on what it was asked before, or on chance"):
        ask(f"{HERE}:{name}", bars, rows=np.arange(100, 299), rng=np.random.default_rng(0))


def test_what_a_predictor_reads_is_said_and_that_it_answers_without_prices(bars):
    lines = answers("with_a_file", bars).unverifiable
    assert any("predictor_table.txt" in line for line in lines)
    assert any("gives the same answers for other prices" in line for line in lines)


def test_a_file_that_a_library_opens_without_python_is_noticed(bars, tmp_path, monkeypatch):
    pd.DataFrame({"value": [0.2, 0.8]}).to_parquet(tmp_path / "table.parquet")
    monkeypatch.setenv("FORECAST_TEST_TABLE", str(tmp_path / "table.parquet"))
    lines = answers("with_a_table_of_a_library", bars).unverifiable
    assert "predictor with_a_table_of_a_library reads" in lines[0].replace(f"{HERE}:", "")


def test_no_frame_above_a_predictor_holds_a_later_bar(bars):
    assert set(answers("from_its_caller", bars).values.tolist()) == {0.1}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("short", r"failed at line \d+ of predictors.py: ValueError: needs 250 bars, has 201"),
        ("ending", r"failed at line \d+ of predictors.py: SystemExit: 3"),
        ("text", "expected a number, got 'up'"),
        ("several", r"expected one number for the next bar, or one a bar of the 201 given, got shape \(3,\)"),
        ("nothing", "expected a number, got None"),
        ("not_a_number", "expected a number at every bar, got nan"),
        ("missing", "expected a function missing in"),
    ],
)
def test_one_that_fails_is_a_clear_line(bars, name, message):
    with pytest.raises(ForecastError, match=message) as refused:
        answers(name, bars)
    assert "\n" not in str(refused.value)


def test_one_that_hangs_is_stopped(bars):
    with pytest.raises(ForecastError, match=r"expected an answer within 0\.2 s, got none"):
        answers("endless", bars, seconds=0.2)


def test_a_judged_predictor_writes_nothing_when_it_is_refused_and_says_what_was_audited_when_not(tmp_path):
    source = market(300)
    about = {"source": source, "experiment": Experiment("XYZ", window=5, folds=2, baselines=("previous_sign",))}
    for name, message in (("next_close", "looks ahead"), ("certain", "Expected probabilities from 0 to 1")):
        with pytest.raises(ForecastError, match=message):
            ask_predictors([f"{HERE}:{name}"], config=JudgeConfig(), **about)
    forecasts, read, predictors = ask_predictors([f"{HERE}:average", f"{HERE}:averages"], config=JudgeConfig(), **about)
    assert not list(tmp_path.iterdir())
    run = judge(forecasts, config=read, folder=tmp_path, command="", origin={}, predictors=predictors, **about)
    assert set(run.predictions()["model"]) == {"judged:average", "judged:averages", "previous_sign"}
    described = run.describe()["judged"]["predictors"]
    assert [record["predictor"] for record in described] == [f"{HERE}:average", f"{HERE}:averages"]
    assert all(len(record["sha256"]) == 64 and record["asked_again"] >= 80 for record in described)
    assert run.certificate()["unverifiable"] == [
        "what the model “average” learned from", "what the model “averages” learned from"
    ]  # fmt: skip
