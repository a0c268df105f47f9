"""Shapes of forecasts: which are recognised, which are asked about, and that no file gives a traceback."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.config.judging import JudgeConfig
from forecast.evaluation.judging.foreign_forecasts import probabilities, read_file, recognise
from pipelines.errors import BadFileError, ForecastError

DAYS = pd.date_range("2020-01-01", periods=6)
RETURNS = [0.01, -0.02, 0.0, 0.03, -0.01, 0.02]


def read(frame, **more):
    return recognise(frame, config=JudgeConfig(**more))


@pytest.mark.parametrize(
    ("columns", "kind", "models"),
    [
        ({"date": DAYS, "probability": [0.1, 0.9, 0.5, 0.4, 0.6, 0.7]}, "probability", ["forecast"]),
        ({"date": DAYS, "Signal": ["buy", "hold", "sell", "Buy", "sell", "hold"]}, "signal", ["forecast"]),
        ({"date": DAYS, "signal": [1, 0, -1, 1, 0, -1]}, "signal", ["forecast"]),
        ({"date": DAYS, "position": [1, 0, 1, 1, 0, 0]}, "position", ["forecast"]),
        ({"timestamp": DAYS, "y_hat": RETURNS}, "score", ["forecast"]),
        ({"date": DAYS, "model": ["a", "b"] * 3, "score": RETURNS}, "score", ["a", "b"]),
        ({"date": DAYS, "ridge": RETURNS, "ARIMA": RETURNS[::-1]}, "score", ["ridge", "ARIMA"]),
        ({"unique_id": "AAPL", "ds": DAYS, "LSTM": RETURNS, "LSTM-lo-90": RETURNS}, "score", ["LSTM"]),
        ({"date": DAYS, "mine": [1, 0, -1, 1, 0, -1]}, "signal", ["mine"]),
    ],
)
def test_usual_shapes_are_recognised(columns, kind, models):
    forecasts = read(pd.DataFrame(columns))
    assert forecasts.values == kind
    assert list(dict.fromkeys(forecasts.rows["model"])) == [f"judged:{name}" for name in models]


def test_a_frame_with_times_as_its_index_is_read_as_darts_gives_it():
    forecasts = read(pd.DataFrame({"nbeats": RETURNS}, index=pd.DatetimeIndex(DAYS, name="time")))
    assert forecasts.rows["model"].unique().tolist() == ["judged:nbeats"]
    assert forecasts.rows["time"].tolist() == DAYS.tolist()


def test_cross_validation_of_statsforecast_is_dated_by_its_cutoff():
    frame = pd.DataFrame(
        {"unique_id": "AAPL", "ds": DAYS, "cutoff": DAYS - pd.Timedelta("1D"), "y": RETURNS, "Naive": RETURNS}
    )
    forecasts = read(frame)
    assert forecasts.cutoff
    assert forecasts.rows["time"].tolist() == frame["cutoff"].tolist()
    assert forecasts.rows["model"].unique().tolist() == ["judged:Naive"]
    assert forecasts.symbols == ["AAPL"]


def test_hold_is_one_half_and_a_buy_is_certain():
    forecasts = read(pd.DataFrame({"date": DAYS, "signal": ["buy", "hold", "sell", "long", "short", "hold"]}))
    assert forecasts.rows["value"].tolist() == [1.0, 0.5, 0.0, 1.0, 0.0, 0.5]


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_scores_keep_their_order_and_sign(scores):
    values = np.array(scores)
    mapped = probabilities(values, kind="score")
    assert ((mapped >= 0) & (mapped <= 1)).all()
    assert (np.diff(mapped[np.argsort(values)]) >= 0).all()
    big = np.abs(values) > 1e-12
    assert (np.sign(mapped - 0.5)[big] == np.sign(values)[big]).all()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({}, "empty table"),
        ({"date": [], "probability": []}, "empty table"),
        ({"probability": [0.5]}, "Expected a column of times"),
        ({"date": DAYS, "probability": 1.2}, "Expected probabilities from 0 to 1, got 1.2 in row 0 and 5 others"),
        ({"date": DAYS, "probability": [0.5, np.nan, 0.5, 0.5, 0.5, 0.5]}, "finite numbers .* got nan in row 1"),
        ({"date": DAYS, "score": [np.inf] * 6}, "finite numbers .* got inf"),
        ({"date": DAYS, "score": ["high"] * 6}, "Expected numbers as forecasts"),
        ({"date": DAYS, "signal": ["buy", "maybe"] * 3}, "Expected each signal out of .* got 'maybe' in row 1"),
        ({"date": DAYS, "signal": [2] * 6}, "Expected signals -1, 0"),
        ({"date": DAYS, "position": [0.5] * 6}, "Expected positions 0"),
        ({"date": DAYS, "mine": [0.2] * 6}, "numbers from 0 to 1 that may be probabilities or scores"),
        ({"date": DAYS, "prediction": [0.2, 0.6] * 3}, "may be probabilities or scores. Say --values probability"),
        ({"date": DAYS, "mine": [101.0] * 6}, "Say --values price"),
        ({"date": DAYS, "probability": 0.5, "score": 0.1}, "Expected one column of forecasts, got probability, score"),
        ({"date": DAYS, "ds": DAYS, "score": 0.1}, "Expected a column of times, got date, ds"),
        ({"date": ["01/02/2020"] * 6, "score": RETURNS}, "Expected days like 2024-01-31"),
        ({"date": np.arange(6), "score": RETURNS}, "got numbers such as 0"),
        ({"date": [None, *DAYS[1:]], "score": RETURNS}, "Expected a time in every row of date, got none in row 0"),
        ({"date": DAYS, "score": RETURNS, "seed": [0.5] * 6}, "whole seed numbers"),
        ({"date": DAYS, "score": RETURNS, "model": ["cash"] * 6}, "a name of its own|model name of its own"),
        ({"date": DAYS, "score": RETURNS, "model": ["a:b"] * 6}, "without a colon"),
        ({"date": DAYS, "score": RETURNS, "model": ["logistic"] * 6}, "got logistic, a benchmark's"),
        ({"date": DAYS, "close": RETURNS}, "Expected a column of forecasts named"),
        ({"date": DAYS, "score": RETURNS, "symbol": ["../x"] * 6}, "Expected a symbol"),
    ],
)
def test_what_cannot_be_forecasts_is_refused(columns, message):
    with pytest.raises(ForecastError, match=message):
        read(pd.DataFrame(columns))


@pytest.mark.parametrize("table", [None, 5, [1, 2], {"date": [1]}, np.zeros(3)])
def test_something_else_than_a_frame_is_refused(table):
    with pytest.raises(BadFileError, match="Expected forecasts as a DataFrame"):
        read(table)


def test_several_rows_of_headings_are_refused():
    frame = pd.DataFrame([[0.1, 0.2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")]))
    with pytest.raises(BadFileError, match="one row of headings"):
        read(frame)


@pytest.mark.parametrize("name", ["none.csv", "none.parquet", "none.xlsx", "none"])
def test_a_file_that_is_missing_or_of_another_kind_is_said(tmp_path, name):
    with pytest.raises(BadFileError):
        read_file(tmp_path / name)


def whole_file(folder, kind):
    frame = pd.DataFrame(
        {"date": DAYS.astype(str), "model": ["a", "b"] * 3, "probability": [0.1, 0.9, 0.5, 0.4, 0.6, 0.7]}
    )
    path = folder / f"forecasts.{kind}"
    frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path, index=False)
    return path


def refusal(action):
    """The message of a refusal, or that of none; anything else that is raised is a defect."""
    try:
        action()
    except ForecastError as error:
        return str(error)
    return "Expected, and got"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


def test_texts_that_are_no_utf8_are_refused(tmp_path):
    days = pa.array(["2024-01-02", "2024-01-03"])
    offsets, content = days.buffers()[1:]
    spoiled = pa.StringArray.from_buffers(2, offsets, pa.py_buffer(content.to_pybytes().replace(b"03", b"\xff3")))
    pq.write_table(pa.table({"date": spoiled, "probability": [0.4, 0.6]}), tmp_path / "mine.parquet")
    with pytest.raises(BadFileError, match=r"got something that cannot be read .*UTF8"):
        read_file(tmp_path / "mine.parquet")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused_and_never_a_defect(folder, kind, data):
    content = bytearray(whole_file(folder, kind).read_bytes())
    for _ in range(data.draw(st.integers(0, 6))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    path = folder / f"damaged.{kind}"
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    assert refusal(lambda: recognise(read_file(path), config=JudgeConfig())).startswith("Expected")


_CELLS = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**12), 10**12), st.floats(), st.text(max_size=12), st.dates(),
    st.datetimes(), st.sampled_from(["2020-01-02", "buy", "-1", "2020-01-02T00:00:00Z", "AAPL"]),
)  # fmt: skip
_NAMES = st.sampled_from(
    ["date", "ds", "time", "symbol", "unique_id", "model", "seed", "fold", "cutoff", "probability", "signal",
     "position", "score", "mine", "y", "decided_at", "LSTM-lo-90"]
)  # fmt: skip


@given(data=st.data())
def test_any_frame_is_read_or_refused(data):
    names = data.draw(st.lists(_NAMES, min_size=1, max_size=6, unique=True))
    rows = data.draw(st.integers(0, 4))
    frame = pd.DataFrame({name: data.draw(st.lists(_CELLS, min_size=rows, max_size=rows)) for name in names})
    assert refusal(lambda: np.isfinite(read(frame).rows["value"]).all()).startswith("Expected")
