"""What the public functions are given: checked before anything is done, and answered in one line."""

import dataclasses
import inspect
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import forecast as fc
from forecast.api.arguments import in_python
from pipelines.errors import ConfigError


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Fetch more or lower --time-format.", "Fetch more or lower time_format."),
        ("Expected one --model, got two.", "Expected one models, got two."),
        ("Run `forecast data check X --undo 3`; or --end.", "Run `forecast data check X --undo 3`; or end."),
        ("Train it again: forecast train X --overwrite.", "Train it again: forecast train X --overwrite."),
    ],
)
def test_a_hint_works_where_it_is_given(message, expected):
    @in_python
    def function():
        raise ConfigError(message)

    with pytest.raises(ConfigError) as error:
        function()
    assert str(error.value) == expected


class Unprintable:
    def __repr__(self):
        raise RuntimeError("no text")


FRAME = pd.DataFrame({"date": pd.bdate_range("2003-01-06", periods=3), "probability": [0.4, 0.5, 0.6]})
STRANGE = (
    None, -5, 10**400, 2.5, float("nan"), np.int64(-1), pd.NaT, pd.NA, "hello", "", "a\nb", "a\0b", "\ud800", "../x",
    b"AAPL", [], [3], ["AAPL", None], (1, 2), {"AAPL"}, {"a": 1}, iter([1]), range(3), pd.Series([1.0, 2.0]),
    np.ones((2, 2)), FRAME, FRAME.head(0), Path("nowhere"), pd.Timestamp("2003-01-01 05:00", tz="UTC"), 1j, object(),
    len, fc.Experiment, Unprintable(),
)  # fmt: skip
VALID = {
    "fetch": {"symbols": "AAPL", "source": "csv", "file": "nowhere.csv"},
    "add_bars": {"symbol": "ACME", "frame": FRAME.head(0)},
    "add_ticks": {"symbol": "ACME", "frame": FRAME.head(0)},
    "actions": {"symbol": "AAPL"},
    "check_prices": {"symbol": "AAPL"},
    "prices": {"symbol": "AAPL"},
    "remove_prices": {"symbol": "AAPL"},
    "repair_prices": {"symbol": "AAPL"},
    "restore_prices": {"symbol": "AAPL", "version": 0},
    "compare": {"runs": ["AAPL", "MSFT"]},
    "judge": {"predictions": FRAME, "symbol": "AAPL"},
    "power": {"experiment": fc.Experiment("AAPL", tuning_trials=5)},
    "train": {"experiment": fc.Experiment("AAPL")},
    "portfolio": {"runs": ["AAPL", "MSFT"]},
    "memory_benchmark": {"lengths": [3], "seeds": 0},
    "Experiment": {"symbol": "AAPL"},
}
FUNCTIONS = [name for name in fc.__all__ if name[0].islower()]
CONFIGURATIONS = [name for name in fc.__all__ if name[0].isupper() and name.endswith(("Config", "Costs", "Experiment"))]


def message_of(public, arguments):
    try:
        public(**arguments)
    except fc.ForecastError as error:
        return str(error)
    return "none: it is accepted"


@pytest.mark.parametrize("name", [*FUNCTIONS, *CONFIGURATIONS, "Workspace"])
def test_whatever_is_given_the_answer_is_one_line_and_nothing_is_written(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    public = getattr(fc, name)
    parameters = inspect.signature(public).parameters.values()
    named = {parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD}
    quiet = {"progress": False} if "progress" in named else {}
    for parameter in sorted(named | (set(fc.FileOptions.__annotations__) if name == "fetch" else set())):
        for value in STRANGE:
            answer = message_of(public, {**VALID.get(name, {}), **quiet, parameter: value})
            assert len(answer.splitlines()) == 1, (parameter, answer)
    assert [path for path in tmp_path.rglob("*") if path.is_file() and ".lock" not in path.name] == []


def test_a_switch_is_true_or_false():
    with pytest.raises(fc.ForecastError, match="Expected overwrite as true or false, got 'no'"):
        fc.train(fc.Experiment("AAPL"), overwrite="no", progress=False)


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(fc.Experiment)])
def test_a_frame_is_no_setting_of_an_experiment(field):
    with pytest.raises(fc.ForecastError, match="Expected"):
        fc.Experiment(**{"symbol": "AAPL", field: FRAME})


def test_what_a_notebook_shows_of_an_inspection_is_escaped():
    inspection = fc.InspectionResult(
        run=fc.Run(Path("data/runs/x")), sentences=("1 < 2",), tables={}, facts={}, page=Path("<b>.html")
    )
    assert inspection._repr_html_() == "<div><p>1 &lt; 2</p><p>Page: &lt;b&gt;.html</p></div>"
