"""`forecast.judge`: frames, files and predictors from Python, with bars of the store or of a frame."""

import numpy as np
import pandas as pd
import pytest

import forecast as fc
from tests.helpers.foreign_forecasts import market, probabilities


@pytest.fixture(scope="module")
def source():
    return market()


@pytest.fixture(scope="module")
def prices(source):
    raw = source.raw
    columns = {name: getattr(raw, name) for name in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame(columns, index=pd.DatetimeIndex(raw.closed_at).normalize())


@pytest.fixture
def place(tmp_path):
    return fc.Workspace(data_dir=tmp_path / "data", reports_dir=tmp_path / "reports")


def test_a_frame_is_judged_on_bars_of_a_frame_as_on_bars_of_the_store(source, prices, place):
    frame = probabilities(source, edge=0.5)
    experiment = fc.Experiment("XYZ", window=10, baselines=["previous_sign"])
    of_frame = fc.judge(frame, experiment, bars=prices, progress=False, workspace=place)
    fc.add_bars("XYZ", prices, progress=False, workspace=place)
    stored = fc.judge(frame, experiment, progress=False, workspace=place)
    assert of_frame.run.name == stored.run.name
    assert stored.verdict.skill.answer == "better"
    assert stored.performance.loc["judged:forecast", "exposure"] <= 1.0
    page = fc.report(stored.run, stored, workspace=place).read_text()
    assert "Where the forecasts come from" in page
    assert "Cannot be checked" in page
    assert 'id="learning"' not in page
    assert "data that the networks had not seen" not in page
    assert "Out of sample, net" not in page


def test_bars_of_a_frame_have_the_calendar_that_is_given_with_them(place):
    days = pd.date_range("2003-01-01", periods=120)  # weekends too
    price = 100.0 + np.arange(120.0) % 7
    bars = pd.DataFrame({"open": price, "high": price + 1.0, "low": price - 1.0, "close": price}, index=days)
    forecasts = pd.DataFrame({"date": days[20:100], "probability": 0.5 + np.sin(np.arange(80)) / 10})
    with pytest.raises(fc.ForecastError, match=r"The rows fit 24/7: calendar 24/7\."):
        fc.judge(forecasts, "COIN", bars=bars, progress=False, workspace=place)
    result = fc.judge(forecasts, "COIN", bars=bars, calendar="24/7", progress=False, workspace=place)
    assert result.run.describe()["data"]["calendar"] == "24/7"
    assert len(result.run.predictions().query("model == 'judged:forecast'")) == 80
    with pytest.raises(fc.ForecastError, match="Expected calendar with bars, got '24/7' without"):
        fc.judge(forecasts, "COIN", calendar="24/7", progress=False, workspace=place)


def test_a_file_is_judged_as_its_frame_and_the_run_has_its_sha256(source, prices, place, tmp_path):
    probabilities(source).to_csv(tmp_path / "mine.csv", index=False)
    result = fc.judge(tmp_path / "mine.csv", "XYZ", bars=prices, progress=False, workspace=place)
    assert result.run.describe()["judged"]["source"] == "mine.csv"
    assert len(result.run.describe()["judged"]["sha256"]) == 64


def test_a_predictor_is_announced_as_code_asked_and_judged(prices, place, capsys):
    result = fc.judge(None, "XYZ", predictor="tests.helpers.predictors:average", bars=prices, workspace=place)
    assert "runs with your rights" in " ".join(capsys.readouterr().err.split())
    assert result.performance.index[0] == "judged:average"
    page = fc.report(result.run, result, workspace=place).read_text()
    assert "gave the same answer when it was asked" in page


def test_several_symbols_in_one_frame_are_a_family_whose_claims_are_corrected_together(place):
    sources = {name: market(symbol=name, seed=number) for number, name in enumerate(("ABC", "XYZ"))}
    frame = pd.concat([probabilities(source, edge=0.5).assign(symbol=name) for name, source in sources.items()])
    bars = {
        name.lower(): pd.DataFrame(
            {column: getattr(source.raw, column) for column in ("open", "high", "low", "close", "volume")},
            index=pd.DatetimeIndex(source.raw.closed_at).normalize(),
        )
        for name, source in sources.items()
    }
    experiments = [fc.Experiment(name, window=10, baselines=["previous_sign"]) for name in sources]
    family = fc.judge(frame, experiments, bars=bars, progress=False, workspace=place)
    assert [result.symbol for result in family] == ["ABC", "XYZ"]
    assert len({result.run.name for result in family}) == len(family) == 2
    base_rate = family.comparisons.query("family == 'base_rate' and model == 'judged:forecast'")
    assert base_rate["answer"].tolist() == ["better", "better"]
    assert (base_rate["p_adjusted"] >= base_rate["p_value"]).all()
    alone = fc.judge(frame, experiments[1], bars=bars["xyz"], progress=False, workspace=place)
    assert alone.run.name == family["xyz"].run.name
    assert repr(family).startswith("Backtest ")
    assert "Corrected together" in family.sentences[0]
    with pytest.raises(fc.ForecastError, match="Expected a symbol out of ABC, XYZ, got 'ABD'"):
        family["ABD"]
    with pytest.raises(fc.ForecastError, match="Expected a frame of bars for each of ABC, XYZ, got one DataFrame"):
        fc.judge(frame, experiments, bars=bars["xyz"], progress=False, workspace=place)
    with pytest.raises(fc.ForecastError, match="Expected a frame of bars for each symbol, got none of ABC"):
        fc.judge(frame, experiments, bars={"XYZ": bars["xyz"]}, progress=False, workspace=place)


def test_days_on_which_the_exchange_is_closed_are_named(prices, place):
    days = pd.to_datetime(["2010-11-25", "2010-11-27", "2010-11-28", "2010-12-25"])  # Thanksgiving, weekend, Christmas
    frame = pd.DataFrame({"date": days, "probability": [0.4, 0.5, 0.6, 0.7]})
    with pytest.raises(fc.ForecastError) as caught:
        fc.judge(frame, "XYZ", bars=prices, progress=False, workspace=place)
    assert str(caught.value) == (
        "Expected sessions of XNYS, got 4 of 4 rows on other days: Thursday 2010-11-25, Saturday 2010-11-27, "
        "Sunday 2010-11-28, .... Leave these rows out, or date each by its session."
    )


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((None, "XYZ"), {}, "Expected predictions or a predictor, got neither"),
        (([1, 2], "XYZ"), {}, "Expected forecasts as a DataFrame"),
        ((pd.DataFrame(), "XYZ"), {}, "empty table"),
        (("nowhere.csv", "XYZ"), {}, "got none at nowhere.csv"),
        ((pd.DataFrame({"date": ["2020-01-02"], "probability": [0.5]}), 5), {}, "Expected symbol as an Experiment"),
        ((None, "XYZ"), {"predictor": "nowhere:rule"}, "Predictor nowhere:rule: expected a module nowhere"),
        ((None, "XYZ"), {"predictor": "rule"}, "Expected a predictor as module:function"),
        (
            (pd.DataFrame({"date": ["2020-01-02"], "p": [0.5]}), "XYZ"),
            {"reading": 5},
            "Expected reading as a JudgeConfig",
        ),
        ((pd.DataFrame({"date": ["2020-01-02"], "p": [0.5]}), "XYZ"), {}, "XYZ"),
        ((pd.DataFrame({"date": ["2020-01-02"], "p": [0.5]}), "../x"), {}, "Expected a symbol"),
    ],
)
def test_what_cannot_be_judged_is_a_forecast_error_and_nothing_is_written(place, arguments, options, message):
    with pytest.raises(fc.ForecastError, match=message):
        fc.judge(*arguments, progress=False, workspace=place, **options)
    assert not place.runs.exists()


def test_notes_go_to_an_object_of_ones_own(source, prices, place):
    messages = []

    class Notes:
        def begin(self, *, total: int, done: int) -> None: ...
        def advance(self) -> None: ...
        def note(self, message: str) -> None:
            messages.append(message)

    frame = probabilities(source).assign(extra=np.nan)
    fc.judge(frame, "XYZ", bars=prices, progress=Notes(), workspace=place)
    assert any(message.startswith("Each row was taken as dated by its session") for message in messages)
    assert "Columns that were not used: extra." in messages
